// A server behind fetch, from the test's side.
import type { Frame } from './fake.ts';

const encoder = new TextEncoder();

/** Exchange is one request, and its answer in the hands of the test. */
export class Exchange {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: string;
  aborted = false;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  readonly #resolve: (response: Response) => void;
  readonly #reject: (error: Error) => void;

  constructor(url: URL, init: RequestInit, resolve: (r: Response) => void, reject: (e: Error) => void) {
    this.url = url;
    this.method = init.method ?? 'GET';
    this.headers = new Headers(init.headers);
    this.body = typeof init.body === 'string' ? init.body : '';
    this.#resolve = resolve;
    this.#reject = reject;
    init.signal?.addEventListener('abort', () => {
      this.aborted = true;
      const error = new DOMException('aborted', 'AbortError');
      reject(error);
      this.#controller?.error(error);
    });
  }

  /** The frames of a POST. */
  get frames(): Frame[] {
    return this.body.split('\n').map((line) => JSON.parse(line));
  }

  json(body: unknown, status = 200, headers: Record<string, string> = {}): void {
    this.#resolve(
      new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } }),
    );
  }

  problem(status: number, headers: Record<string, string> = {}, code?: string): void {
    this.json({ title: 'no', code }, status, { 'content-type': 'application/problem+json', ...headers });
  }

  empty(status = 204): void {
    this.#resolve(new Response(null, { status }));
  }

  /** stream begins an answer of this type; say and end are the rest. */
  stream(type: string, text = ''): this {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
    });
    this.#resolve(new Response(body, { headers: { 'content-type': type } }));
    if (text) this.say(text);
    return this;
  }

  say(text: string): void {
    this.bytes(encoder.encode(text));
  }

  bytes(some: Uint8Array): void {
    this.#controller?.enqueue(some);
  }

  /** event says frames as server-sent events. */
  event(...frames: Frame[]): void {
    this.say(frames.map((f) => `data: ${JSON.stringify(f)}\n\n`).join(''));
  }

  end(): void {
    this.#controller?.close();
  }

  /** answer answers a POST with frames. */
  answer(...frames: Frame[]): void {
    this.stream('application/x-ndjson', frames.map((f) => `${JSON.stringify(f)}\n`).join(''));
    this.end();
  }

  fail(): void {
    this.#reject(new TypeError('fetch failed'));
  }
}

/** FakeHTTP keeps the requests of one client. */
export class FakeHTTP {
  readonly exchanges: Exchange[] = [];
  /** Whether every request fails at once. */
  down = false;

  readonly fetch = ((url: URL, init: RequestInit = {}) =>
    new Promise<Response>((resolve, reject) => {
      const exchange = new Exchange(new URL(url), init, resolve, reject);
      this.exchanges.push(exchange);
      if (this.down) exchange.fail();
    })) as typeof globalThis.fetch;

  /** take removes and returns the oldest request of this method. */
  take(method = 'GET'): Exchange {
    const i = this.exchanges.findIndex((x) => x.method === method && !x.aborted);
    const [exchange] = i < 0 ? [] : this.exchanges.splice(i, 1);
    if (!exchange) throw new Error(`there is no ${method}`);
    return exchange;
  }

  has(method = 'GET'): boolean {
    return this.exchanges.some((x) => x.method === method && !x.aborted);
  }
}
