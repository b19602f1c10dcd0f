import { Closed, Rejected, Unknown } from './errors.ts';
import type { AckFrame, AnswerFrame, RejectFrame } from './frames.ts';
import type { Identity } from './identity.ts';

/** Bounds say how much may wait to be answered; beyond, commands and queries are rejected as overloaded. */
export interface Bounds {
  /** Commands and queries. 1,000 by default. */
  commands?: number;
  /** Their characters of JSON. 1 Mi by default. */
  bytes?: number;
}

/** Call is a command or query on its way. */
export interface Call {
  readonly isQuery: boolean;
  /** The frame after its id. */
  readonly rest: string;
  readonly resolve: (frame: AckFrame | AnswerFrame) => void;
  readonly reject: (error: Error) => void;
  /** 0 until it is first written. */
  id: number;
  /** When it was last written. */
  sentAt: number;
  /** It was written more than once. */
  again: boolean;
  /** Nobody waits for it any more. */
  abandoned: boolean;
}

const mostFlying = 256; // the server takes no more without an answer
const mostBytes = 1 << 20; // of one frame; more would cost the link
const headBytes = 64;

/** exceeds says whether a text is longer than so many bytes. */
export const exceeds = (text: string, most: number): boolean =>
  text.length * 3 > most && (text.length > most || new TextEncoder().encode(text).length > most);

/**
 * Outbox holds every command and query that has had no answer, in order. Ids are given when a frame is first
 * written, so that they rise on the wire.
 */
export class Outbox {
  readonly #identity: Identity;
  readonly #most: Required<Bounds>;
  readonly #now: () => number;
  readonly #waiting: Call[] = [];
  readonly #flying = new Map<number, Call>(); // written; by id, in its order
  #bytes = 0;

  constructor(identity: Identity, { commands = 1000, bytes = 1 << 20 }: Bounds, now: () => number) {
    this.#identity = identity;
    this.#most = { commands, bytes };
    this.#now = now;
  }

  /** size returns how many have had no answer. */
  get size(): number {
    return this.#waiting.length + this.#flying.size;
  }

  /** check throws why a frame cannot be taken. */
  check(rest: string): void {
    if (exceeds(rest, mostBytes - headBytes)) throw new Rejected('too_large', 'the data is too large for a frame');
    if (this.size >= this.#most.commands || this.#bytes + rest.length > this.#most.bytes) {
      throw new Rejected('overloaded', 'too much waits for the server');
    }
  }

  /** add takes a call that was checked. */
  add(call: Call): void {
    this.#waiting.push(call);
    this.#bytes += call.rest.length;
  }

  /** pump writes as much as may be without an answer. */
  pump(write: (line: string) => void): void {
    while (this.#flying.size < mostFlying) {
      const call = this.#waiting.shift();
      if (!call) return;
      call.id = this.#identity.take();
      this.#flying.set(call.id, call);
      this.#write(call, write);
    }
  }

  /**
   * again writes everything once more that has had no answer, over a new link: commands under their old ids and in
   * their order, then queries under new ones. When the platform has forgotten the connection, the commands are
   * settled as Unknown and returned instead.
   */
  again(forgotten: boolean, write: (line: string) => void): Call[] {
    const queries: Call[] = [];
    const unknown: Call[] = [];
    for (const call of [...this.#flying.values()]) {
      if (call.isQuery || forgotten) this.#remove(call);
      if (call.isQuery) {
        if (!call.abandoned) queries.push(call);
      } else if (forgotten) {
        unknown.push(call);
        call.reject(new Unknown('the platform has forgotten the connection'));
      } else {
        call.again = true;
        this.#write(call, write);
      }
    }
    for (const call of queries) this.#bytes += call.rest.length;
    this.#waiting.unshift(...queries);
    this.pump(write);
    return unknown;
  }

  /** unanswered returns the commands that were written with ids up to this one. */
  unanswered(upTo: number): Call[] {
    return [...this.#flying.values()].filter((call) => !call.isQuery && call.id <= upTo);
  }

  /** find returns the command that was written under this id and has had no answer. */
  find(id: number): Call | undefined {
    return this.#flying.get(id);
  }

  /** uncertain returns whether a command may have been taken before it was written last. */
  uncertain(id: number): boolean {
    const call = this.#flying.get(id);
    return !!call && call.again && !call.isQuery;
  }

  /** settle takes the answer to a call. It returns the call, undefined when there is none such any more. */
  settle(frame: AckFrame | AnswerFrame | RejectFrame): Call | undefined {
    const call = this.#flying.get(frame.id);
    if (!call) return undefined;
    const unsure = frame.type === 'reject' && frame.untaken && this.uncertain(frame.id);
    this.#remove(call);
    if (frame.type === 'reject') {
      call.reject(unsure ? new Unknown(frame.message) : new Rejected(frame.code, frame.message));
    } else {
      call.resolve(frame);
    }
    return call;
  }

  /** abandon settles a call for which nobody waits any more. It returns whether it will never be sent. */
  abandon(call: Call, reason: unknown): boolean {
    const at = this.#waiting.indexOf(call);
    const cause = reason instanceof Error ? reason : new Error(String(reason));
    if (at >= 0) {
      this.#waiting.splice(at, 1);
      this.#bytes -= call.rest.length;
    } else if (this.#flying.get(call.id) === call) {
      call.abandoned = true; // its answer still frees its place
    }
    call.reject(at >= 0 || call.isQuery ? cause : new Unknown(cause.message, { cause }));
    return at >= 0;
  }

  /** close settles everything that is left. */
  close(cause: Error | undefined): void {
    const why = cause ? `closed: ${cause.message}` : 'closed';
    for (const call of this.#flying.values()) {
      call.reject(call.isQuery ? new Closed(why, { cause }) : new Unknown(`${why} before it was answered`, { cause }));
    }
    for (const call of this.#waiting) call.reject(new Closed(why, { cause }));
    this.#flying.clear();
    this.#waiting.length = 0;
  }

  #write(call: Call, write: (line: string) => void): void {
    call.sentAt = this.#now();
    write(`{"type":"${call.isQuery ? 'query' : 'command'}","id":${call.id}${call.rest}`);
  }

  #remove(call: Call): void {
    this.#flying.delete(call.id);
    this.#bytes -= call.rest.length;
  }
}
