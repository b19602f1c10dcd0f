import type { Apply, Event, EventOf, Message, MessageOf, State } from './category.ts';
import { Clock, type Latency, now, reportable, type Trace } from './clock.ts';
import { Lost, type Refused } from './errors.ts';
import { Pipe } from './feed.ts';
import { Fold } from './fold.ts';
import type {
  AckFrame,
  AnswerFrame,
  EventFrame,
  MessageFrame,
  PongFrame,
  RejectFrame,
  ServerFrame,
  Welcome,
} from './frames.ts';
import { Roster } from './members.ts';
import { Source } from './observable.ts';
import type { Call, Outbox } from './outbox.ts';

/** Update is what changes the confirmed state, in order: a state in place of everything before, or an event. */
export type Update<C> =
  | { readonly type: 'state'; readonly rev: number; readonly state: State<C> }
  | { readonly type: 'event'; readonly event: EventOf<C> };

const patience = 1000; // ms that an acknowledgement waits for the events it follows, of which some may be hidden

interface Early {
  readonly frame: AckFrame;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Stream is what has come of the entity, over all links. */
export class Stream<C> {
  readonly fold: Fold<C>;
  readonly roster = new Roster<C>();
  readonly events = new Pipe<EventOf<C>>();
  readonly messages = new Pipe<MessageOf<C>>();
  readonly updates = new Pipe<Update<C>>();
  readonly latency = new Source<Latency | undefined>(undefined);
  readonly clock = new Clock();
  member = '';
  epoch: string | undefined;
  /** The revision of the last state or event. */
  last = 0;

  readonly #outbox: Outbox;
  readonly #watching: boolean;
  readonly #early = new Map<number, Early>(); // acknowledgements that came before their events
  readonly #news: (() => void)[] = []; // what to tell once the state is shown
  #measured: Latency | undefined; // what the edge has not been told yet
  #pings = 0;
  #pinged: { n: number; at: number } | undefined;

  constructor(apply: Apply<C> | undefined, outbox: Outbox, watching: boolean, cursor: string | undefined) {
    this.fold = new Fold(apply);
    this.#outbox = outbox;
    this.#watching = watching;
    const [, epoch, rev] = /^([\w-]{1,32}):(\d{1,16})$/.exec(cursor ?? '') ?? [];
    if (cursor !== undefined && !epoch) throw new TypeError(`not a cursor: ${cursor}`);
    this.epoch = epoch;
    this.last = Number(rev ?? 0);
  }

  /** cursor says where the next link begins, undefined for the very first. */
  get cursor(): string | undefined {
    return this.epoch === undefined ? undefined : `${this.epoch}:${this.last}`;
  }

  /** refresh makes the next link begin with a fresh state. */
  refresh(): void {
    if (this.epoch === undefined) return;
    this.epoch = '-'; // without a cursor the server would not say whether it knows the connection
    this.last = 0;
  }

  /** attached says that another link carries the stream: to another edge, perhaps, with another clock. */
  attached(): void {
    this.clock.reset();
    this.#pinged = undefined;
  }

