import type {
  Arguments,
  CommandData,
  CommandName,
  CommandReply,
  EventOf,
  MessageOf,
  Presence,
  QueryAnswer,
  QueryData,
  QueryName,
  SignalName,
  Signals,
  State,
  Untyped,
} from './category.ts';
import { Choice } from './choice.ts';
import { type Latency, now, type Trace } from './clock.ts';
import { Connection, closedBy } from './connection.ts';
import { Refused, Rejected, Terminated } from './errors.ts';
import type { Feed } from './feed.ts';
import type { AckFrame, AnswerFrame, ServerFrame, Welcome } from './frames.ts';
import { Identity } from './identity.ts';
import type { Transport, WebSocketConstructor } from './link.ts';
import type { Members } from './members.ts';
import type { Observable } from './observable.ts';
import type { Options, QueryOptions, SendOptions } from './options.ts';
import { type Call, exceeds, Outbox } from './outbox.ts';
import { visible } from './pulse.ts';
import type { Status } from './status.ts';
import { Stream, type Update } from './stream.ts';
import { Tokens } from './token.ts';

/** Ack says that a command is durable. */
export interface Ack<R = unknown> {
  readonly id: number;
  /** The revision of the entity's last event then. */
  readonly rev: number;
  readonly reply: R;
  readonly trace?: Trace;
}

/** Answer is the answer to a query. It reflects every command acknowledged to anybody before it was asked. */
export interface Answer<R = unknown> {
  readonly rev: number;
  readonly data: R;
}

const mostPresence = 4 << 10; // bytes
const mostSignal = 64 << 10;

/** open opens a connection to the entity of this URL, `https://host/v1/{category}/{id}`, and keeps it up until it is closed. */
export function open<C = Untyped>(url: string | URL, options: Options<C>): Entity<C> {
  return new Entity<C>(url, options);
}

/** entityURL returns the URL of an entity, with what its id needs escaped. */
export function entityURL(base: string | URL, category: string, id: string): string {
  return `${String(base).replace(/\/$/, '')}/v1/${category}/${encodeURIComponent(id)}`;
}

/** Entity is one entity, as seen and changed from here. */
export class Entity<C = Untyped> {
  /** Settles when the entity has accepted the connection for the first time, or never will. */
  readonly ready: Promise<void>;
  /** The state, with what unanswered commands are predicted to do; undefined before the first welcome. */
  readonly state: Observable<State<C> | undefined>;
  /** The state without predictions. */
  readonly confirmed: Observable<State<C> | undefined>;
  readonly status: Observable<Status>;
  /** Who is here, with the option `presence`. */
  readonly members: Observable<Members<C>>;
  readonly latency: Observable<Latency | undefined>;
  /** Every event, once and in order. Those before a fresh state are in that: see `updates`. */
  readonly events: Feed<EventOf<C>>;
  /** What is ephemeral: signals of others, and what the entity broadcasts. */
  readonly messages: Feed<MessageOf<C>>;
  /** Every change of the confirmed state: events, and states in place of them. */
  readonly updates: Feed<Update<C>>;
  /** The secret name of the connection. */
  readonly conn: string;

  readonly #stream: Stream<C>;
  readonly #outbox: Outbox;
  readonly #connection: Connection;
  readonly #socket: WebSocketConstructor | undefined;
  readonly #transports: readonly Transport[];
  #presence: string | undefined;
  #attempt = 0; // of the link that was tried last
  #unlisten = () => {};

