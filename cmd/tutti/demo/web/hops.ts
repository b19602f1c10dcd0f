// The latency of each hop, as pings and the traces of commands tell.
import type { Latency, Trace } from '@tutti-rt/client';
import { find } from './desk.ts';

const kept = 40; // round trips in the curve
const traceEvery = 1_000; // ms

const parts: readonly (readonly [keyof Trace, string])[] = [
  ['up', 'To the edge'],
  ['edge', 'Edge'],
  ['bus', 'Bus'],
  ['mailbox', 'Mailbox'],
  ['handler', 'Handler'],
  ['journal', 'Disk'],
  ['fanout', 'Fan-out'],
  ['down', 'Back to you'],
];

export class HopsPanel {
  readonly #trips: number[] = [];
  #traceAsked = Number.NEGATIVE_INFINITY;
  readonly #values = Object.fromEntries(['rtt', 'up', 'down', 'edge', 'state'].map((k) => [k, find(`#hop-${k}`)]));
  readonly #line = find<SVGElement>('#curve .curve-line');
  readonly #area = find<SVGElement>('#curve .curve-area');
  readonly #bar = find('#trace-bar');
  readonly #legend = find('#trace-legend');
  readonly #total = find('#trace-total');
  readonly #rail = find('#rail');

  /** ping shows one measured round trip. */
  ping({ roundTrip, up, down, edge, state }: Latency): void {
    const shown = { rtt: roundTrip, up, down, edge, state };
    for (const [key, us] of Object.entries(shown)) (this.#values[key] as HTMLElement).textContent = format(us / 1000);
    this.#trips.push(roundTrip / 1000);
    if (this.#trips.length > kept) this.#trips.shift();
    this.#drawCurve();
    this.#rail.classList.remove('beat');
    void this.#rail.offsetWidth; // starts the animation again
    this.#rail.classList.add('beat');
  }

  /** away shows that nothing is measured now. */
  away(): void {
    for (const e of Object.values(this.#values)) e.textContent = '–';
  }

  /** wantsTrace says whether the next command shall be traced: one each second at most. */
  wantsTrace(): boolean {
    const now = performance.now();
    if (now - this.#traceAsked < traceEvery) return false;
    this.#traceAsked = now;
    return true;
  }

  /** trace shows where the time of a command went. */
  trace(trace: Trace): void {
    const seen = parts.map(([key, name]) => ({ key, name, ms: (trace[key] ?? 0) / 1000 })).filter(({ ms }) => ms > 0);
    const took = seen.reduce((sum, { ms }) => sum + ms, 0);
    this.#total.textContent = format(took);
    const part = (tag: string, key: string) => {
      const e = document.createElement(tag);
      e.className = `part ${key}`;
      return e;
    };
    this.#bar.replaceChildren(
      ...seen.map(({ key, ms }) => {
        const e = part('span', key);
        e.style.flexGrow = String(Math.max(ms / took, 0.015));
        return e;
      }),
    );
    this.#legend.replaceChildren(
      ...seen.map(({ key, name, ms }) => {
        const e = part('li', key);
        e.textContent = `${name} ${format(ms)}`;
        return e;
      }),
    );
  }

  #drawCurve(): void {
    const top = Math.max(4, ...this.#trips) * 1.15;
    const at = (i: number) => ((kept - this.#trips.length + i) / (kept - 1)) * 100;
    const points = this.#trips.map((ms, i) => `${at(i).toFixed(2)},${(28 - (ms / top) * 26).toFixed(2)}`);
    this.#line.setAttribute('points', points.join(' '));
    this.#area.setAttribute('points', `${at(0).toFixed(2)},28 ${points.join(' ')} 100,28`);
  }
}

export function format(ms: number): string {
  if (!Number.isFinite(ms)) return '–';
  if (ms < 0.1) return `${Math.round(ms * 1000)} µs`;
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}
