import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Entity, type Options, Terminated } from '../src/index.ts';
import { type Desk, openDesk } from './desk.ts';
import { Fake, type FakeSocket, settled, welcome } from './fake.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});
let desk: Entity<Desk>;
afterEach(() => desk.close());

const url = 'http://h/v1/desk/1';
const fake = () => new Fake();

async function opened(options: Partial<Options<Desk>> = {}): Promise<{ f: Fake; socket: FakeSocket }> {
  const f = fake();
  desk = openDesk(url, { WebSocket: f.WebSocket, transports: ['websocket'], ...options });
  const socket = await f.next();
  socket.accept(welcome());
  await settled();
  return { f, socket };
}

/** waits returns how long the client waits before each of the next attempts, all of which fail. */
async function waits(f: Fake, many: number): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < many; i++) {
    const before = Date.now();
    const socket = await f.next();
    all.push(Date.now() - before);
    socket.drop();
  }
  return all;
}

test('waits grow, are spread and stay below the longest', async () => {
  const { f, socket } = await opened({ backoff: { min: 100, max: 1000 } });
  await vi.advanceTimersByTimeAsync(6_000); // a steady link
  const random = vi.spyOn(Math, 'random').mockReturnValue(0.999);
  socket.drop();
  expect(await waits(f, 6)).toEqual([100, 200, 400, 800, 1000, 1000]);
  random.mockReturnValue(0.5);
  expect((await waits(f, 3)).slice(1)).toEqual([500, 500]);
  random.mockReturnValue(0);
  expect((await waits(f, 3)).slice(1)).toEqual([0, 0]);
});

test('a link that dies as soon as it is welcomed is a failure', async () => {
  const { f, socket } = await opened();
  vi.spyOn(Math, 'random').mockReturnValue(0.999);
  socket.drop();
  const all: number[] = [];
  for (let i = 0; i < 4; i++) {
    const before = Date.now();
    const next = await f.next();
    all.push(Date.now() - before);
    next.accept(welcome());
    await settled();
    next.drop();
  }
  expect(all).toEqual([100, 200, 400, 800]);
});

test('the server says how long to wait, or not to come back', async () => {
  const { f, socket } = await opened();
  const before = Date.now();
  socket.say({ type: 'terminate', code: 'draining', message: '', reconnect: true, after: 1730 });
  expect(desk.status.value).toMatchObject({ phase: 'waiting', retryAt: before + 1730 });
  const next = await f.next();
  expect(Date.now() - before).toBe(1730);
  next.accept(welcome());
  await settled();
  next.say({ type: 'terminate', code: 'banned', message: 'no more', reconnect: false });
  expect(desk.status.value).toMatchObject({ phase: 'closed', error: new Terminated('banned', 'no more', false) });
  await vi.advanceTimersByTimeAsync(600_000);
  expect(f.sockets).toHaveLength(2);
  await expect(desk.send('look')).rejects.toMatchObject({ name: 'Closed', cause: { code: 'banned' } });
});

test('a final close code without a terminate is final', async () => {
  const { socket } = await opened();
  socket.drop(4409);
  expect(desk.status.value.phase).toBe('closed');
});

test('a link over which nothing is heard is given up', async () => {
  const { f, socket } = await opened({ pingEvery: 0 });
  socket.pings();
  await vi.advanceTimersByTimeAsync(25_000); // the first ping was not answered
  expect(socket.closed).toBe(true);
  expect(desk.status.value.error?.message).toContain('nothing was heard');
  const next = await f.next();
  next.accept(welcome({ resumed: true, state: undefined }));
  await settled();
  for (let i = 0; i < 20; i++) {
    await vi.advanceTimersByTimeAsync(10_000);
    const [ping] = next.pings();
    if (ping) next.say({ type: 'pong', t: ping.t });
  }
  expect(next.closed).toBe(false);
  await vi.advanceTimersByTimeAsync(50_000);
  expect(next.closed).toBe(true);
});

