// A desk whose client may use other transports than WebSockets, under the clock of the test.
import { afterEach, beforeEach, vi } from 'vitest';
import type { Entity, Options } from '../src/index.ts';
import { type Desk, openDesk } from './desk.ts';
import { Fake, settled, welcome } from './fake.ts';
import { FakeHTTP } from './fakehttp.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});
afterEach(() => desk.close());

/** The last that was started. */
export let desk: Entity<Desk>;

export const resumed = (rev = 0) => welcome({ resumed: true, rev, state: undefined });

export function start(options: Partial<Options<Desk>> = {}) {
  const fake = new Fake();
  const http = new FakeHTTP();
  desk = openDesk('http://h/v1/desk/1', { WebSocket: fake.WebSocket, fetch: http.fetch, token: 'one', ...options });
  return { fake, http };
}

export async function onSSE(options: Partial<Options<Desk>> = {}) {
  const { fake, http } = start({ transports: ['sse'], ...options });
  await settled();
  const stream = http.take().stream('text/event-stream', 'retry: 812\n\n');
  stream.event(welcome());
  await settled();
  http.take('POST').answer(); // a ping
  await settled();
  return { fake, http, stream };
}
