import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Entity, type Options, Rejected, Terminated, type Transport } from '../src/index.ts';
import { type Desk, openDesk, until } from './desk.ts';
import { Server, token } from './server.ts';

const server = new Server();
beforeAll(() => server.start());
afterAll(() => server[Symbol.asyncDispose]());

describe.each<Transport>(['websocket', 'sse', 'longpoll'])('%s', (transport) => {
  const openAt = (url: string, options: Partial<Options<Desk>> = {}) =>
    openDesk(`${url}-${transport}`, { transports: [transport], ...options });

  test('send, query, events and state', async () => {
    const desk = openAt(server.url('basic'));
    const events: unknown[] = [];
    desk.events.subscribe((e) => events.push([e.rev, e.name, e.data, e.mine]));
    await desk.ready;
    expect(desk.state.value).toEqual({ sum: 0, events: 0 });
    const ack = await desk.send('add', { by: 2 });
    expect(ack).toEqual({ id: 1, rev: 1, reply: 2 });
    expect(desk.state.value).toEqual({ sum: 2, events: 1 });
    expect(await desk.query('sum')).toEqual({ rev: 1, data: 2 });
    await desk.send('split', { by: 3 });
    expect(events).toEqual([
      [1, 'added', { by: 2 }, true],
      [2, 'added', { by: 3 }, true],
      [3, 'added', { by: 3 }, true],
    ]);
    await expect(desk.send('add', { by: 0 })).rejects.toMatchObject({ name: 'Rejected', code: 'nothing' });
    await expect(desk.send('add', { by: 1 }, { expect: 1 })).rejects.toMatchObject({ code: 'conflict' });
    await desk.send('add', { by: 1 }, { expect: desk.rev });
    desk.close();
    expect(desk.status.value).toMatchObject({ phase: 'closed', error: undefined });
    await expect(desk.send('look')).rejects.toMatchObject({ name: 'Closed' });
  });

  test('a server that is killed takes nothing with it', async () => {
    const desk = openAt(server.url('killed'));
    await desk.ready;
    const sums: number[] = [];
    desk.events.subscribe((e) => e.name === 'added' && sums.push(e.rev));
    let failed = 0;
    for (let round = 0; round < 3; round++) {
      const acks = Array.from({ length: 50 }, () => desk.send('add', { by: 1 }).catch(() => failed++));
      await acks[10];
      await server.kill();
      acks.push(desk.send('add', { by: 1 }));
      await server.start();
      await Promise.all(acks);
    }
    expect(failed).toBe(0);
    expect(desk.state.value).toEqual({ sum: 153, events: 153 });
    expect(sums).toEqual(Array.from({ length: 153 }, (_, i) => i + 1));
    desk.close();
  });

  test('presence, signals and messages', async () => {
    const ann = openAt(server.url('people'), { presence: true });
    const ben = openAt(server.url('people'), { presence: true, token: token('ben') });
    await Promise.all([ann.ready, ben.ready]);
    ben.presence({ color: 'red' });
    const members = await until(ann.members, (m) => m.list.get(ben.member)?.data !== undefined);
    expect(members.count).toBe(2);
    expect(members.list.get(ben.member)).toEqual({ member: ben.member, who: 'ben', data: { color: 'red' } });
    const messages = ann.messages[Symbol.asyncIterator]();
    expect(ben.signal('typing', true)).toBe(true);
    expect((await messages.next()).value).toEqual({ name: 'typing', data: true, by: ben.member });
    await ben.send('shout', { text: 'hey' });
    expect((await messages.next()).value).toMatchObject({ name: 'shouted', data: { text: 'hey' } });
    await ben.leave();
    await until(ann.members, (m) => m.count === 1);
    expect(() => ann.presence({ color: 'x'.repeat(5000) })).toThrow(Rejected);
    ann.close();
  });

  test('a prediction is shown at once and gives way to what happens', async () => {
    const desk = openAt(server.url('predicted'));
    await desk.ready;
    const shown: unknown[] = [];
    desk.state.subscribe((s) => shown.push(s?.sum));
    const sent = desk.send('add', { by: 5 }, { predict: (s) => ({ ...s, sum: s.sum + 5 }) });
    expect(desk.state.value).toEqual({ sum: 5, events: 0 });
    expect(desk.confirmed.value).toEqual({ sum: 0, events: 0 });
    await sent;
    expect(desk.state.value).toEqual({ sum: 5, events: 1 });
    const rejected = desk.send('add', { by: 0 }, { predict: (s) => ({ ...s, sum: 99 }) });
    expect(desk.state.value?.sum).toBe(99);
    await expect(rejected).rejects.toBeInstanceOf(Rejected);
    expect(desk.state.value).toEqual({ sum: 5, events: 1 });
    expect(shown).toEqual([0, 5, 5, 99, 5]);
    desk.close();
  });

  test('a handler that takes long', async () => {
    const desk = openAt(server.url('slow'));
    await desk.ready;
    expect(await desk.send('slow', { ms: 1500 })).toMatchObject({ rev: 1 });
    await expect(desk.send('fail')).rejects.toMatchObject({ code: 'internal' });
    desk.close();
  });

  test('a command that is too large is rejected, and nothing else', async () => {
    const desk = openAt(server.url('large'));
    await desk.ready;
    const { transport } = desk.status.value;
    const ends: unknown[] = [];
    desk.status.subscribe(({ phase, error }) => phase !== 'online' && ends.push(phase, error));
    const calls = [
      desk.send('add', { by: 1 }),
      desk.send('shout', { text: 'x'.repeat(70_000) }),
      desk.send('add', { by: 2 }),
    ];
    const [first, large, last] = await Promise.allSettled(calls);
    expect([first?.status, last?.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(large).toMatchObject({ reason: { name: 'Rejected', code: 'too_large' } });
    expect([ends, desk.status.value.transport, desk.state.value?.sum]).toEqual([[], transport, 3]);
    desk.close();
  });

  test('an event that this audience does not see', async () => {
    const desk = openAt(server.url('hidden'));
    const staff = openAt(server.url('hidden'), { token: token('sue', { role: 'staff' }) });
    await Promise.all([desk.ready, staff.ready]);
    const seen: string[] = [];
    staff.events.subscribe((e) => seen.push(e.name));
    await desk.send('hide');
    await desk.send('add', { by: 1 });
    await until(staff.state, (s) => s?.sum === 1);
    expect(seen).toEqual(['hidden', 'added']);
    expect([desk.rev, desk.state.value?.events]).toEqual([2, 1]);
    desk.close();
    staff.close();
  });

  test('a connection that only sends', async () => {
    const desk = openAt(server.url('feeder'), { watch: false });
    await desk.ready;
    expect(await desk.send('add', { by: 4 })).toMatchObject({ rev: 1, reply: 4 });
    expect(desk.state.value).toBeUndefined();
    desk.close();
  });
});

test('a token that nobody takes', async () => {
  const desk = openDesk(server.url('denied'), { token: 'no.such.token', transports: ['websocket'] });
  expect(await until(desk.status, (s) => s.phase === 'waiting')).toMatchObject({ error: expect.any(Error) });
  desk.close();
  await expect(desk.ready).rejects.toMatchObject({ name: 'Closed' });
});

test('a link that was replaced stays away', async () => {
  const conn = 'a-name-that-two-links-share';
  const first = openDesk(server.url('replaced'), { conn });
  await first.ready;
  const second = openDesk(server.url('replaced'), { conn });
  await second.ready;
  const { error } = await until(first.status, (s) => s.phase === 'closed');
  expect(error).toBeInstanceOf(Terminated);
  expect(error).toMatchObject({ code: 'replaced' });
  second.close();
});

test('two that poll under one name do not fight for ever: one of them stays', async () => {
  const conn = 'a-name-that-two-polls-share';
  const only = { conn, transports: ['longpoll'] as const };
  const both = [openDesk(server.url('contested'), only), openDesk(server.url('contested'), only)];
  const closed = (desk: Entity<Desk>) => until(desk.status, (s) => s.phase === 'closed').then(() => desk);
  const gone = await Promise.race(both.map(closed));
  expect(gone.status.value.error).toMatchObject({ name: 'Terminated', code: 'replaced' });
  const [left] = both.filter((desk) => desk !== gone) as [Entity<Desk>];
  await left.ready;
  expect(await left.send('add', { by: 1 })).toMatchObject({ rev: 1 });
  left.close();
});

test('changing the transport while commands are on their way', async () => {
  const desk = openDesk(server.url('changing'));
  await desk.ready;
  const revs: number[] = [];
  desk.events.subscribe((e) => revs.push(e.rev));
  const acks: Promise<unknown>[] = [];
  for (const transport of ['sse', 'longpoll', 'websocket', 'longpoll', 'sse', 'websocket'] as const) {
    desk.use(transport);
    for (let i = 0; i < 20; i++) acks.push(desk.send('add', { by: 1 }));
    await until(desk.status, (s) => s.phase === 'online' && s.transport === transport);
  }
  await Promise.all(acks);
  expect(desk.state.value).toEqual({ sum: 120, events: 120 });
  expect(revs).toEqual(Array.from({ length: 120 }, (_, i) => i + 1));
  desk.close();
});

test('where there is no WebSocket', async () => {
  const before = globalThis.WebSocket;
  (globalThis as { WebSocket?: unknown }).WebSocket = undefined;
  const desk = openDesk(server.url('without'), { WebSocket: undefined } as object);
  await desk.ready;
  expect(desk.status.value.transport).toBe('sse');
  desk.close();
  globalThis.WebSocket = before;
});
