// The board: 256 × 256 pixels that everybody paints on, and everybody's pointer.
//
// A pixel shows its new color at once. What the entity has stored and what is still on its way are
// kept apart, so that a command that fails, or somebody else's later color, shows as it should.

import type { Event } from '@tutti-rt/client';
import type { Painted, Picture, Pointer } from './categories.ts';
import { type At, type Desk, find } from './desk.ts';
import { hue } from './identity.ts';
import { personOf } from './people.ts';

const side = 256;
const pointerEvery = 40; // ms
const pointerGone = 5_000;

export const palette: readonly (readonly [name: string, light: string, dark: string])[] = [
  ['paper', '#fffdf9', '#15171c'],
  ['ink', '#1d2129', '#eceef3'],
  ['slate', '#8b93a7', '#8b93a7'],
  ['red', '#e5484d', '#e5484d'],
  ['orange', '#f76b15', '#f76b15'],
  ['amber', '#ffc53d', '#ffc53d'],
  ['lime', '#9ad04b', '#9ad04b'],
  ['green', '#2f9e6a', '#2f9e6a'],
  ['teal', '#12a594', '#12a594'],
  ['sky', '#5bc4f0', '#5bc4f0'],
  ['blue', '#3b6fe0', '#3b6fe0'],
  ['indigo', '#5b5bd6', '#6e6ade'],
  ['violet', '#9a5cd0', '#9a5cd0'],
  ['pink', '#e0559f', '#e0559f'],
  ['peach', '#ffb8a0', '#ffb8a0'],
  ['brown', '#a1704b', '#a1704b'],
];

interface Place {
  x: number;
  y: number;
}

export class BoardPanel {
  readonly #entity: At<'board'>;
  readonly #desk: Desk;
  readonly #canvas = find<HTMLCanvasElement>('#canvas');
  readonly #layer = find('#pointers');
  readonly #cross = find('#cross');
  readonly #spot = find('#board-spot');
  readonly #context = this.#canvas.getContext('2d', { alpha: false }) as CanvasRenderingContext2D;
  #stored: Uint8Array = new Uint8Array(side * side);
  #waiting = new Map<number, { color: number }>(); // by pixel, on its way
  #image = new ImageData(side, side);
  #words = new Uint32Array(this.#image.data.buffer);
  #colors = new Uint32Array(palette.length);
  #dirty = false;
  #color = 10;
  #brush = 3;
  #last: Place | null = null; // of the stroke
  #told = 0; // when the pointer was last told
  #pointers = new Map<string, { element: HTMLElement; timer?: number }>(); // by member
  #cursor = { x: 128, y: 128 }; // of the keyboard

