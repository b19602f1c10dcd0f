import { Backoff, type Pace } from './backoff.ts';
import type { Choice } from './choice.ts';
import { Closed, Lost, Refused, Terminated } from './errors.ts';
import type { ServerFrame, Welcome } from './frames.ts';
import type { Dial, Link, OpenLink, Transport } from './link.ts';
import { openLongPoll } from './longpoll.ts';
import { Source } from './observable.ts';
import { Pulse, stopwatch } from './pulse.ts';
import { openSSE } from './sse.ts';
import type { Status } from './status.ts';
import type { Tokens } from './token.ts';
import { openWebSocket } from './websocket.ts';

const openers: Record<Transport, OpenLink> = { websocket: openWebSocket, sse: openSSE, longpoll: openLongPoll };
const steady = 5_000; // ms after which a link that ends was no failure
const firstUpgrade = 30_000; // ms until a better transport is tried
const lastUpgrade = 600_000;
const goodbye = 2_000; // ms that a leave may take
const unsuited = [405, 406, 426, 501, 505]; // statuses that say something of the transport alone
const passing = [408, 409, 425, 429]; // statuses below 500 that may be others next time
const crossing = 30_000; // ms in which an attempt that was given up may yet come to the server
const soon = 20; // ms, about, until another edge is asked in place of one that stops
const mostRefusals = 8; // of edges that stop, in a row
const mostDenials = 3; // fresh tokens in a row that the server does not take

/** Carried is what the links carry. */
export interface Carried {
  readonly cursor: string | undefined;
  welcome(frame: Welcome, forgotten: boolean, again: boolean): void;
  take(frame: ServerFrame, posted: boolean): void;
  unserved(lines: string[], why: Refused): boolean;
  publish(): void;
  ping(): string;
  closed(error: Error | undefined): void;
}

export interface Settings extends Omit<Dial, 'url' | 'token'> {
  /** The URL of a link that begins at the cursor. */
  readonly target: (cursor: string | undefined) => URL;
  readonly backoff: Pace;
  /** How long a link may take to open, in ms. */
  readonly patience: number;
  readonly pingEvery: number;
}

/** Attempt is one link, from the wish to have it. */
interface Attempt {
  readonly transport: Transport;
  readonly cursor: string | undefined;
  link: Link | undefined;
  pulse: Pulse;
  lived: (() => number) | undefined; // for how many ms, since its welcome
}

/**
 * Connection keeps a link up: it makes one, notices when it has gone, and makes another. While a fallback is in use,
 * or when told, it makes a better one beside it and moves over once that is welcomed.
 */
export class Connection {
  readonly status: Source<Status>;
  readonly #carried: Carried;
  readonly #settings: Settings;
  readonly #choice: Choice;
  readonly #tokens: Tokens;
  readonly #backoff: Backoff;
  #current: Attempt | undefined;
  #candidate: Attempt | undefined;
  #forced = false; // the candidate replaces the current link even when it fails
  #retry: ReturnType<typeof setTimeout> | undefined;
  #upgrade: ReturnType<typeof setTimeout> | undefined;
  #upgrades = 0;
  #paced: number | undefined; // what the stream said of coming back, ms
  #held = false; // it is the server who has the next attempt wait
  #rival: (() => number) | undefined; // since an attempt was given up
  #contest: (() => number) | undefined; // since another poll of this connection came
  #denials = 0;
  #refusals = 0; // by edges that stop, since a link was welcomed
  #leaving = false;
  #closed = false;

  constructor(carried: Carried, settings: Settings, choice: Choice, tokens: Tokens) {
    this.#carried = carried;
    this.#settings = settings;
    this.#choice = choice;
    this.#tokens = tokens;
    this.#backoff = new Backoff(settings.backoff);
    this.status = new Source<Status>({
      phase: 'connecting',
      transport: choice.present,
      recovering: false,
      error: undefined,
      retryAt: undefined,
    });
  }

  /** link returns the link to send on, undefined while there is none that was welcomed. */
  get link(): Link | undefined {
    return this.#current?.lived && this.#current.link;
  }

