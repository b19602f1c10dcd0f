// What happens when links, wishes and answers cross on their way.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Entity, Options } from '../src/index.ts';
import { type Desk, openDesk } from './desk.ts';
import { added, Fake, settled, welcome } from './fake.ts';
import { FakeHTTP } from './fakehttp.ts';

const unhandled: unknown[] = [];
const note = (error: unknown) => unhandled.push(error);
beforeEach(() => {
  vi.useFakeTimers();
  unhandled.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(() => {
  process.off('unhandledRejection', note);
  vi.useRealTimers();
  vi.restoreAllMocks();
  expect(unhandled).toEqual([]);
});
let desk: Entity<Desk>;
afterEach(() => desk.close());

const replaced = { type: 'terminate', code: 'replaced', message: '', reconnect: false };
const resumed = (rev = 0) => welcome({ resumed: true, rev, state: undefined });

function start(options: Partial<Options<Desk>> = {}) {
  const fake = new Fake();
  const http = new FakeHTTP();
  desk = openDesk('http://h/v1/desk/1', { WebSocket: fake.WebSocket, fetch: http.fetch, token: 'one', ...options });
  return { fake, http };
}

async function opened(options: Partial<Options<Desk>> = {}) {
  const { fake, http } = start(options);
  const socket = await fake.next();
  socket.accept(welcome());
  await settled();
  return { fake, http, socket };
}

test('a link that was replaced by one which was given up meanwhile is made again', async () => {
  const { fake, http, socket } = await opened();
  desk.use('sse');
  await settled();
  expect(http.take().aborted).toBe(false);
  desk.use('websocket'); // while the server turns to the stream already
  socket.say(replaced);
  expect(desk.status.value.phase).toBe('waiting');
  const again = await fake.next();
  again.accept(resumed());
  await settled();
  expect(desk.status.value.phase).toBe('online');
  fake.last.say(replaced); // by somebody else
  expect(desk.status.value.phase).toBe('closed');
});

test('an attempt that comes to the server after it was given up does not end the connection', async () => {
  const { fake } = start({ transports: ['websocket'] });
  await fake.next();
  await vi.advanceTimersByTimeAsync(8_000);
  const next = await fake.next();
  next.accept(welcome());
  await settled();
  next.say(replaced);
  expect(desk.status.value.phase).toBe('waiting');
  (await fake.next()).accept(resumed());
  await settled();
  fake.last.say(replaced); // once
  expect(desk.status.value.phase).toBe('closed');
});

test('a refresh counts for a link that is on its way already', async () => {
  const { fake, http, socket } = await opened();
  socket.say(added(1, 5));
  desk.use('sse');
  await settled();
  const stream = http.take().stream('text/event-stream');
  desk.refresh();
  stream.event(resumed(1), added(2, 1));
  await settled();
  await vi.advanceTimersByTimeAsync(200);
  expect(http.take().url.searchParams.get('cursor')).toBe('-:0');
  expect(fake.sockets).toHaveLength(1);
});

test('refreshing says nothing of the transport', async () => {
  const { fake, http } = await opened();
  for (let i = 0; i < 6; i++) {
    desk.refresh();
    const next = await fake.next();
    next.accept(welcome());
    await settled();
  }
  expect([http.exchanges.length, desk.status.value.transport]).toEqual([0, 'websocket']);
});

test('nobody comes while the connection leaves', async () => {
  const { fake, http } = start({ transports: ['sse'] });
  await settled();
  http.take().stream('text/event-stream').event(welcome());
  await settled();
  http.take('POST').answer(); // a ping
  desk.use('websocket');
  const candidate = await fake.next();
  const left = desk.leave();
  candidate.accept(resumed());
  await settled();
  expect(candidate.closed).toBe(true);
  http.take('POST').answer();
  await left;
  expect(desk.status.value.phase).toBe('closed');
});

test('what the server says of coming back holds, whoever looks at the page', async () => {
  const { fake, socket } = await opened();
  socket.say({ type: 'terminate', code: 'draining', message: '', reconnect: true, after: 1500 });
  desk.wake();
  await vi.advanceTimersByTimeAsync(1_400);
  expect(fake.sockets).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(100);
  expect(fake.sockets).toHaveLength(2);
});

test('a WebSocket that cannot be made is no way, and nothing else', async () => {
  const http = new FakeHTTP();
  class Forbidden {
    constructor() {
      throw new DOMException('insecure', 'SecurityError');
    }
  }
  desk = openDesk('http://h/v1/desk/1', { WebSocket: Forbidden as never, fetch: http.fetch, token: 'one' });
  await settled();
  http.take().stream('text/event-stream').event(welcome());
  await desk.ready;
  expect(desk.status.value.transport).toBe('sse');
});

test('an answer to a poll that is no list of frames costs the link', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.999);
  const { http } = start({ transports: ['longpoll'] });
  await settled();
  http.take().json({ sum: 1 }); // a view: something on the way has taken Prefer away
  await settled();
  expect(http.has()).toBe(false);
  expect(desk.status.value.phase).toBe('waiting');
});

test('a transport that is not there cannot be used', async () => {
  const http = new FakeHTTP();
  vi.stubGlobal('WebSocket', undefined);
  desk = openDesk('http://h/v1/desk/1', { WebSocket: undefined as never, fetch: http.fetch, token: 'one' });
  vi.unstubAllGlobals();
  expect(() => desk.use('websocket')).toThrow(TypeError);
  desk.use('websocket', 'longpoll');
  await settled();
  expect(http.take().headers.get('accept')).toBe('application/json');
});

test('a link that is silent is noticed although the clock was set back', async () => {
  const { fake, socket } = await opened({ transports: ['websocket'] });
  socket.pings();
  vi.setSystemTime(Date.now() - 3_600_000);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(socket.closed).toBe(true);
  expect(fake.sockets.length).toBeGreaterThan(1);
});

test('a signal that would cost the link is refused', async () => {
  const { socket } = await opened();
  socket.received();
  expect(() => desk.signal('typing', 'ä'.repeat(33_000) as never)).toThrow(/64 KiB/);
  await settled();
  expect(socket.received()).toEqual([]);
});

test('a signal that would wait behind much else is not sent', async () => {
  const { socket } = await opened();
  socket.received();
  socket.bufferedAmount = 2 << 20;
  expect(desk.signal('typing', true)).toBe(false);
  socket.bufferedAmount = 0;
  expect(desk.signal('typing', true)).toBe(true);
  await settled();
  expect(socket.received()).toEqual([{ type: 'signal', name: 'typing', data: true }]);
});

test('a connection of somebody else is not taken again from storage', async () => {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (k: string) => kept.get(k) ?? null,
    setItem: (k: string, v: string) => void kept.set(k, v),
  };
  const first = start({ storage, transports: ['sse'] });
  await settled();
  first.http.take().stream('text/event-stream').event(welcome());
  await settled();
  const { conn } = desk;
  desk.close();
  const second = start({ storage, transports: ['sse'], token: 'of another subject' });
  expect(desk.conn).toBe(conn);
  await settled();
  second.http.take().problem(403);
  await settled();
  expect(desk.status.value.phase).toBe('closed');
  start({ storage, transports: ['sse'], token: 'of another subject' });
  expect(desk.conn).not.toBe(conn);
});
