import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Entity, Rejected, Unknown } from '../src/index.ts';
import { type Desk, openDesk } from './desk.ts';
import { added, Fake, type Frame, own, settled, welcome } from './fake.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const ids = (frames: Frame[]) => frames.map((f) => `${f.type} ${f.id} ${f.name}`);
const ack = (id: number, rev: number) => ({ type: 'ack', id, rev });
let desk: Entity<Desk>;
afterEach(() => desk.close());

async function opened(options = {}) {
  const fake = new Fake();
  desk = openDesk('http://h/v1/desk/1', { WebSocket: fake.WebSocket, transports: ['websocket'], ...options });
  const socket = await fake.next();
  socket.accept(welcome());
  await settled();
  socket.received();
  return { fake, socket };
}

test('commands come again with their old ids in their old order, queries under new ones, after the welcome', async () => {
  const { fake, socket } = await opened();
  const calls = [
    desk.send('add', { by: 1 }),
    desk.query('sum'),
    desk.send('add', { by: 2 }),
    desk.send('add', { by: 3 }),
  ];
  await settled();
  expect(ids(socket.received())).toEqual(['command 1 add', 'query 2 sum', 'command 3 add', 'command 4 add']);
  socket.say(own(1, 2, 3), ack(3, 1));
  socket.drop();
  calls.push(desk.send('look'));
  const again = await fake.next();
  expect(again.url.searchParams.get('cursor')).toBe('e1:1');
  expect(again.url.searchParams.get('conn')).toBe(desk.conn);
  again.accept();
  await settled();
  expect(again.received()).toEqual([]);
  again.say(welcome({ resumed: true, rev: 1, state: undefined, acked: 3 }));
  await settled();
  expect(ids(again.received())).toEqual(['command 1 add', 'command 4 add', 'query 5 sum', 'command 6 look']);
  again.say(
    ack(1, 2),
    { type: 'reject', id: 4, code: 'forgotten' },
    { type: 'answer', id: 5, rev: 2, data: 7 },
    ack(6, 2),
  );
  again.say(ack(1, 9), { type: 'answer', id: 2, rev: 0, data: 0 }); // of nobody any more
  const outcomes = await Promise.allSettled(calls);
  expect(outcomes.map((o) => (o.status === 'fulfilled' ? o.value : (o.reason as Rejected).code))).toMatchObject([
    { id: 1, rev: 2 },
    { rev: 2, data: 7 },
    { id: 3, rev: 1 },
    'forgotten',
    { id: 6, rev: 2 },
  ]);
});

test('what was sent to a platform that has forgotten the connection is unknown, the rest is sent', async () => {
  const { fake, socket } = await opened();
  const sent = desk.send('add', { by: 1 }, { predict: (s) => ({ ...s, sum: 50 }) });
  const unknown = expect(sent).rejects.toBeInstanceOf(Unknown);
  await settled();
  expect(desk.state.value?.sum).toBe(50);
  socket.drop();
  const unsent = desk.send('add', { by: 2 });
  const again = await fake.next();
  again.accept(welcome({ known: false, epoch: 'e2' }));
  await unknown;
  expect(desk.state.value?.sum).toBe(0);
  expect(ids(again.received())).toEqual(['command 2 add']);
  again.say(ack(2, 1));
  expect(await unsent).toMatchObject({ rev: 1 });
});

test('a welcome in the stream sends nothing again and replaces the state', async () => {
  const { socket } = await opened();
  desk.presence({ color: 'red' });
  const call = desk.send('add', { by: 1 }, { predict: (s) => ({ ...s, sum: s.sum + 1 }) });
  const later = desk.send('add', { by: 2 }, { predict: (s) => ({ ...s, sum: s.sum + 2 }) });
  await settled();
  socket.received();
  socket.say(welcome({ rev: 100, acked: 1, state: { sum: 40, events: 1 } }));
  await settled();
  expect(socket.received()).toEqual([]);
  expect(desk.confirmed.value?.sum).toBe(40); // with the first, whose answer is still to come
  expect(desk.state.value?.sum).toBe(42);
  socket.say(ack(1, 100), own(101, 2, 2), ack(2, 101));
  expect([(await call).rev, (await later).rev, desk.state.value?.sum]).toEqual([100, 101, 42]);
});

test('no more than 256 are on their way', async () => {
  const { socket } = await opened();
  const calls = Array.from({ length: 300 }, () => desk.send('look'));
  await settled();
  expect(socket.received()).toHaveLength(256);
  socket.say(ack(1, 0), ack(2, 0));
  await settled();
  expect(ids(socket.received())).toEqual(['command 257 look', 'command 258 look']);
  socket.say(...Array.from({ length: 256 }, (_, i) => ack(i + 3, 0)));
  await settled();
  expect(socket.received()).toHaveLength(42);
  expect(desk.unanswered).toBe(42);
  for (const call of calls) call.catch(() => {});
});

