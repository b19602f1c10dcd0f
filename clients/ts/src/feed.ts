import { Overflow } from './errors.ts';
import { call, inTurn } from './observable.ts';

/** Feed is a sequence of things that happen. */
export interface Feed<T> extends AsyncIterable<T> {
  /** Calls fn with each of them from now on, until the function that it returns is called. */
  subscribe(fn: (item: T) => void): () => void;
  /**
   * Iterates over all of them from now on. Up to 1,000 wait for a slow reader; when there are more, they are
   * dropped and the iteration ends with an Overflow.
   */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined>;
}

const mostQueued = 1000;

/** Pipe is a Feed in the hands of whoever fills it. */
export class Pipe<T> implements Feed<T> {
  readonly #subscribers = new Set<(item: T) => void>();
  readonly #endings = new Set<() => void>();
  #ended = false;

  push(item: T): void {
    for (const fn of [...this.#subscribers]) if (this.#subscribers.has(fn)) call(fn, item);
  }

  /** end says that nothing comes any more. */
  end(): void {
    this.#ended = true;
    this.#subscribers.clear();
    for (const fn of this.#endings) fn();
    this.#endings.clear();
  }

  subscribe(fn: (item: T) => void): () => void {
    const own = (item: T) => fn(item); // the same fn may subscribe twice
    if (!this.#ended) this.#subscribers.add(own);
    return () => void this.#subscribers.delete(own);
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    let queue: T[] = [];
    let overflown = false;
    let done = false;
    let wake = () => {};
    const stop = this.subscribe((item) => {
      if (queue.length === mostQueued) {
        overflown = true;
        queue = [];
        stop();
      } else {
        queue.push(item);
      }
      wake();
    });
    const ending = () => wake();
    this.#endings.add(ending);
    const end = () => {
      done = true;
      queue = [];
      stop();
      this.#endings.delete(ending);
      wake();
      return { done: true, value: undefined } as const;
    };
    return {
      next: inTurn<IteratorResult<T, undefined>>(async () => {
        for (;;) {
          if (overflown && !done) {
            end();
            throw new Overflow(`more than ${mostQueued} waited for their reader`);
          }
          if (queue.length > 0) return { done: false, value: queue.shift() as T };
          if (done || this.#ended) return end();
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }),
      return: async () => end(),
    };
  }
}
