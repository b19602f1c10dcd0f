import { Lost, refusal } from './errors.ts';
import type { ServerFrame } from './frames.ts';
import { bearer, type Dial, type Hears, type Link } from './link.ts';
import { plainLink } from './post.ts';
import { request } from './request.ts';

const wait = 25; // s that the server holds an answer back

/** openLongPoll asks again and again, and sends by POST. */
export function openLongPoll(dial: Dial, hears: Hears): Link {
  return plainLink(dial, hears, async (signal) => {
    const url = new URL(dial.url);
    url.searchParams.set('welcome', '1');
    let polls = 0; // that were answered
    try {
      while (!signal.aborted) {
        const response = await poll(dial, url, signal);
        const frames: ServerFrame[] = response.status === 204 ? [] : await response.json();
        if (signal.aborted) return;
        if (!Array.isArray(frames)) throw new Lost('an answer to a poll without frames');
        hears.heard();
        url.searchParams.delete('welcome');
        url.searchParams.set('poll', String(++polls)); // tells the next one from the last, which a browser may have sent again
        const cursor = response.headers.get('tutti-cursor');
        if (cursor) url.searchParams.set('cursor', cursor);
        if (frames.length > 0) hears.frames(frames, false);
      }
    } catch (error) {
      throw error instanceof TypeError ? new Lost('no answer to a poll', true, error) : error;
    }
  });
}

/** poll returns an answer of the server with status 200 or 204. Whoever waits too long for it stops it. */
async function poll({ token, fetch }: Dial, url: URL, signal: AbortSignal): Promise<Response> {
  const headers = { ...bearer(token()), accept: 'application/json', prefer: `wait=${wait}` };
  // Another edge begins a link anyhow: a poll is not made again for long.
  const response = await request(fetch, url, { headers, signal, credentials: 'omit', cache: 'no-store' }, 2);
  const json = response.headers.get('content-type')?.startsWith('application/json');
  if (response.status !== 204 && !(response.ok && json)) throw await refusal(response);
  return response;
}
