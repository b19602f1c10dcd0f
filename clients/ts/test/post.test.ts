import { expect, test, vi } from 'vitest';
import { own, settled, welcome } from './fake.ts';
import type { FakeHTTP } from './fakehttp.ts';
import { desk, onSSE, resumed, start } from './plain.ts';

test('an acknowledgement that overtakes its event waits for it', async () => {
  const { http, stream } = await onSSE();
  const sent = desk.send('add', { by: 7 }, { predict: (s) => ({ ...s, sum: s.sum + 7 }) });
  let state: unknown;
  sent.then(() => {
    state = desk.confirmed.value;
  });
  await settled();
  http.take('POST').answer({ type: 'ack', id: 1, rev: 1 });
  await vi.advanceTimersByTimeAsync(500);
  expect([state, desk.state.value?.sum]).toEqual([undefined, 7]);
  stream.event(own(1, 7, 1), { type: 'ack', id: 1, rev: 1 });
  await settled();
  expect(state).toEqual({ sum: 7, events: 1 });
  expect(desk.state.value?.sum).toBe(7);
});

test('an acknowledgement counts once its event has come, though the stream does not say it again', async () => {
  const { http, stream } = await onSSE();
  const sent = [desk.send('add', { by: 7 }), desk.send('add', { by: 1 })];
  const states: unknown[] = [];
  for (const one of sent) one.then(() => states.push(desk.confirmed.value));
  await settled();
  http.take('POST').answer({ type: 'ack', id: 1, rev: 1 }, { type: 'ack', id: 2, rev: 2 });
  await settled();
  expect(states).toEqual([]);
  stream.event(own(1, 7, 1));
  await settled();
  expect(states).toEqual([{ sum: 7, events: 1 }]);
  stream.event(welcome({ rev: 2, acked: 2, state: { sum: 8, events: 2 } })); // in place of the event
  await settled();
  expect(states[1]).toEqual({ sum: 8, events: 2 });
});

test('an acknowledgement whose event is hidden does not wait for ever', async () => {
  const { http } = await onSSE();
  const sent = desk.send('hide', undefined, { predict: (s) => ({ ...s, sum: 9 }) });
  await settled();
  http.take('POST').answer({ type: 'ack', id: 1, rev: 1 });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await sent).toMatchObject({ rev: 1 });
  expect(desk.state.value?.sum).toBe(0);
});

test('a POST that an edge refuses because it stops is made again, and the link stays', async () => {
  const { http, stream } = await onSSE();
  const sent = desk.send('add', { by: 1 });
  for (let n = 0; n < 4; n++) {
    await vi.advanceTimersByTimeAsync(400);
    http.take('POST').problem(503, { 'retry-after': '0' });
  }
  await vi.advanceTimersByTimeAsync(400);
  http.take('POST').answer({ type: 'ack', id: 1, rev: 1 });
  stream.event(own(1, 1, 1));
  expect(await sent).toMatchObject({ rev: 1 });
  expect(stream.aborted).toBe(false);
});

test('a POST that fails costs the link, and what it said is said again', async () => {
  const { http, stream } = await onSSE();
  const sent = desk.send('add', { by: 1 });
  await settled();
  http.take('POST').fail();
  await settled();
  expect(stream.aborted).toBe(true);
  await vi.advanceTimersByTimeAsync(812);
  const again = http.take();
  expect(again.url.searchParams.get('cursor')).toBe('e1:0');
  const next = again.stream('text/event-stream');
  next.event(resumed());
  await settled();
  expect(http.take('POST').frames[0]).toMatchObject({ type: 'command', id: 1 });
  next.event(own(1, 1, 1), { type: 'ack', id: 1, rev: 1 });
  await sent;
});

