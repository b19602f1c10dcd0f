// The latency of each hop, as the ping and the traces of commands tell.

const kept = 40; // round trips in the curve
const traceEvery = 1_000; // ms

const parts = [
  ['network', 'Network'],
  ['edge', 'Edge'],
  ['bus', 'Bus'],
  ['mailbox', 'Mailbox'],
  ['handler', 'Handler'],
  ['journal', 'Disk'],
  ['fanout', 'Fan-out'],
];

export class HopsPanel {
  #trips = [];
  #traceAsked = -Infinity;

  constructor() {
    this.values = Object.fromEntries(['rtt', 'network', 'edge', 'state'].map((k) => [k, document.querySelector(`#hop-${k}`)]));
    this.curve = document.querySelector('#curve');
    this.bar = document.querySelector('#trace-bar');
    this.legend = document.querySelector('#trace-legend');
    this.total = document.querySelector('#trace-total');
    this.rail = document.querySelector('#rail');
  }

  /** ping shows one measured round trip; edge and state are the times that these measured, in ms. */
  ping({ rtt, edge, state }) {
    this.#show('rtt', rtt);
    this.#show('network', Math.max(0, rtt - edge - state));
    this.#show('edge', edge);
    this.#show('state', state);
    this.#trips.push(rtt);
    if (this.#trips.length > kept) this.#trips.shift();
    this.#drawCurve();
    this.rail.classList.remove('beat');
    void this.rail.offsetWidth; // starts the animation again
    this.rail.classList.add('beat');
  }

  /** away shows that nothing is measured now. */
  away() {
    for (const e of Object.values(this.values)) e.textContent = '–';
  }

  /** wantsTrace says whether the next command shall be traced: one each second at most. */
  wantsTrace() {
    const now = performance.now();
    if (now - this.#traceAsked < traceEvery) return false;
    this.#traceAsked = now;
    return true;
  }

  /** trace shows where the time of a command went. */
  trace({ trace, took }) {
    if (!trace) return;
    const ms = Object.fromEntries(Object.entries(trace).map(([k, us]) => [k, us / 1000]));
    const inside = Object.values(ms).reduce((a, b) => a + b, 0);
    ms.network = Math.max(0, took - inside);
    const seen = parts.filter(([k]) => ms[k] > 0);
    this.total.textContent = format(took);
    this.bar.replaceChildren(
      ...seen.map(([k]) => {
        const e = document.createElement('span');
        e.className = `part ${k}`;
        e.style.flexGrow = String(Math.max(ms[k] / took, 0.015));
        return e;
      }),
    );
    this.legend.replaceChildren(
      ...seen.map(([k, name]) => {
        const e = document.createElement('li');
        e.className = `part ${k}`;
        e.textContent = `${name} ${format(ms[k])}`;
        return e;
      }),
    );
  }

  #show(key, ms) {
    this.values[key].textContent = format(ms);
  }

  #drawCurve() {
    const top = Math.max(4, ...this.#trips) * 1.15;
    const at = (i) => ((kept - this.#trips.length + i) / (kept - 1)) * 100;
    const points = this.#trips.map((ms, i) => `${at(i).toFixed(2)},${(28 - (ms / top) * 26).toFixed(2)}`);
    this.curve.querySelector('.curve-line').setAttribute('points', points.join(' '));
    this.curve.querySelector('.curve-area').setAttribute('points', `${at(0).toFixed(2)},28 ${points.join(' ')} 100,28`);
  }
}

export function format(ms) {
  if (!Number.isFinite(ms)) return '–';
  if (ms < 0.1) return `${Math.round(ms * 1000)} µs`;
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}
