/** Pace is how long a client waits before it connects again, in ms. */
export interface Pace {
  /** The first longest wait; it doubles with every failure. 100 by default. */
  min?: number;
  /** The longest wait of all. 10,000 by default. */
  max?: number;
}

/** Backoff spreads attempts: a random part of a time that doubles with every failure. */
export class Backoff {
  readonly #min: number;
  readonly #max: number;
  #failures = 0;

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
}