test('the queue is bounded by number and by size', async () => {
  const fake = new Fake();
  desk = openDesk('http://h/v1/desk/1', { WebSocket: fake.WebSocket, queue: { commands: 2, bytes: 1000 } });
  const first = desk.send('add', { by: 1 });
  await expect(desk.send('shout', { text: 'x'.repeat(1000) })).rejects.toMatchObject({ code: 'overloaded' });
  const second = desk.send('add', { by: 2 });
  await expect(desk.send('add', { by: 3 })).rejects.toBeInstanceOf(Rejected);
  const socket = await fake.next();
  socket.accept(welcome());
  await settled();
  socket.say(ack(1, 1), ack(2, 1));
  await Promise.all([first, second]);
  const third = desk.send('add', { by: 4 });
  await settled();
  socket.say(ack(3, 1));
  await third;
  await expect(desk.send('shout', { text: 'x'.repeat(2 << 20) })).rejects.toMatchObject({ code: 'too_large' });
});

test('close settles everything', async () => {
  const { socket } = await opened();
  const sent = desk.send('look');
  const asked = desk.query('sum');
  await settled();
  socket.drop();
  const unsent = desk.send('look');
  desk.close();
  const outcomes = await Promise.allSettled([sent, asked, unsent, desk.send('look')]);
  expect(outcomes.map((o) => o.status === 'rejected' && o.reason.name)).toEqual([
    'Unknown',
    'Closed',
    'Closed',
    'Closed',
  ]);
  expect(vi.getTimerCount()).toBe(0);
});

test('whoever gives up waiting hears what became of it', async () => {
  const { fake, socket } = await opened();
  const giveUp = new AbortController();
  const { signal } = giveUp;
  const sent = desk.send('add', { by: 1 }, { signal, predict: (s) => ({ ...s, sum: s.sum + 1 }) });
  const asked = desk.query('sum', undefined, { signal });
  await settled();
  expect(ids(socket.received())).toEqual(['command 1 add', 'query 2 sum']);
  socket.drop();
  const unsent = desk.send('add', { by: 10 }, { signal, predict: (s) => ({ ...s, sum: s.sum + 10 }) });
  expect(desk.state.value?.sum).toBe(11);
  giveUp.abort(new Error('enough'));
  const outcomes = await Promise.allSettled([sent, asked, unsent]);
  expect(outcomes.map((o) => o.status === 'rejected' && o.reason.name)).toEqual(['Unknown', 'Error', 'Error']);
  expect(desk.state.value?.sum).toBe(1); // the first may have its effect
  const again = await fake.next();
  again.accept(welcome({ resumed: true, state: undefined }));
  await settled();
  expect(ids(again.received())).toEqual(['command 1 add']);
  again.say(ack(1, 0));
  expect(desk.state.value?.sum).toBe(0);
  expect(desk.unanswered).toBe(0);
});

test('ids go on where there is storage', async () => {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (k: string) => kept.get(k) ?? null,
    setItem: (k: string, v: string) => void kept.set(k, v),
  };
  const { socket } = await opened({ storage });
  desk.send('look').catch(() => {});
  await settled();
  expect(ids(socket.received())).toEqual(['command 1 look']);
  const { conn } = desk;
  desk.close();
  const next = await opened({ storage });
  expect(desk.conn).toBe(conn);
  desk.send('look').catch(() => {});
  await settled();
  const [again] = next.socket.received();
  expect(again?.id).toBeGreaterThan(1);
});

test('ids start above what the platform has had', async () => {
  const fake = new Fake();
  desk = openDesk('http://h/v1/desk/1', { WebSocket: fake.WebSocket });
  desk.send('look').catch(() => {});
  (await fake.next()).accept(welcome({ acked: 900 }));
  await settled();
  expect(ids(fake.last.received())).toEqual(['command 901 look']);
});

test('a gap makes another link, a duplicate nothing', async () => {
  const { fake, socket } = await opened();
  const revs: number[] = [];
  desk.events.subscribe((e) => revs.push(e.rev));
  socket.say(added(1, 1), added(1, 1), added(4, 1, { prev: 1 }), added(3, 1));
  expect(fake.sockets).toHaveLength(1);
  socket.say(added(6, 1), added(7, 1));
  expect(socket.closed).toBe(true);
  expect(desk.status.value.error?.message).toContain('between 4 and 6');
  const again = await fake.next();
  expect(again.url.searchParams.get('cursor')).toBe('e1:4');
  again.accept(welcome({ resumed: true, state: undefined, rev: 4 }), added(5, 1), added(6, 1));
  expect(revs).toEqual([1, 4, 5, 6]);
  expect(desk.state.value).toEqual({ sum: 4, events: 4 });
});
