import { Lost, refusal } from './errors.ts';
import { parseFrames } from './frames.ts';
import { batches, bearer, type Dial, type Hears } from './link.ts';

const busyLines = 1000;
const longest = 35_000; // ms without a sign of an answer; the server answers within 30 s

/** Post sends the frames of a link that goes one way only, one POST at a time. */
export class Post {
  readonly #dial: Dial;
  readonly #hears: Hears;
  readonly #url: URL;
  readonly #stop = new AbortController();
  #lines: string[] = [];
  #running: Promise<void> | undefined;

  constructor(dial: Dial, hears: Hears) {
    this.#dial = dial;
    this.#hears = hears;
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

  close(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    await null; // others of the same moment come along
    try {
      while (this.#lines.length > 0 && !this.#stop.signal.aborted) {
        const lines = this.#lines;
        this.#lines = [];
        for (const body of batches(lines)) await this.#post(body);
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#hears.ended(error as Error);
    }
    this.#running = undefined;
  }

  async #post(body: string): Promise<void> {
    const { token, fetch } = this.#dial;
    const signal = this.#stop.signal;
    const overdue = () => this.#hears.ended(new Lost('a POST got no answer', true));
    let timer = setTimeout(overdue, longest);
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { ...bearer(token()), 'content-type': 'application/x-ndjson', accept: 'application/x-ndjson' },
        body,
        signal,
        credentials: 'omit',
        cache: 'no-store',
      });
      if (!response.ok) throw await refusal(response);
      await readLines(response, (text) => {
        clearTimeout(timer);
        timer = setTimeout(overdue, longest);
        if (!signal.aborted) this.#hears.frames(parseFrames(text), true);
      });
    } catch (error) {
      throw error instanceof TypeError ? new Lost('a POST got no answer', true, error) : error;
    } finally {
      clearTimeout(timer);
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
