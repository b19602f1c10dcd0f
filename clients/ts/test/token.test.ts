import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Entity } from '../src/index.ts';
import { type Desk, openDesk } from './desk.ts';
import { Fake, settled, welcome } from './fake.ts';
import { FakeHTTP } from './fakehttp.ts';
import { token } from './server.ts';

beforeEach(() => void vi.useFakeTimers({ now: 1_800_000_000_000 }));
afterEach(() => void vi.useRealTimers());
let desk: Entity<Desk>;
afterEach(() => desk.close());

/** valid returns a token that is valid for so many seconds. */
const valid = (seconds: number) => token('ann', { exp: Math.floor(Date.now() / 1000) + seconds });

test('a fresh token is sent before the old one expires', async () => {
  const fake = new Fake();
  const reasons: string[] = [];
  let made = '';
  desk = openDesk('http://h/v1/desk/1', {
    WebSocket: fake.WebSocket,
    token: async (reason) => {
      reasons.push(reason);
      made = valid(60);
      return made;
    },
  });
  const socket = await fake.next();
  expect(socket.protocols).toEqual(['tutti.v1', `bearer.${made}`]);
  socket.accept(welcome());
  await settled();
  for (let round = 2; round < 5; round++) {
    for (let second = 0; second < 55; second++) {
      if (second < 50) expect(reasons).toHaveLength(round - 1);
      await vi.advanceTimersByTimeAsync(1_000);
      for (const ping of socket.pings()) socket.say({ type: 'pong', t: ping.t });
    }
    expect(socket.received()).toContainEqual({ type: 'auth', token: made });
    expect(reasons).toEqual(['first', ...Array(round - 1).fill('expiring')]);
  }
});

test('while there is no fresh token it is asked for again', async () => {
  const fake = new Fake();
  let asked = 0;
  desk = openDesk('http://h/v1/desk/1', {
    WebSocket: fake.WebSocket,
    token: () => {
      if (asked++ > 0 && asked < 4) throw new Error('not now');
      return valid(10);
    },
  });
  (await fake.next()).accept(welcome());
  await vi.advanceTimersByTimeAsync(5_100);
  expect(asked).toBe(2);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(asked).toBe(4);
  expect(fake.last.received()).toHaveLength(1);
});

test('when the token has expired another one is got', async () => {
  const fake = new Fake();
  const reasons: string[] = [];
  desk = openDesk('http://h/v1/desk/1', {
    WebSocket: fake.WebSocket,
    token: (reason) => {
      reasons.push(reason);
      return `t${reasons.length}`;
    },
  });
  (await fake.next()).accept(welcome());
  await settled();
  fake.last.say({ type: 'terminate', code: 'token_expired', reconnect: true, after: 10 });
  const next = await fake.next();
  expect(next.protocols[1]).toBe('bearer.t2');
  expect(reasons).toEqual(['first', 'expired']);
});

test('without a way to get another token, an expired one is the end', async () => {
  const fake = new Fake();
  desk = openDesk('http://h/v1/desk/1', { WebSocket: fake.WebSocket, token: 'one' });
  (await fake.next()).accept(welcome());
  await settled();
  fake.last.say({ type: 'terminate', code: 'token_expired', reconnect: true });
  expect(desk.status.value).toMatchObject({ phase: 'closed', error: { code: 'token_expired' } });
});

test('a clock that is ahead of the server has no token asked for again and again', async () => {
  const fake = new Fake();
  let asked = 0;
  desk = openDesk('http://h/v1/desk/1', {
    WebSocket: fake.WebSocket,
    token: () => {
      asked++;
      return valid(-3600 + asked);
    },
  });
  const socket = await fake.next();
  socket.accept(welcome());
  for (let i = 0; i < 30; i++) {
    await vi.advanceTimersByTimeAsync(1_000);
    for (const ping of socket.pings()) socket.say({ type: 'pong', t: ping.t });
  }
  expect(asked).toBe(1);
  socket.say({ type: 'terminate', code: 'token_expired', reconnect: true, after: 10 });
  await fake.next();
  expect(asked).toBe(2);
});

test('a token that takes long says nothing of the transport', async () => {
  const fake = new Fake();
  const http = new FakeHTTP();
  let give = (_: string) => {};
  let asked = 0;
  desk = openDesk('http://h/v1/desk/1', {
    WebSocket: fake.WebSocket,
    fetch: http.fetch,
    token: () => {
      asked++;
      return new Promise((resolve) => {
        give = resolve;
      });
    },
  });
  await vi.advanceTimersByTimeAsync(20_000);
  expect(asked).toBeGreaterThan(1); // the first may never come
  give('late');
  const socket = await fake.next();
  expect(socket.protocols[1]).toBe('bearer.late');
  expect(http.has()).toBe(false);
});
