// A server that says what the test wants, behind a WebSocket that the test holds.
import { vi } from 'vitest';
import type { WebSocketConstructor } from '../src/index.ts';

export interface Frame {
  type?: string;
  id?: number;
  name?: string;
  t?: unknown;
  [field: string]: unknown;
}

export const welcome = (more: Frame = {}): Frame => ({
  type: 'welcome',
  member: 'me',
  epoch: 'e1',
  rev: 0,
  resumed: false,
  acked: 0,
  known: true,
  state: { sum: 0, events: 0 },
  heartbeat: 25_000,
  ...more,
});

export const added = (rev: number, by: number, more: Frame = {}): Frame => ({
  type: 'event',
  rev,
  name: 'added',
  data: { by },
  at: 1,
  ...more,
});

export const own = (rev: number, by: number, cmd: number): Frame => added(rev, by, { by: 'me', cmd });

/** FakeSocket is one WebSocket, from the server's side. */
export class FakeSocket {
  onopen: ((event: never) => unknown) | null = null;
  onmessage: ((event: never) => unknown) | null = null;
  onclose: ((event: never) => unknown) | null = null;
  onerror: ((event: never) => unknown) | null = null;
  bufferedAmount = 0;
  protocol = '';
  closed = false;
  readonly url: URL;
  readonly protocols: string[];
  readonly #received: Frame[] = [];
  readonly #pings: Frame[] = [];

  constructor(url: string, protocols: string[]) {
    this.url = new URL(url);
    this.protocols = protocols;
  }

  /** Everything that the client sent since the last call, without its pings. */
  received(): Frame[] {
    return this.#received.splice(0);
  }

  /** The pings that the client sent since the last call. */
  pings(): Frame[] {
    return this.#pings.splice(0);
  }

  accept(...frames: Frame[]): this {
    this.protocol = 'tutti.v1';
    this.onopen?.({} as never);
    if (frames.length > 0) this.say(...frames);
    return this;
  }

  say(...frames: Frame[]): void {
    this.onmessage?.({ data: frames.map((f) => JSON.stringify(f)).join('\n') } as never);
  }

  drop(code = 1006): void {
    this.onclose?.({ code, reason: '' } as never);
  }

  send(data: string): void {
    if (this.closed) throw new Error('closed');
    for (const line of data.split('\n')) {
      const frame = JSON.parse(line) as Frame;
      (frame.type === 'ping' ? this.#pings : this.#received).push(frame);
    }
  }

  close(): void {
    this.closed = true;
  }
}

/** Fake makes the sockets of one client. */
export class Fake {
  readonly sockets: FakeSocket[] = [];
  readonly WebSocket: WebSocketConstructor;

  constructor() {
    const { sockets } = this;
    this.WebSocket = class extends FakeSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    };
  }

  /** next returns the next socket that the client opens. */
  async next(): Promise<FakeSocket> {
    const many = this.sockets.length;
    for (let i = 0; this.sockets.length === many; i++) {
      if (i === 10_000) throw new Error('the client opens no WebSocket');
      await vi.advanceTimersByTimeAsync(i === 0 ? 0 : 10);
    }
    return this.last;
  }

  get last(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error('the client has opened no WebSocket');
    return socket;
  }
}

/** settled lets everything happen that is due. */
export const settled = () => vi.advanceTimersByTimeAsync(0);
