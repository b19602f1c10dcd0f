// What the client makes of the window that goes online and offline, and of a page that nobody looks at.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Entity } from '../src/index.ts';
import { type Desk, openDesk } from './desk.ts';
import { Fake, type FakeSocket, settled, welcome } from './fake.ts';

/** Page counts its listeners. */
class Page extends EventTarget {
  visibilityState = 'visible';
  listeners = 0;
  override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
    this.listeners++;
    super.addEventListener(...args);
  }
  override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
    this.listeners--;
    super.removeEventListener(...args);
  }
  happens(name: string): void {
    this.dispatchEvent(new Event(name));
  }
  look(visible: boolean): void {
    this.visibilityState = visible ? 'visible' : 'hidden';
    this.happens('visibilitychange');
  }
}

let fake: Fake;
let page: Page;
let socket: FakeSocket;
let desk: Entity<Desk>;

beforeEach(async () => {
  vi.useFakeTimers();
  fake = new Fake();
  page = new Page();
  vi.stubGlobal('document', page);
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
  desk = openDesk('http://h/v1/desk/1', { WebSocket: fake.WebSocket, transports: ['websocket'] });
  socket = await fake.next();
  socket.accept(welcome());
  await answer();
});
afterEach(() => {
  desk.close();
  expect(page.listeners).toBe(0);
  vi.unstubAllGlobals();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** answer answers the pings that came, and returns how many did. */
async function answer(): Promise<number> {
  await settled();
  const pings = socket.pings();
  for (const { t } of pings) socket.say({ type: 'pong', t });
  return pings.length;
}

test('who waits for the next attempt makes it as soon as the network is back', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.999);
  socket.drop();
  for (let i = 0; i < 6; i++) (await fake.next()).drop();
  const tried = fake.sockets.length;
  await vi.advanceTimersByTimeAsync(1_000);
  expect([fake.sockets.length, desk.status.value.phase]).toEqual([tried, 'waiting']);
  page.happens('online');
  await settled();
  expect(fake.sockets).toHaveLength(tried + 1);
});

test.each(['online', 'offline'])('a link that says nothing after %s is given up', async (name) => {
  page.happens(name);
  expect(await answer()).toBe(1);
  page.happens(name);
  await vi.advanceTimersByTimeAsync(4_999);
  expect(socket.closed).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(socket.closed).toBe(true);
});

test('a page that nobody looks at is spared, and its link checked when somebody does', async () => {
  page.look(false);
  await vi.advanceTimersByTimeAsync(5_000);
  await answer();
  for (const pings of [0, 0, 0, 0, 1]) {
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await answer()).toBe(pings);
  }
  await vi.advanceTimersByTimeAsync(2_000);
  page.look(true);
  expect(await answer()).toBe(1);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(await answer()).toBe(1);
});
