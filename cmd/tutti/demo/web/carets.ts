// Other people's carets in a text field.
//
// A text field does not say where on the screen a character is, so an unseen copy of it, with the
// same text and the same typography, does.

import { hue } from './identity.ts';
import { type Op, length, moved, unitAt } from './ot.ts';
import type { Person } from './people.ts';

const longest = 100_000; // UTF-16 units: beyond, laying the copy out costs more than carets are worth

interface Caret {
  at: number;
  element: HTMLElement;
  timer?: number;
}

export class Carets {
  #field: HTMLTextAreaElement;
  #layer: HTMLElement;
  #person: (member: string) => Person;
  #carets = new Map<string, Caret>(); // by member
  #text = '';
  #mirror = document.createElement('div');
  #drawing = false;

  constructor(field: HTMLTextAreaElement, layer: HTMLElement, person: (member: string) => Person) {
    this.#field = field;
    this.#layer = layer;
    this.#person = person;
    this.#mirror.className = 'pad-mirror';
    this.#mirror.setAttribute('aria-hidden', 'true');
    field.parentElement?.append(this.#mirror);
    field.addEventListener('scroll', () => this.#draw());
    new ResizeObserver(() => this.#draw()).observe(field);
  }

  /** put places a member's caret before code point at of text; -1 removes it. */
  put(member: string, at: number, text: string): void {
    this.#text = text;
    if (at < 0) this.#drop(member);
    else this.#caret(member).at = at;
    this.#draw();
  }

  /** edited moves all carets along with an operation; its author's goes to where it ended. */
  edited(by: string, op: Op, text: string): void {
    this.#text = text;
    for (const c of this.#carets.values()) c.at = moved(op, c.at);
    if (by) this.#caret(by).at = lastChange(op);
    this.#draw();
  }

  /** keep drops the carets of all members that are not here. */
  keep(here: (member: string) => boolean): void {
    for (const member of this.#carets.keys()) if (!here(member)) this.#drop(member);
  }

  #caret(member: string): Caret {
    let c = this.#carets.get(member);
    if (!c) {
      const { name } = this.#person(member);
      const element = document.createElement('span');
      element.className = 'caret';
      element.style.setProperty('--hue', String(hue(name)));
      element.dataset.name = name;
      this.#layer.append(element);
      this.#carets.set(member, (c = { at: 0, element }));
    }
    c.element.classList.remove('still');
    clearTimeout(c.timer);
    const { element } = c;
    c.timer = setTimeout(() => element.classList.add('still'), 2_500);
    return c;
  }

  #drop(member: string): void {
    const c = this.#carets.get(member);
    clearTimeout(c?.timer);
    c?.element.remove();
    this.#carets.delete(member);
  }

  #draw(): void {
    if (this.#drawing || this.#carets.size === 0) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#lay();
    });
  }

  #lay(): void {
    const hidden = this.#text.length > longest;
    this.#layer.hidden = hidden;
    if (hidden) return;
    this.#mirror.style.width = `${this.#field.clientWidth}px`;
    this.#mirror.textContent = `${this.#text.replaceAll('\r', '\u240d')}\u200b`;
    const origin = this.#mirror.getBoundingClientRect();
    const range = document.createRange();
    const text = this.#mirror.firstChild as Text;
    for (const { at, element } of this.#carets.values()) {
      const unit = Math.min(unitAt(this.#text, at), this.#text.length);
      range.setStart(text, unit);
      range.setEnd(text, unit + 1);
      const box = [...range.getClientRects()].at(this.#text[unit] === '\n' ? 0 : -1) ?? origin;
      const y = box.top - origin.top - this.#field.scrollTop;
      element.hidden = y < -4 || y > this.#field.clientHeight - 8;
      element.style.transform = `translate(${box.left - origin.left}px, ${y}px)`;
      element.style.height = `${box.height || 20}px`;
    }
  }
}

function lastChange(op: Op): number {
  let at = 0;
  let end = 0;
  for (const c of op) {
    if (typeof c === 'string') end = at += length(c);
    else if (c > 0) at += c;
    else end = at;
  }
  return end;
}