  constructor(entity: At<'board'>, desk: Desk) {
    this.#entity = entity;
    this.#desk = desk;
    this.#makePalette();
    this.#listen();
    this.recolor();
    entity.updates.subscribe((u) => (u.type === 'state' ? this.#fresh(u.state) : this.#painted(u.event)));
    entity.messages.subscribe(({ name, by, data }) => name === 'pointer' && by && this.#pointer(by, data));
    entity.members.subscribe(({ list }) => {
      for (const member of this.#pointers.keys()) if (!list.has(member)) this.#dropPointer(member);
    });
  }

  /** recolor draws everything again, for another theme. */
  recolor(): void {
    const dark = document.documentElement.dataset.theme === 'dark';
    palette.forEach(([, light, night], i) => {
      const c = Number.parseInt((dark ? night : light).slice(1), 16);
      this.#colors[i] = 0xff000000 | ((c & 0xff) << 16) | (c & 0xff00) | (c >> 16);
    });
    for (let i = 0; i < this.#stored.length; i++) this.#put(i);
  }

  /** colorAt returns the color that a pixel shows. */
  colorAt(x: number, y: number): number {
    return this.#shown(y * side + x);
  }

  #shown(i: number): number {
    return this.#waiting.get(i)?.color ?? (this.#stored[i] as number);
  }

  #fresh({ pixels }: Picture): void {
    this.#stored = Uint8Array.from(atob(pixels ?? ''), (c) => c.charCodeAt(0));
    for (let i = 0; i < this.#stored.length; i++) this.#put(i);
  }

  #painted({ data }: Event<'painted', Painted>): void {
    const i = data.y * side + data.x;
    this.#stored[i] = data.color;
    this.#put(i);
  }

  #put(i: number): void {
    this.#words[i] = this.#colors[this.#shown(i)] as number;
    if (this.#dirty) return;
    this.#dirty = true;
    requestAnimationFrame(() => {
      this.#dirty = false;
      this.#context.putImageData(this.#image, 0, 0);
    });
  }

  #paint(x: number, y: number): void {
    const r = this.#brush / 2;
    const near = Math.floor(r);
    for (let dy = -near; dy <= near; dy++) {
      for (let dx = -near; dx <= near; dx++) {
        if (dx * dx + dy * dy <= r * r) this.#paintPixel(x + dx, y + dy);
      }
    }
  }

  #paintPixel(x: number, y: number): void {
    if (x < 0 || y < 0 || x >= side || y >= side || this.colorAt(x, y) === this.#color) return;
    const i = y * side + x;
    const own = { color: this.#color };
    this.#waiting.set(i, own);
    this.#put(i);
    const settled = () => {
      if (this.#waiting.get(i) !== own) return; // painted over
      this.#waiting.delete(i);
      this.#put(i);
    };
    const data = { x, y, color: this.#color };
    this.#desk.follow(this.#entity.send('paint', data, { trace: this.#desk.wantsTrace() })).then(settled, settled);
  }

  // stroke paints from the last place to this one without gaps.
  #stroke(x: number, y: number): void {
    const from = this.#last ?? { x, y };
    const steps = Math.max(Math.abs(x - from.x), Math.abs(y - from.y), 1);
    for (let s = this.#last ? 1 : 0; s <= steps; s++) {
      this.#paint(Math.round(from.x + ((x - from.x) * s) / steps), Math.round(from.y + ((y - from.y) * s) / steps));
    }
    this.#last = { x, y };
  }

  #listen(): void {
    const c = this.#canvas;
    c.addEventListener('pointerdown', (e) => {
      if (e.button !== 0) return;
      c.setPointerCapture(e.pointerId);
      this.#last = null;
      const p = this.#place(e);
      this.#stroke(p.px, p.py);
    });
    c.addEventListener('pointermove', (e) => {
      if (this.#last) {
        const between = e.getCoalescedEvents?.() ?? [];
        for (const b of between.length > 0 ? between : [e]) {
          const p = this.#place(b);
          this.#stroke(p.px, p.py);
        }
      }
      this.#tell(this.#place(e));
    });
    for (const end of ['pointerup', 'pointercancel'] as const) c.addEventListener(end, () => (this.#last = null));
    c.addEventListener('pointerleave', () => this.#entity.signal('pointer', null));
    c.addEventListener('keydown', (e) => this.#key(e));
    c.addEventListener('focus', () => this.#moveCross(false));
  }

  // place returns where on the board an event is, exactly and as a pixel.
  #place(e: PointerEvent): Place & { px: number; py: number } {
    const box = this.#canvas.getBoundingClientRect();
    const x = ((e.clientX - box.left) / box.width) * side;
    const y = ((e.clientY - box.top) / box.height) * side;
    return { x, y, px: Math.floor(x), py: Math.floor(y) };
  }

  #tell({ x, y }: Place): void {
    const now = performance.now();
    if (now - this.#told < pointerEvery) return;
    this.#told = now;
    this.#entity.signal('pointer', { x: Math.round(x * 10) / 10, y: Math.round(y * 10) / 10, color: this.#color });
  }

  #key(e: KeyboardEvent): void {
    const step = e.shiftKey ? 8 : 1;
    const moves: Record<string, [number, number]> = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const move = moves[e.key];
    if (move) {
      this.#cursor.x = Math.min(side - 1, Math.max(0, this.#cursor.x + move[0]));
      this.#cursor.y = Math.min(side - 1, Math.max(0, this.#cursor.y + move[1]));
      this.#tell({ x: this.#cursor.x + 0.5, y: this.#cursor.y + 0.5 });
    } else if (e.key === ' ' || e.key === 'Enter') this.#paint(this.#cursor.x, this.#cursor.y);
    else return;
    e.preventDefault();
    this.#moveCross(true);
  }

  #moveCross(say: boolean): void {
    const { x, y } = this.#cursor;
    this.#cross.style.setProperty('--x', String((x + 0.5) / side));
    this.#cross.style.setProperty('--y', String((y + 0.5) / side));
    if (say) this.#spot.textContent = `${x}, ${y}: ${palette[this.colorAt(x, y)]?.[0]}`;
  }

  // Other people's pointers.

  #pointer(by: string, data: Pointer | null): void {
    if (!data) return this.#dropPointer(by);
    const p: { element: HTMLElement; timer?: number } = this.#pointers.get(by) ?? { element: this.#makePointer(by) };
    this.#pointers.set(by, p);
    p.element.style.setProperty('--x', String(clamp(data.x / side)));
    p.element.style.setProperty('--y', String(clamp(data.y / side)));
    p.element.classList.toggle('right', data.x > side * 0.72); // the name stays on the board
    clearTimeout(p.timer);
    p.timer = setTimeout(() => this.#dropPointer(by), pointerGone);
  }

  #makePointer(by: string): HTMLElement {
    const { name } = personOf(this.#entity, by);
    const shape = find<HTMLTemplateElement>('#pointer-shape').content.firstElementChild as HTMLElement;
    const e = shape.cloneNode(true) as HTMLElement;
    e.style.setProperty('--hue', String(hue(name)));
    (e.querySelector('.pointer-name') as HTMLElement).textContent = name;
    this.#layer.append(e);
    return e;
  }

  #dropPointer(member: string): void {
    const p = this.#pointers.get(member);
    if (!p) return;
    clearTimeout(p.timer);
    p.element.remove();
    this.#pointers.delete(member);
  }

  #makePalette(): void {
    const box = find('#palette');
    palette.forEach(([name, light, dark], i) => {
      const label = document.createElement('label');
      label.className = 'swatch';
      label.title = name;
      const input = document.createElement('input');
      Object.assign(input, { type: 'radio', name: 'color', value: String(i), checked: i === this.#color });
      input.setAttribute('aria-label', name);
      input.addEventListener('change', () => (this.#color = i));
      const chip = document.createElement('span');
      chip.style.setProperty('--light', light);
      chip.style.setProperty('--dark', dark);
      label.append(input, chip);
      box.append(label);
    });
    for (const input of document.querySelectorAll<HTMLInputElement>('input[name=brush]')) {
      input.addEventListener('change', () => (this.#brush = Number(input.value)));
    }
  }
}

const clamp = (v: number) => Math.min(1, Math.max(0, Number(v) || 0));
