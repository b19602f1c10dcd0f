// This tab's way to the network, which can be cut.
import type { WebSocketConstructor, WebSocketLike } from '@tutti-rt/client';

type Handler = ((event: never) => unknown) | null;

/**
 * Line is what the tab's clients reach the network through. While it is cut nothing goes out and nothing comes in:
 * what was open is closed, what was on its way in either direction is lost, and what is tried anew fails.
 */
export class Line {
  #whole = new AbortController(); // aborted while the line is cut
  readonly fetch: typeof fetch;
  readonly WebSocket: WebSocketConstructor;

  constructor() {
    const whole = () => this.#whole.signal;
    this.fetch = (input, init = {}) => fetch(input, { ...init, signal: AbortSignal.any([whole(), ...(init.signal ? [init.signal] : [])]) });
    this.WebSocket = class extends Socket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols, whole());
      }
    };
  }

  /** cut reports whether the line is cut. */
  get isCut(): boolean {
    return this.#whole.signal.aborted;
  }

  cut(): void {
    this.#whole.abort(new TypeError('the network is cut'));
  }

  mend(): void {
    if (this.isCut) this.#whole = new AbortController();
  }
}

/** Socket is a WebSocket over a line. */
class Socket implements WebSocketLike {
  onopen: Handler = null;
  onmessage: Handler = null;
  onclose: Handler = null;
  onerror: Handler = null;
  readonly #inner: WebSocket | undefined;

  constructor(url: string, protocols: string[], whole: AbortSignal) {
    const say = (handler: Handler, event: object) => handler?.call(this, event as never);
    const lost = () => say(this.onclose, { code: 1006, reason: 'the network is cut' });
    if (whole.aborted) {
      queueMicrotask(lost);
      return;
    }
    const inner = new WebSocket(url, protocols);
    this.#inner = inner;
    const torn = () => {
      inner.onopen = inner.onmessage = inner.onclose = inner.onerror = null; // what still comes is lost
      inner.close();
      lost();
    };
    whole.addEventListener('abort', torn, { once: true });
    inner.onopen = (e) => say(this.onopen, e);
    inner.onmessage = (e) => say(this.onmessage, e);
    inner.onerror = (e) => say(this.onerror, e);
    inner.onclose = (e) => {
      whole.removeEventListener('abort', torn);
      say(this.onclose, e);
    };
  }

  get bufferedAmount(): number {
    return this.#inner?.bufferedAmount ?? 0;
  }

  get protocol(): string {
    return this.#inner?.protocol ?? '';
  }

  send(data: string): void {
    this.#inner?.send(data);
  }

  close(code?: number): void {
    this.#inner?.close(code);
  }
}