  connect(): void {
    clearTimeout(this.#retry);
    if (this.#closed || this.#current) return;
    const transport = this.#choice.present;
    this.#show({ phase: 'connecting', transport, retryAt: undefined });
    this.#current = this.#attempt(transport);
  }

  /** wake looks whether the link is still there, or makes one without waiting. */
  wake(): void {
    if (this.#current) return this.#current.pulse.check();
    if (this.status.value.phase !== 'waiting' || this.#held) return;
    this.#backoff.reset();
    this.connect();
  }

  /** look says whether anybody looks at the page. */
  look(visible: boolean): void {
    this.#current?.pulse.look(visible);
    if (visible) this.wake();
  }

  /** use changes the transports; a link that is up stays until another takes over. */
  use(list: readonly Transport[]): void {
    this.#choice.use(list);
    this.#giveUp();
    if (!this.#current) return this.wake();
    if (this.#current.transport === list[0]) return;
    if (this.#current.lived) this.#move(true);
    else this.#ended(this.#current, new Lost('another transport is wanted'), 0);
  }

  /** restart gives up the present link for another one. */
  restart(why: Error): void {
    if (this.#current) this.#ended(this.#current, why, this.#backoff.next());
  }

  /** leave says goodbye, and closes. */
  async leave(): Promise<void> {
    const link = this.link;
    if (link) {
      this.#leaving = true;
      this.#giveUp();
      link.send('{"type":"leave"}');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, goodbye);
        link.drained().then(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    this.close();
  }

  close(error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#upgrade);
    this.#tokens.stop();
    for (const attempt of [this.#current, this.#candidate]) if (attempt) this.#drop(attempt);
    this.#current = this.#candidate = undefined;
    this.#show({ phase: 'closed', error, retryAt: undefined, recovering: false });
    this.status.end();
    this.#carried.closed(error);
  }

  #show(change: Partial<Status>): void {
    this.status.set({ ...this.status.value, ...change });
  }

  #attempt(transport: Transport): Attempt {
    const { patience, pingEvery, target } = this.#settings;
    const cursor = this.#carried.cursor;
    const direct = transport === 'websocket';
    const attempt: Attempt = {
      transport,
      cursor,
      link: undefined,
      lived: undefined,
      // What is posted may be answered by another edge: then the stream has its own heartbeats alone.
      pulse: new Pulse(patience, direct ? pingEvery : 3 * pingEvery, direct ? 1 : 1.5, {
        ping: () => attempt.link?.send(this.#carried.ping()),
        dead: () => this.#silent(attempt),
      }),
    };
    const url = target(cursor);
    this.#paced = undefined;
    this.#tokens.get().then(
      () => {
        if (!this.#live(attempt)) return;
        attempt.link = openers[transport](
          { ...this.#settings, url, token: () => this.#tokens.present },
          {
            heard: () => attempt.pulse.heard(),
            frames: (frames, posted) => this.#frames(attempt, frames, posted),
            unserved: (lines, why) => this.#unserved(attempt, lines, why),
            ended: (error) => this.#ended(attempt, error),
            pace: (ms) => {
              this.#paced = ms;
            },
          },
        );
      },
      (error) => this.#ended(attempt, new Lost('no token', true, error)),
    );
    return attempt;
  }

  #live(attempt: Attempt): boolean {
    return attempt === this.#current || attempt === this.#candidate;
  }

  #frames(attempt: Attempt, frames: ServerFrame[], posted: boolean): void {
    try {
      for (const frame of frames) {
        if (!this.#live(attempt)) break;
        this.#frame(attempt, frame, posted);
      }
    } catch (error) {
      this.#ended(attempt, error as Error);
    }
    this.#carried.publish();
  }

  #unserved(attempt: Attempt, lines: string[], why: Refused): boolean {
    const all = this.#live(attempt) && this.#carried.unserved(lines, why);
    this.#carried.publish();
    return all;
  }

  #frame(attempt: Attempt, frame: ServerFrame, posted: boolean): void {
    if (frame.type === 'terminate') {
      const { code, message, reconnect, after } = frame;
      if (!posted) this.#ended(attempt, new Terminated(code, message, reconnect, after));
    } else if (frame.type === 'welcome') {
      this.#welcome(attempt, frame);
    } else if (frame.type === 'status') {
      if (attempt === this.#current) this.#show({ recovering: frame.state !== 'serving' });
    } else if (attempt.lived) {
      this.#carried.take(frame, posted);
    }
  }

  #welcome(attempt: Attempt, frame: Welcome): void {
    const again = attempt.lived !== undefined; // a fresh state on the same link
    if (attempt === this.#candidate) {
      const old = this.#current;
      this.#current = attempt;
      this.#candidate = undefined;
      if (old) this.#drop(old);
    }
    if (!again) {
      attempt.lived = stopwatch();
      this.#denials = 0;
      this.#refusals = 0;
      this.#choice.welcomed(attempt.transport);
      this.#tokens.keep((token) => this.link?.send(JSON.stringify({ type: 'auth', token })));
      this.#planUpgrade();
    }
    this.#carried.welcome(frame, !frame.known && attempt.cursor !== undefined, again);
    if (!again) attempt.pulse.welcome(frame.heartbeat);
    this.#show({ phase: 'online', transport: attempt.transport, error: undefined, recovering: false });
  }

  /** giveUp ends a link that is on its way. */
  #giveUp(): void {
    const attempt = this.#candidate;
    this.#candidate = undefined;
    if (attempt) this.#drop(attempt);
  }

  #drop(attempt: Attempt): void {
    if (attempt.link && !attempt.lived) this.#rival = stopwatch();
    attempt.pulse.stop();
    attempt.link?.close();
  }

  #silent(attempt: Attempt): void {
    const asked = attempt.link !== undefined;
    if (!asked) this.#tokens.forget();
    this.#ended(attempt, new Lost(asked ? 'nothing was heard from the server' : 'no token has come', !asked));
  }

  /** move makes another link beside the current one. */
  #move(forced: boolean): void {
    this.#forced = forced;
    this.#candidate = this.#attempt(this.#choice.best);
  }

  #planUpgrade(): void {
    clearTimeout(this.#upgrade);
    if (this.#current?.transport === this.#choice.best) {
      this.#upgrades = 0;
      return;
    }
    const wait = Math.min(firstUpgrade * 2 ** this.#upgrades, lastUpgrade) * (0.75 + Math.random() / 2);
    this.#upgrade = setTimeout(() => {
      this.#upgrades++;
      if (this.link && !this.#candidate) this.#move(false);
    }, wait);
  }

  /** ended takes the end of a link: it decides whether and when there is another. */
  #ended(attempt: Attempt, error: Error, wait?: number): void {
    if (!this.#live(attempt)) return;
    if (this.#leaving) return this.close();
    this.#drop(attempt);
    if (attempt === this.#candidate) {
      this.#candidate = undefined;
      if (!this.#forced) return this.#planUpgrade();
      attempt = this.#current as Attempt;
      this.#drop(attempt);
    }
    this.#tokens.stop();
    clearTimeout(this.#upgrade);
    this.#current = this.#candidate;
    this.#candidate = undefined;
    if (this.#current) {
      // Another link is on its way already. That may be why this one has ended: it was replaced.
      return this.#show({ phase: 'connecting', transport: this.#current.transport, error, recovering: false });
    }
    this.#held = false;
    const lived = attempt.lived?.() ?? 0;
    if (lived > steady) this.#backoff.reset();
    const delay = wait ?? this.#consequence(attempt, error, lived);
    if (delay === undefined) return this.close(error);
    this.#show({ phase: 'waiting', error, retryAt: Date.now() + delay, recovering: false });
    this.#retry = setTimeout(() => this.connect(), delay);
  }

  /** consequence returns after how many ms to come back, undefined for never. */
  #consequence(attempt: Attempt, error: Error, lived: number): number | undefined {
    if (error instanceof Terminated) {
      // A link of our own that was given up may have been the last to come.
      if (error.code === 'replaced' && this.#rival && this.#rival() < crossing) {
        this.#rival = undefined;
        return this.#backoff.next();
      }
      if (!error.reconnect) return undefined;
      if (error.code === 'token_expired') {
        if (!this.#tokens.renewable) return undefined;
        this.#tokens.expired();
      }
      this.#held = error.after !== undefined;
      if (error.code === 'draining' && error.after !== undefined) return Math.max(error.after, this.#backoff.move());
      return error.after ?? this.#backoff.next();
    }
    if (error instanceof Refused && !unsuited.includes(error.status) && (error.byServer || error.status === 401)) {
      this.#choice.answered();
      if (error.status === 401) {
        if (!this.#tokens.renewable || ++this.#denials > mostDenials) return undefined;
        this.#tokens.expired();
      } else if (error.status < 500 && !passing.includes(error.status)) {
        return undefined;
      } else if (error.status === 409 && !error.code && attempt.lived) {
        // Once it may be a request of our own that came late. Twice it is another page, which is to have the connection.
        if (this.#contest && this.#contest() < crossing) {
          this.close(new Terminated('replaced', error.message, false));
          return undefined;
        }
        this.#contest = stopwatch();
      }
      if (error.status === 503 && error.after === 0 && (attempt.lived || this.#refusals++ < mostRefusals)) {
        return soon * (0.5 + Math.random()) + (attempt.lived ? this.#backoff.move() : 0);
      }
      this.#held = error.after !== undefined;
      return (error.after ?? 0) + this.#backoff.next();
    }
    if (attempt.lived) {
      this.#choice.ended(lived);
      return this.#paced ?? this.#backoff.next();
    }
    // A WebSocket does not tell whether it was the token.
    if (attempt.transport === 'websocket' && !this.#choice.hasFallback) this.#tokens.expired();
    if (attempt.transport !== this.#choice.present) return this.#backoff.next();
    return this.#choice.failed(error instanceof Lost && error.unreachable) ? 0 : this.#backoff.next();
  }
}

/** closedBy is what a call gets that comes too late. */
export const closedBy = (error: Error | undefined): Closed =>
  new Closed(error ? `closed: ${error.message}` : 'closed', { cause: error });
