import { Lost, refusal } from './errors.ts';
import type { ServerFrame } from './frames.ts';
import { bearer, type Dial, type Hears, type Link } from './link.ts';
import { plainLink, readLines } from './post.ts';

/** openSSE reads server-sent events with fetch, which can show a token, and sends by POST. */
export function openSSE(dial: Dial, hears: Hears): Link {
  return plainLink(dial, hears, (signal) => read(dial, hears, signal));
}

async function read({ url, token, fetch }: Dial, hears: Hears, signal: AbortSignal): Promise<void> {
  let response: Response | undefined;
  try {
    const headers = { ...bearer(token()), accept: 'text/event-stream' };
    response = await fetch(url, { headers, signal, credentials: 'omit', cache: 'no-store' });
    if (!response.headers.get('content-type')?.startsWith('text/event-stream')) throw await refusal(response);
    const events = new EventStream();
    await readLines(response, (text) => {
      if (signal.aborted) return;
      hears.heard();
      const frames = events.read(text);
      if (events.retry !== undefined) hears.pace(events.retry);
      if (frames.length > 0) hears.frames(frames, false);
    });
  } catch (error) {
    throw error instanceof TypeError ? new Lost('the stream broke', !response, error) : error;
  }
}

/** EventStream reads the lines of server-sent events; each event is one frame. */
export class EventStream {
  /** What the server last said of coming back, in ms. */
  retry: number | undefined;
  #data = '';

  /** read takes whole lines. */
  read(text: string): ServerFrame[] {
    const frames: ServerFrame[] = [];
    for (const line of text.replace(/\n$/, '').split(/\r?\n/)) {
      const [, field, value = ''] = /^(data|retry)(?:: ?(.*?))?\r?$/.exec(line) ?? [];
      if (field === 'data') this.#data += `${value}\n`;
      if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value);
      if (line === '' || line === '\r') {
        if (this.#data) frames.push(JSON.parse(this.#data));
        this.#data = '';
      }
    }
    return frames;
  }
}
