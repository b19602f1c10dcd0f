import type { Pace } from './backoff.ts';
import type { Apply } from './category.ts';
import type { Transport, WebSocketConstructor } from './link.ts';
import type { Bounds } from './outbox.ts';
import type { Storage } from './storage.ts';
import type { Token } from './token.ts';

/** Options say how an entity is opened. */
export interface Options<C> {
  /** A JWT, or a function that gets one. Only with a function the connection outlives its first token. */
  token: Token;
  /** What events do to the state. Without it the state stays as the last `welcome` had it. */
  apply?: Apply<C>;
  /** Keep track of who is here. */
  presence?: boolean;
  /** With false the connection only sends: no state, no events. */
  watch?: boolean;
  /**
   * The name of the connection, 16 to 64 of `A-Z a-z 0-9 _ -`, known to nobody else. Made by itself, and kept in
   * storage where there is one.
   */
  conn?: string;
  /** Where to begin, as `cursor` was before: then `apply.initial` is the state as of there. */
  cursor?: string;
  /** Those that may be used, the best first: all three by default. */
  transports?: readonly Transport[];
  /**
   * Where the connection lives on when the page is loaded again: `sessionStorage`. No two pages may share it at a
   * time. It also remembers which transport works.
   */
  storage?: Storage;
  /** In place of the global one. */
  WebSocket?: WebSocketConstructor;
  /** In place of the global one. */
  fetch?: typeof globalThis.fetch;
  /** Show a single-use ticket where a token could get into logs of proxies: for WebSockets, at a round trip more. */
  tickets?: boolean;
  backoff?: Pace;
  /** How much may wait for an answer, also while there is no link. */
  queue?: Bounds;
  /** How long a link may take to open before another transport is tried, in ms. 8,000 by default. */
  patience?: number;
  /** How often the latency is measured while somebody looks, in ms. 5,000 by default; 0 for never. */
  pingEvery?: number;
}

/** SendOptions are those of one command. */
export interface SendOptions<S> {
  /** The command is rejected with `conflict` when an event that is visible here came after this revision. */
  expect?: number;
  /** Ask where the command's time goes. */
  trace?: boolean;
  /** What the command will do to the state, as far as one can tell here. Pure. */
  predict?: (state: S) => S;
  /** Gives up waiting. What was sent may have its effect all the same: that is an Unknown. */
  signal?: AbortSignal;
}

/** QueryOptions are those of one query. */
export interface QueryOptions {
  consistency?: 'linearizable' | 'session' | 'eventual';
  /** How old the answer may be, in ms, with `eventual`. */
  maxAge?: number;
  signal?: AbortSignal;
}