test('a server that does not answer at all is given up, one that has the entity to wake is given time', async () => {
  const f = fake();
  desk = openDesk(url, { WebSocket: f.WebSocket, transports: ['websocket'] });
  const silent = await f.next();
  await vi.advanceTimersByTimeAsync(7_999);
  expect(silent.closed).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(silent.closed).toBe(true);
  const slow = await f.next();
  slow.accept();
  await vi.advanceTimersByTimeAsync(29_000);
  expect(slow.closed).toBe(false);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(slow.closed).toBe(true);
});

test('wake makes a link without waiting, and looks whether the one there is alive', async () => {
  const { f, socket } = await opened();
  await vi.advanceTimersByTimeAsync(6_000);
  vi.spyOn(Math, 'random').mockReturnValue(0.999);
  socket.drop();
  await waits(f, 5);
  expect(desk.status.value.phase).toBe('waiting');
  desk.wake();
  await settled();
  f.last.accept(welcome());
  await settled();
  const [ping] = f.last.pings();
  f.last.say({ type: 'pong', t: ping?.t });
  desk.wake();
  await vi.advanceTimersByTimeAsync(4_999);
  expect(f.last.closed).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(f.last.closed).toBe(true);
});

test('an entity that recovers says so', async () => {
  const { socket } = await opened();
  socket.say({ type: 'status', state: 'recovering' });
  expect(desk.status.value).toMatchObject({ phase: 'online', recovering: true });
  socket.say({ type: 'status', state: 'serving' });
  expect(desk.status.value.recovering).toBe(false);
});

test('presence is told again over a new link, before what waited', async () => {
  const { f, socket } = await opened();
  desk.presence({ color: 'red' });
  await settled();
  expect(socket.received()).toEqual([{ type: 'presence', data: { color: 'red' } }]);
  socket.drop();
  desk.send('look').catch(() => {});
  (await f.next()).accept(welcome());
  await settled();
  expect(f.last.received().map((frame) => frame.type)).toEqual(['presence', 'command']);
  desk.presence(null);
  await settled();
  expect(f.last.received()).toEqual([{ type: 'presence', data: null }]);
});

test('leave says goodbye and does not come back', async () => {
  const { f, socket } = await opened();
  await desk.leave();
  expect(socket.received()).toEqual([{ type: 'leave' }]);
  expect([socket.closed, desk.status.value.phase]).toEqual([true, 'closed']);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(f.sockets).toHaveLength(1);
});

test('a fresh state is asked for in a way that tells whether the connection is known', async () => {
  const { f } = await opened();
  desk.refresh();
  const next = await f.next();
  expect(next.url.searchParams.get('cursor')).toBe('-:0');
  next.accept(welcome({ rev: 9, state: { sum: 9, events: 9 } }));
  expect([desk.state.value?.sum, desk.rev, desk.cursor]).toEqual([9, 9, 'e1:9']);
});

test('a reducer that fails costs the link, and the state comes anew', async () => {
  const f = fake();
  const thrown: unknown[] = [];
  const catching = (error: unknown) => thrown.push(error);
  process.on('uncaughtException', catching);
  desk = openDesk(url, {
    WebSocket: f.WebSocket,
    apply: {
      reduce: () => {
        throw new Error('cannot');
      },
    },
  });
  (await f.next()).accept(welcome());
  f.last.say({ type: 'event', rev: 1, name: 'added', data: { by: 1 }, at: 1 });
  expect(desk.status.value.error?.message).toBe('cannot');
  const next = await f.next();
  expect(next.url.searchParams.get('cursor')).toBe('-:0');
  process.off('uncaughtException', catching);
});

test('what was measured is reported once', async () => {
  const { socket } = await opened();
  const answer = () => {
    const [ping] = socket.pings();
    socket.say({ type: 'pong', t: ping?.t, edge_us: 0, state_us: 0 });
    return ping;
  };
  expect(answer()).toEqual({ type: 'ping', t: 1 });
  await vi.advanceTimersByTimeAsync(5_000);
  const [second] = socket.pings();
  expect(second).toMatchObject({ up: expect.any(Number), down: expect.any(Number) });
  socket.say({ type: 'status', state: 'serving' }); // heard, but no pong
  await vi.advanceTimersByTimeAsync(5_000);
  expect(socket.pings()).toEqual([{ type: 'ping', t: 3 }]);
});
