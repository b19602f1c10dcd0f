import type { Apply, EventOf, State } from './category.ts';
import { report, Source } from './observable.ts';

type Reducer<S, E> = (state: S, event: E) => S;

/**
 * Fold is the state: what the server has said, and on top of it what the application predicts that its unanswered
 * commands will do. When something is confirmed, the predictions that are left are made again from there.
 */
export class Fold<C> {
  /** As the server has it. */
  readonly confirmed: Source<State<C> | undefined>;
  /** With the predictions. */
  readonly state: Source<State<C> | undefined>;

  readonly #apply: Reducer<State<C>, EventOf<C>>;
  readonly #predictions = new Map<object, (state: State<C>) => State<C>>(); // by command, in the order sent
  #base: State<C> | undefined;
  #shown: State<C> | undefined;
  #known: boolean;
  #stale = false; // #shown is to be computed

  constructor(apply: Apply<C> | undefined) {
    this.#apply = reducer(apply);
    this.#known = apply !== undefined && 'initial' in apply;
    this.#base = apply?.initial;
    this.#shown = this.#base;
    this.confirmed = new Source(this.#base);
    this.state = new Source(this.#base);
  }

  /** fresh takes a state in place of everything before. */
  fresh(state: State<C>): void {
    this.#known = true;
    this.#base = state;
    this.#stale = true;
  }

  /** event applies what happened. It throws what the application's function throws. */
  event(event: EventOf<C>): void {
    if (!this.#known) return;
    this.#base = this.#apply(this.#base as State<C>, event);
    this.#stale = true;
  }

  /** predict adds what a command will do. It throws what the prediction throws, and then it is not there. */
  predict(command: object, prediction: (state: State<C>) => State<C>): void {
    this.#compute();
    if (this.#known) this.#shown = prediction(this.#shown as State<C>);
    this.#predictions.set(command, prediction);
  }

  /** drop removes a command's prediction: its outcome is known. */
  drop(command: object): void {
    if (this.#predictions.delete(command)) this.#stale = true;
  }

  /** publish shows the outside what has changed. */
  publish(): void {
    this.#compute();
    this.confirmed.set(this.#base);
    this.state.set(this.#shown);
  }

  end(): void {
    this.confirmed.end();
    this.state.end();
  }

  #compute(): void {
    if (!this.#stale) return;
    this.#stale = false;
    let state = this.#base as State<C>;
    if (this.#known) {
      for (const [command, prediction] of this.#predictions) {
        try {
          state = prediction(state);
        } catch (error) {
          this.#predictions.delete(command); // it does not fit any more; what the server says will
          report(error);
        }
      }
    }
    this.#shown = state;
  }
}

function reducer<C>(apply: Apply<C> | undefined): Reducer<State<C>, EventOf<C>> {
  if (!apply) return (state) => state;
  if ('reduce' in apply) return apply.reduce;
  const events = apply.events as unknown as Record<
    string,
    (state: State<C>, data: unknown, event: EventOf<C>) => State<C>
  >;
  return (state, event) => {
    const fn = Object.hasOwn(events, event.name) ? events[event.name] : undefined;
    return fn ? fn(state, event.data, event) : state;
  };
}
