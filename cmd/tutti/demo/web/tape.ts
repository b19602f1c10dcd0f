// A strip of the last minute: what was sent, what waited, what came, and when there was no link.

type Condition = 'live' | 'away' | 'cut';

interface Bin {
  sent: number;
  received: number;
  waiting: number;
  state: Condition;
}

const kept = 240;

export class Tape {
  static readonly every = 250; // ms of one bin
  sent = 0;
  received = 0;
  state: Condition = 'live';
  readonly #canvas: HTMLCanvasElement;
  readonly #bins: Bin[] = [];

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
  }

  /** tick ends a bin. */
  tick(waiting: number): void {
    const { sent, received, state } = this;
    this.#bins.push({ sent, received, waiting, state });
    if (this.#bins.length > kept) this.#bins.shift();
    this.sent = this.received = 0;
    if (this.#canvas.offsetParent && !document.hidden) this.#draw();
  }

  #draw(): void {
    const c = this.#canvas;
    const scale = devicePixelRatio;
    const [w, h] = [Math.round(c.clientWidth * scale), Math.round(c.clientHeight * scale)];
    if (c.width !== w || c.height !== h) [c.width, c.height] = [w, h];
    const g = c.getContext('2d');
    if (!g) return;
    const style = getComputedStyle(c);
    const color = (name: string) => style.getPropertyValue(`--${name}`);
    g.clearRect(0, 0, w, h);
    const [step, middle] = [w / kept, Math.round(h / 2)];
    const size = (n: number) => Math.min(1, Math.log2(1 + n) / 9) * (middle - scale); // 511 fill it
    const start = kept - this.#bins.length;
    this.#bins.forEach((bin, i) => {
      const x = Math.floor((start + i) * step);
      const width = Math.floor((start + i + 1) * step) - x;
      const bar = (fill: string, y: number, height: number) => {
        g.fillStyle = fill;
        g.fillRect(x, y, width, height);
      };
      if (bin.state !== 'live') {
        g.globalAlpha = bin.state === 'cut' ? 0.22 : 0.12;
        bar(color('bad'), 0, h);
        g.globalAlpha = 1;
      }
      if (bin.waiting > 0) {
        g.globalAlpha = 0.35;
        bar(color('warn'), middle - size(bin.waiting), size(bin.waiting));
        g.globalAlpha = 1;
      }
      bar(color('accent'), middle - size(bin.sent), size(bin.sent));
      bar(color('came'), middle + scale, size(bin.received));
    });
    g.fillStyle = color('strong');
    g.fillRect(0, middle, w, scale);
  }
}