  constructor(address: string | URL, options: Options<C>) {
    const url = new URL(address, globalThis.location?.href);
    url.protocol = url.protocol.replace(/^ws/, 'http');
    const identity = new Identity(url.href, options.conn, options.storage);
    this.conn = identity.conn;
    const watching = options.watch !== false;
    this.#outbox = new Outbox(identity, options.queue ?? {}, now);
    const stream = new Stream<C>(options.apply, this.#outbox, watching, options.cursor);
    this.#stream = stream;
    this.state = stream.fold.state;
    this.confirmed = stream.fold.confirmed;
    this.members = stream.roster.members;
    this.latency = stream.latency;
    this.events = stream.events;
    this.messages = stream.messages;
    this.updates = stream.updates;

    this.#socket = options.WebSocket ?? (globalThis.WebSocket as WebSocketConstructor | undefined);
    this.#transports = this.#usable(options.transports ?? ['websocket', 'sse', 'longpoll']);

    let settle: { resolve: () => void; reject: (error: Error) => void } | undefined;
    this.ready = new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
    this.ready.catch(() => {}); // whoever cares waits for it as well

    const carried = {
      get cursor() {
        return stream.cursor;
      },
      welcome: (frame: Welcome, forgotten: boolean, again: boolean) => {
        stream.welcome(frame);
        const write = (line: string) => this.#connection.link?.send(line);
        if (!again) {
          stream.attached();
          identity.processed(frame.acked);
        }
        // Between two polls the server may have begun another link, which does not know.
        const told = again && this.status.value.transport !== 'longpoll';
        if (this.#presence !== undefined && !told) write(this.#presence);
        if (again) return;
        for (const call of this.#outbox.again(forgotten, write)) stream.fold.drop(call);
        settle?.resolve();
      },
      take: (frame: ServerFrame, posted: boolean) => {
        stream.take(frame, posted);
        if (frame.type === 'ack' || frame.type === 'reject' || frame.type === 'answer') this.#pump();
      },
      unserved: (lines: string[], why: Refused) => {
        const all = stream.unserved(lines, why);
        this.#pump();
        return all;
      },
      publish: () => stream.publish(),
      ping: () => stream.ping(),
      closed: (error: Error | undefined) => {
        this.#unlisten();
        if (
          (error instanceof Refused && error.status === 403) ||
          (error instanceof Terminated && error.code === 'refused')
        ) {
          identity.forget(); // it may be another subject's
        }
        this.#outbox.close(error);
        stream.end();
        settle?.reject(closedBy(error));
      },
    };
    this.#connection = new Connection(
      carried,
      {
        target: (cursor) => {
          const target = new URL(url);
          target.searchParams.set('conn', this.conn);
          // One that was given up and comes late replaces none that came after it.
          this.#attempt = Math.max(this.#attempt + 1, Date.now());
          target.searchParams.set('attempt', String(this.#attempt));
          if (!watching) target.searchParams.set('watch', '0');
          if (options.presence) target.searchParams.set('presence', '1');
          if (cursor !== undefined) target.searchParams.set('cursor', cursor);
          return target;
        },
        fetch: options.fetch ?? ((...args) => fetch(...args)),
        WebSocket: this.#socket,
        tickets: options.tickets ?? false,
        backoff: options.backoff ?? {},
        patience: options.patience ?? 8_000,
        pingEvery: options.pingEvery ?? 5_000,
      },
      new Choice(this.#transports, url.origin, options.storage),
      new Tokens(options.token),
    );
    this.status = this.#connection.status;
    this.#listen();
    this.#connection.connect();
  }

  /** The public name of this connection; '' before the first welcome. */
  get member(): string {
    return this.#stream.member;
  }

  /** The revision of the last event or state that came: what `expect` takes. */
  get rev(): number {
    return this.#stream.last;
  }

  /** Where another connection could go on; undefined before the first welcome. */
  get cursor(): string | undefined {
    return this.#stream.cursor;
  }

  /** How many commands and queries have had no answer. */
  get unanswered(): number {
    return this.#outbox.size;
  }

  /**
   * Sends a command, now or as soon as there is a link, in the order of the calls. Resolves when it is durable. Rejects
   * with Rejected when it changed nothing, Unknown when nobody can say, Closed when it was never sent.
   */
  async send<N extends CommandName<C>>(
    name: N,
    ...[data, options = {}]: Arguments<CommandData<C, N>, SendOptions<State<C>>>
  ): Promise<Ack<CommandReply<C, N>>> {
    const { expect, trace, predict, signal } = options;
    const frame = { name, data: data ?? null, expect, trace: trace || undefined };
    let call: Call | undefined;
    const ack = (await this.#ask(false, frame, signal, (c) => {
      call = c;
      if (!predict) return;
      this.#stream.fold.predict(c, predict);
      this.#stream.fold.publish();
    })) as AckFrame;
    const traced = call && this.#stream.trace(call, ack);
    return { id: ack.id, rev: ack.rev, reply: ack.reply as CommandReply<C, N>, ...(traced && { trace: traced }) };
  }

  /** Asks something, which changes nothing. It is asked again when the link breaks. */
  async query<N extends QueryName<C>>(
    name: N,
    ...[data, options = {}]: Arguments<QueryData<C, N>, QueryOptions>
  ): Promise<Answer<QueryAnswer<C, N>>> {
    const { consistency, maxAge, signal } = options;
    const frame = { name, data: data ?? null, consistency, max_age_ms: maxAge };
    const answer = (await this.#ask(true, frame, signal, () => {})) as AnswerFrame;
    return { rev: answer.rev, data: answer.data as QueryAnswer<C, N> };
  }

  /**
   * Tells the others something that is lost when it is missed: 64 KiB of JSON at most. Returns false when it cannot be
   * sent just now.
   */
  signal<N extends SignalName<C>>(name: N, data: Signals<C>[N]): boolean {
    if (exceeds(JSON.stringify(data ?? null), mostSignal)) {
      throw new Rejected('too_large', 'the data of a signal is 64 KiB at most');
    }
    const link = this.#connection.link;
    if (!link || link.busy) return false;
    link.send(JSON.stringify({ type: 'signal', name, data }));
    return true;
  }

  /** Sets what others see of this connection, on this link and those to come: 4 KiB of JSON at most; null removes it. */
  presence(data: Presence<C> | null): void {
    const line = JSON.stringify({ type: 'presence', data });
    if (exceeds(JSON.stringify(data ?? null), mostPresence)) {
      throw new Rejected('too_large', 'presence data is 4 KiB at most');
    }
    this.#presence = line;
    this.#connection.link?.send(line);
  }

  /** Changes which transports may be used, the best first; without any, those of `open` again. Nothing is lost. */
  use(...transports: Transport[]): void {
    this.#connection.use(transports.length > 0 ? this.#usable(transports) : this.#transports);
  }

  /** Gets a fresh state from the server. */
  refresh(): void {
    this.#stream.refresh();
    this.#connection.restart(new Error('a fresh state is wanted'));
  }

  /** Looks at once whether the link is still there, or makes another without waiting, unless it is the server who said how long. */
  wake(): void {
    this.#connection.wake();
  }

  /** Is gone for good: others see it at once. Without a link they see it after the grace period. */
  async leave(): Promise<void> {
    await this.#connection.leave();
  }

  /** Ends the link. Others see the connection until its grace period is over. */
  close(): void {
    this.#connection.close();
  }

  async #ask(isQuery: boolean, frame: object, signal: AbortSignal | undefined, added: (call: Call) => void) {
    const { phase, error } = this.status.value;
    if (phase === 'closed') throw closedBy(error);
    signal?.throwIfAborted();
    const rest = `,${JSON.stringify(frame).slice(1)}`;
    this.#outbox.check(rest);
    let settled = () => {};
    return new Promise<AckFrame | AnswerFrame>((resolve, reject) => {
      const call: Call = { isQuery, rest, resolve, reject, id: 0, sentAt: 0, again: false, abandoned: false };
      added(call); // what it throws rejects
      this.#outbox.add(call);
      const abort = () => {
        if (!this.#outbox.abandon(call, signal?.reason)) return;
        this.#stream.fold.drop(call);
        this.#stream.publish();
      };
      signal?.addEventListener('abort', abort);
      settled = () => signal?.removeEventListener('abort', abort);
      this.#pump();
    }).finally(() => settled());
  }

  #usable(wanted: readonly Transport[]): readonly Transport[] {
    const usable = wanted.filter((transport) => transport !== 'websocket' || this.#socket);
    if (usable.length > 0) return usable;
    throw new TypeError('there is no WebSocket here, and no other transport is allowed');
  }

  #pump(): void {
    const link = this.#connection.link;
    if (link) this.#outbox.pump((line) => link.send(line));
  }

  #listen(): void {
    const wake = () => this.wake();
    const look = () => this.#connection.look(visible());
    const { document } = globalThis;
    globalThis.addEventListener?.('online', wake);
    globalThis.addEventListener?.('offline', wake);
    document?.addEventListener('visibilitychange', look);
    this.#unlisten = () => {
      globalThis.removeEventListener?.('online', wake);
      globalThis.removeEventListener?.('offline', wake);
      document?.removeEventListener('visibilitychange', look);
    };
  }
}