  /** welcome takes where the stream begins, or begins anew. */
  welcome(frame: Welcome): void {
    if (frame.resumed && (frame.epoch !== this.epoch || frame.rev > this.last)) {
      throw new Lost('the link began elsewhere'); // it was made before a fresh state was wanted
    }
    this.member = frame.member;
    this.epoch = frame.epoch;
    this.roster.welcome();
    if (frame.resumed) return;
    this.last = frame.rev;
    if (!this.#watching) return;
    // The state has the effects of what was acknowledged, although their answers are still to come.
    for (const call of this.#outbox.unanswered(frame.acked)) this.fold.drop(call);
    const state = frame.state as State<C>;
    this.fold.fresh(state);
    this.#arrived();
    this.#news.push(() => this.updates.push({ type: 'state', rev: frame.rev, state }));
  }

  /** take takes any frame but welcome and terminate. It throws when the link is of no use any more. */
  take(frame: ServerFrame, posted: boolean): void {
    switch (frame.type) {
      case 'event':
        this.#event(frame);
        break;
      case 'ack':
        if (posted && this.#watching && frame.rev > this.last) this.#later(frame);
        else this.#answer(frame);
        break;
      case 'reject':
      case 'answer':
        this.#answer(frame);
        break;
      case 'message':
        this.#message(frame);
        break;
      case 'presence':
        this.roster.take(frame);
        break;
      case 'pong':
        this.#pong(frame);
    }
  }

  /** unserved rejects what was posted, as why says, and returns whether nothing of it is to be sent again. */
  unserved(lines: string[], { code = '', message }: Refused): boolean {
    let all = true;
    for (const line of lines) {
      const { type, id } = JSON.parse(line);
      if (type === 'command' || type === 'query') {
        if (this.#outbox.uncertain(id)) all = false;
        else this.#answer({ type: 'reject', id, code, message });
      } else if (type !== 'signal' && type !== 'ping') all = false; // those may be lost
    }
    return all;
  }

  /** publish shows the outside what has changed. */
  publish(): void {
    this.fold.publish();
    this.roster.publish();
    for (const tell of this.#news.splice(0)) tell();
  }

  /** ping returns a frame that asks for the latency, and tells the edge the last one. */
  ping(): string {
    const { up, down } = this.#measured ?? {};
    this.#measured = undefined;
    this.#pinged = { n: ++this.#pings, at: now() };
    return JSON.stringify({ type: 'ping', t: this.#pings, up: reportable(up), down: reportable(down) });
  }

  end(): void {
    for (const { timer } of this.#early.values()) clearTimeout(timer);
    this.fold.end();
    this.roster.members.end();
    this.latency.end();
    for (const pipe of [this.events, this.messages, this.updates]) pipe.end();
  }

  /** trace returns where the time of a command went. */
  trace(call: Call, { trace }: AckFrame): Trace | undefined {
    return trace && this.clock.trace(call.sentAt, now(), trace);
  }

  #event(frame: EventFrame): void {
    const { type: _, prev = frame.rev - 1, ...rest } = frame;
    if (frame.rev <= this.last) return; // a duplicate
    if (prev > this.last) throw new Lost(`events between ${this.last} and ${frame.rev} are missing`);
    const mine = frame.by === this.member && frame.cmd !== undefined;
    const event = { ...rest, mine } as Event as EventOf<C>;
    const call = mine ? this.#outbox.find(frame.cmd as number) : undefined;
    if (call) this.fold.drop(call); // what it predicted is now so
    this.last = frame.rev;
    try {
      this.fold.event(event);
      this.#arrived();
    } catch (error) {
      this.refresh();
      throw error;
    } finally {
      this.#news.push(() => {
        this.events.push(event);
        this.updates.push({ type: 'event', event });
      });
    }
  }

  #message({ type: _, ...message }: MessageFrame): void {
    this.#news.push(() => this.messages.push(message as Message as MessageOf<C>));
  }

  #answer(frame: AckFrame | RejectFrame | AnswerFrame): void {
    clearTimeout(this.#early.get(frame.id)?.timer);
    this.#early.delete(frame.id);
    const call = this.#outbox.settle(frame);
    if (call) this.fold.drop(call);
  }

  /** arrived has acknowledgements count whose events have come. The stream may have moved to an edge that was not told of them. */
  #arrived(): void {
    for (const { frame } of [...this.#early.values()]) if (frame.rev <= this.last) this.#answer(frame);
  }

  /** later keeps an acknowledgement back that has overtaken its events. */
  #later(frame: AckFrame): void {
    if (this.#early.has(frame.id)) return;
    const settle = () => {
      this.#answer(frame);
      this.publish();
    };
    this.#early.set(frame.id, { frame, timer: setTimeout(settle, patience) });
  }

  #pong(frame: PongFrame): void {
    const pinged = this.#pinged;
    if (!pinged || frame.t !== pinged.n) return; // it came over the other way already
    this.#measured = this.clock.pong(pinged.at, now(), frame);
    this.latency.set(this.#measured);
    this.#pinged = undefined;
  }
}
