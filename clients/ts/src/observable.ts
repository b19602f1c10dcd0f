/** Observable is a value that changes. */
export interface Observable<T> extends AsyncIterable<T> {
  readonly value: T;
  /** Calls fn at once and whenever the value has changed, until the function that it returns is called. */
  subscribe(fn: (value: T) => void): () => void;
  /** Iterates over the present value and those to come. A slow reader gets the latest, not all of them. */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined>;
}

/** report lets an error of the application's own function surface without harm to the client. */
export function report(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** call calls one subscriber. */
export function call<T>(fn: (value: T) => void, value: T): void {
  try {
    fn(value);
  } catch (error) {
    report(error);
  }
}

/** inTurn has each call wait for the one before it. */
export function inTurn<R>(step: () => Promise<R>): () => Promise<R> {
  let last: Promise<unknown> = Promise.resolve();
  return () => {
    const own = last.then(step, step);
    last = own;
    return own;
  };
}

/** Source is an Observable in the hands of whoever sets it. */
export class Source<T> implements Observable<T> {
  #value: T;
  #ended = false;
  readonly #subscribers = new Set<(value: T) => void>();
  readonly #endings = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const fn of [...this.#subscribers]) {
      if (!Object.is(this.#value, value)) return; // one of them has changed it, and all know
      if (this.#subscribers.has(fn)) call(fn, value);
    }
  }

  /** end says that the value will not change any more. */
  end(): void {
    this.#ended = true;
    for (const fn of this.#endings) fn();
    this.#endings.clear();
  }

  subscribe(fn: (value: T) => void): () => void {
    const own = (value: T) => fn(value); // the same fn may subscribe twice
    this.#subscribers.add(own);
    call(own, this.#value);
    return () => void this.#subscribers.delete(own);
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    let fresh = false;
    let done = false;
    let wake = () => {};
    const stop = this.subscribe(() => {
      fresh = true;
      wake();
    });
    const ending = () => wake();
    this.#endings.add(ending);
    const end = () => {
      done = true;
      stop();
      this.#endings.delete(ending);
      wake();
      return { done: true, value: undefined } as const;
    };
    return {
      next: inTurn<IteratorResult<T, undefined>>(async () => {
        while (!fresh) {
          if (done || this.#ended) return end();
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        fresh = false;
        return done ? end() : { done: false, value: this.#value };
      }),
      return: async () => end(),
    };
  }
}
