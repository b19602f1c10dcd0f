// What a category is, as types: written by hand, or by `tutti gen ts`.

/**
 * Untyped is the category of an entity of which nothing is said: every name is taken, with any data.
 *
 * A type of one's own has the parts that it needs:
 *
 *     interface Room {
 *       state: { lines: string[] };
 *       commands: { say: { data: { text: string }; reply: undefined } };
 *       events: { said: { who: string; text: string } };
 *       queries: { find: { data: { word: string }; answer: string[] } };
 *       signals: { typing: boolean };
 *       messages: { typing: boolean; notice: string };
 *       presence: { color: string };
 *       who: string;
 *     }
 */
// biome-ignore-start lint/suspicious/noExplicitAny: it says nothing
export interface Untyped {
  state: any;
  commands: Record<string, { data: any; reply: any }>;
  events: Record<string, any>;
  queries: Record<string, { data: any; answer: any }>;
  signals: Record<string, any>;
  messages: Record<string, any>;
  presence: any;
  who: any;
}
// biome-ignore-end lint/suspicious/noExplicitAny: it says nothing

type Part<C, K extends string, Otherwise> = C extends { [P in K]?: infer X }
  ? unknown extends X
    ? Otherwise
    : X
  : Otherwise;
type None = Record<never, never>;
type Names<T> = keyof T & string;
type Exchange<T, K extends 'data' | 'reply' | 'answer'> = T extends { [P in K]: infer X } ? X : undefined;

export type State<C> = C extends { state: infer S } ? S : unknown;
export type Commands<C> = Part<C, 'commands', None>;
export type Events<C> = Part<C, 'events', None>;
export type Queries<C> = Part<C, 'queries', None>;
export type Signals<C> = Part<C, 'signals', None>;
/** What comes as messages: signals that are relayed, and what the category broadcasts. */
export type Messages<C> = Part<C, 'messages', None>;
export type Presence<C> = C extends { presence: infer P } ? P : unknown;
export type Who<C> = C extends { who: infer W } ? W : unknown;

export type CommandName<C> = Names<Commands<C>>;
export type CommandData<C, N extends CommandName<C>> = Exchange<Commands<C>[N], 'data'>;
export type CommandReply<C, N extends CommandName<C>> = Exchange<Commands<C>[N], 'reply'>;
export type QueryName<C> = Names<Queries<C>>;
export type QueryData<C, N extends QueryName<C>> = Exchange<Queries<C>[N], 'data'>;
export type QueryAnswer<C, N extends QueryName<C>> = Exchange<Queries<C>[N], 'answer'>;
export type SignalName<C> = Names<Signals<C>>;
export type EventName<C> = Names<Events<C>>;

/** The arguments after a name: data may be left out where there is none. */
export type Arguments<Data, Options> = undefined extends Data
  ? [data?: Data, options?: Options]
  : [data: Data, options?: Options];

/** Event is one durable event. */
export interface Event<N extends string = string, D = unknown> {
  readonly rev: number;
  readonly name: N;
  readonly data: D;
  /** When it happened, Unix ms. */
  readonly at: number;
  /** The member whose command caused it; absent for timers and other entities. */
  readonly by?: string;
  /** The id of that command. */
  readonly cmd?: number;
  /** A command of this connection caused it. */
  readonly mine: boolean;
}

/** EventOf is any event of a category; its name tells which. */
export type EventOf<C, N extends EventName<C> = EventName<C>> = { [K in N]: Event<K, Events<C>[K]> }[N];

/** Message is something ephemeral: not stored, not repeated. */
export interface Message<N extends string = string, D = unknown> {
  readonly name: N;
  readonly data: D;
  /** The member that caused it; absent where none did. */
  readonly by?: string;
}

export type MessageOf<C> = { [K in Names<Messages<C>>]: Message<K, Messages<C>[K]> }[Names<Messages<C>>];

/** Apply says what events do to the state. Its functions are pure: they return a new state and change nothing. */
export type Apply<C> = {
  /** The state before the first event, or as of the cursor where one is given. Without it the server's counts. */
  initial?: State<C>;
} & (
  | { events: { [N in EventName<C>]: (state: State<C>, data: Events<C>[N], event: EventOf<C, N>) => State<C> } }
  | { reduce: (state: State<C>, event: EventOf<C>) => State<C> }
);