test('a POST that is not answered costs the link', async () => {
  const { http, stream } = await onSSE({ pingEvery: 1e6 });
  desk.send('add', { by: 1 }).catch(() => {});
  await settled();
  const hung = http.take('POST');
  for (let s = 0; s < 34; s++) {
    stream.say(':\n\n'); // the stream lives
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(desk.status.value.phase).toBe('online');
  await vi.advanceTimersByTimeAsync(2_000);
  expect(hung.aborted).toBe(true);
  expect(desk.status.value.phase).not.toBe('online');
});

test('a fresh token is posted', async () => {
  const { http, stream } = await onSSE({
    token: (reason) => `${reason}.${btoa(JSON.stringify({ exp: Date.now() / 1000 + 60 }))}.x`,
  });
  for (let i = 0; i < 55; i++) {
    await vi.advanceTimersByTimeAsync(1_000);
    stream.say(':\n\n');
    if (i < 53) while (http.has('POST')) http.take('POST').answer();
  }
  const frames = http.exchanges.flatMap((x) => x.frames);
  expect(frames).toContainEqual({ type: 'auth', token: expect.stringMatching(/^expiring\./) });
});

const sums = async (calls: Promise<unknown>[]) =>
  (await Promise.allSettled(calls)).map((o) => (o.status === 'fulfilled' ? 'done' : (o.reason as Error)));

test('of what is too large for somebody on the way the rest comes through', async () => {
  const { http, stream } = await onSSE({ pingEvery: 1e6 });
  const calls = [1, 2, 3, 4].map((by) => desk.send('add', { by }, { predict: (s) => ({ ...s, sum: s.sum + by }) }));
  const outcomes = sums(calls);
  const refuse = () => http.take('POST').json('<html>', 413, { 'content-type': 'text/html' });
  const ids = async () => {
    await settled();
    return http.exchanges.filter((x) => x.method === 'POST').flatMap((x) => x.frames.map((f) => f.id));
  };
  const answer = (id: number, rev: number) => {
    stream.event(own(rev, id, id));
    http.take('POST').answer({ type: 'ack', id, rev });
  };
  expect(await ids()).toEqual([1, 2, 3, 4]);
  refuse();
  expect(await ids()).toEqual([1, 2]);
  refuse();
  expect(await ids()).toEqual([1]);
  answer(1, 1);
  expect(await ids()).toEqual([2]);
  refuse();
  expect(await ids()).toEqual([3, 4]);
  http.take('POST').problem(413); // the server itself
  expect(await ids()).toEqual([3]);
  answer(3, 2);
  expect(await ids()).toEqual([4]);
  answer(4, 3);
  await settled();
  const rejected = { name: 'Rejected', code: 'too_large' };
  expect(await outcomes).toMatchObject(['done', rejected, 'done', 'done']);
  expect(desk.state.value?.sum).toBe(8);
  expect([desk.status.value.phase, desk.unanswered, stream.aborted]).toEqual(['online', 0, false]);
});

test('what was sent before and is too large for another transport may have had its effect', async () => {
  const { fake, http } = start();
  const socket = await fake.next();
  socket.accept(welcome());
  await settled();
  const outcomes = sums([desk.send('add', { by: 1 })]);
  await settled();
  desk.use('longpoll');
  await settled();
  http.take().json([resumed()], 200, { 'tutti-cursor': 'e1:0' });
  await settled();
  http.take('POST').problem(413); // with the ping
  await settled();
  http.take('POST').problem(413);
  await settled();
  expect(await outcomes).toMatchObject([{ name: 'Unknown' }]);
});

const soon = { 'retry-after': '1' };

/** served answers the first command over the stream that is opened next. */
async function served(http: FakeHTTP) {
  await vi.advanceTimersByTimeAsync(3_000);
  const stream = http.take().stream('text/event-stream');
  stream.event(resumed());
  await settled();
  http.take('POST').answer({ type: 'ack', id: 1, rev: 1 });
  stream.event(own(1, 1, 1));
}

test('what nobody serves is rejected at once, and the link stays', async () => {
  const { http, stream } = await onSSE({ pingEvery: 1e6 });
  const outcomes = sums([
    desk.send('add', { by: 1 }, { predict: (s) => ({ ...s, sum: s.sum + 1 }) }),
    desk.query('sum'),
  ]);
  desk.signal('typing', true);
  await settled();
  http.take('POST').problem(503, soon, 'unavailable');
  const rejected = { name: 'Rejected', code: 'unavailable', message: 'no' };
  expect(await outcomes).toMatchObject([rejected, rejected]);
  await settled();
  expect(desk.state.value?.sum).toBe(0);
  expect([desk.status.value.phase, desk.unanswered, stream.aborted]).toEqual(['online', 0, false]);
  const next = desk.send('add', { by: 1 });
  await settled();
  http.take('POST').answer({ type: 'ack', id: 3, rev: 1 });
  stream.event(own(1, 1, 3));
  expect(await next).toMatchObject({ rev: 1 });
});

test.each([
  ['a node that stops', 503, { 'retry-after': '0' }, 'unavailable'],
  ['too much at once', 503, soon, 'overloaded'],
  ['an outcome that is not known', 504, soon, 'unavailable'],
  ['somebody on the way', 503, { ...soon, 'content-type': 'application/json' }, 'unavailable'],
])('what was refused otherwise is sent again: %s', async (_, status, headers, code) => {
  const { http, stream } = await onSSE({ pingEvery: 1e6 });
  const sent = desk.send('add', { by: 1 });
  await settled();
  for (let n = 0; n < 5 && !stream.aborted; n++) {
    http.take('POST').problem(status, headers, code);
    await vi.advanceTimersByTimeAsync(400);
  }
  expect([stream.aborted, desk.unanswered]).toEqual([true, 1]);
  await served(http);
  expect(await sent).toMatchObject({ rev: 1 });
});

test('that an edge stops is not believed of somebody on the way: the POST may have been carried out', async () => {
  const { http, stream } = await onSSE({ pingEvery: 1e6 });
  desk.send('add', { by: 1 }).catch(() => {});
  await settled();
  http.take('POST').json('<html>', 503, { 'retry-after': '0', 'content-type': 'text/html' });
  await vi.advanceTimersByTimeAsync(100);
  expect([stream.aborted, desk.unanswered]).toEqual([true, 1]);
});

test('what was sent before is sent again while nobody serves it', async () => {
  const { fake, http } = start({ pingEvery: 1e6 });
  const socket = await fake.next();
  socket.accept(welcome());
  await settled();
  let outcome: unknown;
  desk.send('add', { by: 1 }).then(
    (ack) => {
      outcome = ack;
    },
    (error) => {
      outcome = error;
    },
  );
  await settled();
  desk.use('sse');
  await settled();
  const stream = http.take().stream('text/event-stream');
  stream.event(resumed());
  await settled();
  http.take('POST').problem(503, soon, 'unavailable');
  await settled();
  expect([outcome, stream.aborted]).toEqual([undefined, true]);
  await served(http);
  await settled();
  expect(outcome).toMatchObject({ rev: 1 });
});

test('a POST has 256 frames at most, and signals are not kept without end', async () => {
  const { http } = await onSSE({ pingEvery: 1e6 });
  let taken = 0;
  while (desk.signal('typing', true)) taken++;
  expect(taken).toBe(1001);
  await settled();
  for (const frames of [256, 256, 256, 233]) {
    const post = http.take('POST');
    expect(post.frames).toHaveLength(frames);
    post.answer();
    await settled();
  }
  expect(desk.signal('typing', true)).toBe(true);
});
