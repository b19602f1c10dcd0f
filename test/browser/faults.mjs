// A bad network: a TCP proxy that holds up, delays, stalls, swallows and cuts, all by the numbers of one seed.
import { once } from 'node:events';
import net from 'node:net';

/**
 * Faults is a proxy to a port of this machine. Of every connection it decides by chance what becomes of it, and at which byte:
 * - it is refused, or held up before it reaches the server, so that later ones overtake it;
 * - its bytes are delayed, in pieces of any size;
 * - it stalls: for a while nothing passes in either direction;
 * - it swallows what one side sends, which the other side never gets, and is cut some time after;
 * - it is cut, with whatever is on its way.
 * Calm lets everything through.
 */
export class Faults {
  calm = false;
  counts = { connections: 0, refused: 0, held: 0, stalled: 0, swallowed: 0, cut: 0 };
  #server;
  #random;
  #pairs = new Set();
  #timers = new Set();

  constructor(random) {
    this.#random = random;
  }

  async open(port) {
    this.#server = net.createServer({ pauseOnConnect: true }, (near) => this.#connect(near, port));
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  close() {
    for (const t of this.#timers) clearTimeout(t);
    for (const end of this.#pairs) end();
    this.#server.close();
  }

  #chance(percent) {
    return !this.calm && this.#random(100) < percent;
  }

  #after(ms, fn) {
    const t = setTimeout(() => {
      this.#timers.delete(t);
      fn();
    }, ms);
    this.#timers.add(t);
  }

  #connect(near, port) {
    this.counts.connections++;
    near.on('error', () => {});
    if (this.#chance(8)) {
      this.counts.refused++;
      return near.resetAndDestroy();
    }
    const wait = this.#chance(30) ? this.#random(300) : 0;
    if (wait) this.counts.held++;
    this.#after(wait, () => this.#pair(near, net.connect(port, '127.0.0.1')));
  }

  #pair(near, far) {
    let over = false;
    let stalled = false;
    const end = () => {
      if (over) return;
      over = true;
      this.#pairs.delete(end);
      near.resetAndDestroy();
      far.resetAndDestroy();
    };
    this.#pairs.add(end);
    const sides = [this.#way(near, far, () => stalled), this.#way(far, near, () => stalled)];
    for (const s of [near, far]) {
      s.on('error', end);
      s.on('close', end);
    }
    // What becomes of the connection once so many bytes have passed.
    const fate = this.#random(100);
    let left = this.#random(4_000);
    const passed = (n) => {
      left -= n;
      if (left > 0 || over || this.calm) return;
      left = Number.POSITIVE_INFINITY;
      if (fate < 55) {
        this.counts.cut++;
        end();
      } else if (fate < 75) {
        this.counts.stalled++;
        stalled = true;
        this.#after(200 + this.#random(1_500), () => {
          stalled = false;
          for (const side of sides) side.go();
          left = this.#random(4_000);
        });
      } else if (fate < 92) {
        this.counts.swallowed++;
        sides[this.#random(2)].swallow();
        this.#after(200 + this.#random(800), end);
      }
    };
    for (const side of sides) side.start(passed);
  }

  // way passes bytes on from one socket to the other: in order, in pieces, with delays.
  #way(from, to, stalled) {
    const queue = [];
    let busy = false;
    let swallowed = false;
    let passed = () => {};
    const go = () => {
      if (busy || stalled() || queue.length === 0) return;
      busy = true;
      const whole = queue.shift();
      const cut = this.calm ? whole.length : 1 + this.#random(whole.length);
      if (cut < whole.length) queue.unshift(whole.subarray(cut));
      this.#after(this.#chance(25) ? this.#random(40) : 0, () => {
        busy = false;
        if (!swallowed && !to.destroyed) to.write(whole.subarray(0, cut));
        passed(cut);
        go();
      });
    };
    return {
      go,
      swallow: () => (swallowed = true),
      start: (told) => {
        passed = told;
        from.on('data', (d) => {
          queue.push(d);
          go();
        });
        from.on('end', () => to.end());
        from.resume();
      },
    };
  }
}
