import { Lost, type Refused, refusal } from './errors.ts';
import { parseFrames } from './frames.ts';
import { batches, bearer, type Dial, type Hears, type Link } from './link.ts';
import { request } from './request.ts';

const busyLines = 1000;
const longest = 35_000; // ms without a sign of an answer; the server answers within 30 s

/** plainLink is a link that receives as receive does, until that is over or fails, and sends by POST. */
export function plainLink(dial: Dial, hears: Hears, receive: (signal: AbortSignal) => Promise<void>): Link {
  const stop = new AbortController();
  const close = () => stop.abort();
  const end = (error: Error) => {
    if (stop.signal.aborted) return;
    close();
    hears.ended(error);
  };
  const post = new Post(dial, { ...hears, ended: end }, stop.signal);
  receive(stop.signal).then(() => end(new Lost('the stream ended')), end);
  return {
    send: (line) => post.send(line),
    drained: () => post.drained,
    close,
    get busy() {
      return post.busy;
    },
  };
}

/** Post sends the frames of a link that goes one way only, one POST at a time. */
class Post {
  readonly #dial: Dial;
  readonly #hears: Hears;
  readonly #url: URL;
  readonly #signal: AbortSignal; // ends it
  #lines: string[] = [];
  #running: Promise<void> | undefined;

  constructor(dial: Dial, hears: Hears, signal: AbortSignal) {
    this.#dial = dial;
    this.#hears = hears;
    this.#signal = signal;
    this.#url = new URL(dial.url);
    this.#url.pathname += '/commands';
    const conn = dial.url.searchParams.get('conn') ?? '';
    this.#url.search = new URLSearchParams({ conn }).toString();
  }

  get busy(): boolean {
    return this.#lines.length > busyLines;
  }

  /** drained settles when everything was answered, or never will be. */
  get drained(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  send(line: string): void {
    this.#lines.push(line);
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    await null; // others of the same moment come along
    try {
      while (this.#lines.length > 0 && !this.#signal.aborted) {
        const lines = this.#lines;
        this.#lines = [];
        for (const body of batches(lines)) await this.#post(body);
      }
    } catch (error) {
      if (!this.#signal.aborted) this.#hears.ended(error as Error);
    }
    this.#running = undefined;
  }

  async #post(body: string): Promise<void> {
    const { token, fetch } = this.#dial;
    const signal = this.#signal;
    const overdue = () => this.#hears.ended(new Lost('a POST got no answer', true));
    let timer = setTimeout(overdue, longest);
    let tooLarge: Refused | undefined;
    try {
      const response = await request(fetch, this.#url, {
        method: 'POST',
        headers: { ...bearer(token()), 'content-type': 'application/x-ndjson', accept: 'application/x-ndjson' },
        body,
        signal,
        credentials: 'omit',
        cache: 'no-store',
      });
      if (response.ok) {
        await readLines(response, (text) => {
          clearTimeout(timer);
          timer = setTimeout(overdue, longest);
          if (!signal.aborted) this.#hears.frames(parseFrames(text), true);
        });
      } else {
        const why = await refusal(response);
        if (why.status === 413) tooLarge = why;
        else if (!why.unserved || !this.#hears.unserved(body.split('\n'), why)) throw why;
      }
    } catch (error) {
      throw error instanceof TypeError ? new Lost('a POST got no answer', true, error) : error;
    } finally {
      clearTimeout(timer);
    }
    if (tooLarge) await this.#part(body.split('\n'), tooLarge);
  }

  /** part posts in two what was too large. One line can only be rejected: it would be too large the next time as well. */
  async #part(lines: string[], why: Refused): Promise<void> {
    const half = lines.length >> 1;
    if (half > 0) {
      await this.#post(lines.slice(0, half).join('\n'));
      return this.#post(lines.slice(half).join('\n'));
    }
    const { id } = JSON.parse(lines[0] as string);
    if (id && !this.#signal.aborted) {
      this.#hears.frames([{ type: 'reject', id, code: 'too_large', message: why.message, untaken: true }], true);
    }
  }
}

/** readLines hands over what comes as whole lines, several together where they come together. */
export async function readLines(response: Response, take: (text: string) => void): Promise<void> {
  const reader = response.body?.getReader();
  if (!reader) return take(await response.text());
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    const text = rest + (done ? decoder.decode() : decoder.decode(value, { stream: true }));
    const end = done ? text.length : text.lastIndexOf('\n') + 1;
    rest = text.slice(end);
    if (end > 0) take(text.slice(0, end));
    if (done) return;
  }
}
