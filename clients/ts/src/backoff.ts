/** Pace is how long a client waits before it connects again, in ms. */
export interface Pace {
  /** The first longest wait; it doubles with every failure. 100 by default. */
  min?: number;
  /** The longest wait of all. 10,000 by default. */
  max?: number;
}

const mostMoves = 8; // in a row
const moveEvery = 1_000; // ms

/** Backoff spreads attempts: a random part of a time that doubles with every failure. */
export class Backoff {
  readonly #min: number;
  readonly #max: number;
  #failures = 0;
  #moved = Number.NEGATIVE_INFINITY; // when the last move would have been if there never was more than one in moveEvery

  constructor({ min = 100, max = 10_000 }: Pace) {
    this.#min = min;
    this.#max = Math.max(max, min);
  }

  /** next returns the wait before the next attempt, after one more failure. */
  next(): number {
    const most = Math.min(this.#max, this.#min * 2 ** Math.min(this.#failures, 30));
    this.#failures++;
    return Math.random() * most;
  }

  reset(): void {
    this.#failures = 0;
  }

  /** move returns the wait before a link that the server has begin at another edge: none for some in a row. */
  move(): number {
    const now = performance.now();
    this.#moved = Math.max(this.#moved, now - mostMoves * moveEvery) + moveEvery;
    return Math.max(this.#moved - now, 0);
  }
}
