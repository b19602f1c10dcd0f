import { expect, test, vi } from 'vitest';
import { added, own, settled, welcome } from './fake.ts';
import { desk, onSSE, resumed, start } from './plain.ts';

test('where WebSockets do not open, events come over SSE and commands go by POST', async () => {
  const { fake, http } = start();
  await fake.next();
  await vi.advanceTimersByTimeAsync(7_999);
  expect(http.has()).toBe(false);
  await vi.advanceTimersByTimeAsync(2);
  expect(fake.last.closed).toBe(true);
  const request = http.take();
  expect(request.headers.get('accept')).toBe('text/event-stream');
  expect(request.headers.get('authorization')).toBe('Bearer one');
  const stream = request.stream('text/event-stream');
  stream.say('retry: 812\n\n');
  stream.event(welcome());
  await desk.ready;
  await settled();
  expect(desk.status.value).toMatchObject({ phase: 'online', transport: 'sse' });
  const ping = http.take('POST');
  expect(ping.frames).toMatchObject([{ type: 'ping' }]);
  const acks = [desk.send('add', { by: 1 }), desk.send('add', { by: 2 })];
  await settled();
  expect(http.has('POST')).toBe(false); // one at a time
  ping.answer({ type: 'pong', t: 1, edge_us: 0, state_us: 0 });
  await settled();
  expect(desk.latency.value).toBeDefined();
  const post = http.take('POST');
  expect(post.url.href).toBe(`http://h/v1/desk/1/commands?conn=${desk.conn}`);
  expect(post.headers.get('content-type')).toBe('application/x-ndjson');
  expect(post.frames.map((f) => f.id)).toEqual([1, 2]);
  stream.event(own(1, 1, 1), { type: 'ack', id: 1, rev: 1 });
  stream.event(own(2, 2, 2), { type: 'ack', id: 2, rev: 2 });
  post.answer({ type: 'ack', id: 1, rev: 1 }, { type: 'ack', id: 2, rev: 2 });
  expect((await Promise.all(acks)).map((a) => a.rev)).toEqual([1, 2]);
  expect(desk.state.value?.sum).toBe(3);
});

test('where streams do not come either, it polls', async () => {
  const { fake, http } = start();
  (await fake.next()).drop();
  await settled();
  http.take().json('<html>', 403, { 'content-type': 'text/html' }); // something on the way
  await settled();
  const first = http.take();
  expect(first.headers.get('accept')).toBe('application/json');
  expect(first.headers.get('prefer')).toBe('wait=25');
  expect(first.url.searchParams.get('welcome')).toBe('1');
  expect(first.url.searchParams.has('cursor')).toBe(false);
  first.json([welcome()], 200, { 'tutti-cursor': 'e1:0' });
  await settled();
  expect(desk.status.value).toMatchObject({ phase: 'online', transport: 'longpoll' });
  const second = http.take();
  expect([second.url.searchParams.get('cursor'), second.url.searchParams.has('welcome')]).toEqual(['e1:0', false]);
  second.empty();
  await settled();
  const third = http.take();
  expect(third.url.searchParams.get('cursor')).toBe('e1:0');
  third.json([added(1, 5)], 200, { 'tutti-cursor': 'e1:1' });
  await settled();
  expect(desk.state.value?.sum).toBe(5);
  expect(http.take().url.searchParams.get('cursor')).toBe('e1:1');
});

test('each poll has its number, and presence is told again when the server has begun another link', async () => {
  const { http } = start({ transports: ['longpoll'] });
  await settled();
  const first = http.take();
  expect(first.url.searchParams.has('poll')).toBe(false);
  first.json([welcome()], 200, { 'tutti-cursor': 'e1:0' });
  await settled();
  desk.presence({ color: 'red' });
  await settled();
  http.take('POST').answer();
  const second = http.take();
  expect(second.url.searchParams.get('poll')).toBe('1');
  second.json([{ type: 'ack', id: 9, rev: 0 }], 200, { 'tutti-cursor': 'e1:0' });
  await settled();
  const third = http.take();
  expect(third.url.searchParams.get('poll')).toBe('2');
  expect(third.url.searchParams.get('attempt')).toBe(first.url.searchParams.get('attempt'));
  third.json([{ ...welcome(), resumed: true, state: undefined }], 200, { 'tutti-cursor': 'e1:0' });
  await settled();
  expect(http.take('POST').frames).toEqual([{ type: 'presence', data: { color: 'red' } }]);
  expect(http.take().url.searchParams.get('poll')).toBe('3');
});

test('a poll that is not answered costs the link', async () => {
  const { http } = start({ transports: ['longpoll'] });
  await settled();
  http.take().json([welcome()], 200, { 'tutti-cursor': 'e1:0' });
  await settled();
  http.take('POST').answer({ type: 'pong', t: 1 }); // posted, and not on the stream
  await vi.advanceTimersByTimeAsync(37_499);
  expect(desk.status.value.phase).toBe('online');
  await vi.advanceTimersByTimeAsync(1);
  expect(desk.status.value.phase).not.toBe('online');
});

test('when nothing gets through, each round begins with the best', async () => {
  const { fake, http } = start();
  http.down = true;
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  for (let round = 1; round < 5; round++) {
    (await fake.next()).drop();
    await settled();
    expect(http.exchanges).toHaveLength(round); // SSE found nobody there, so that a poll would not either
    expect(desk.status.value.phase).toBe('waiting');
  }
});

test('what worked is given some attempts, for it may be the server that is away', async () => {
  const { fake, http } = start();
  (await fake.next()).accept(welcome());
  await settled();
  fake.last.drop();
  for (let i = 0; i < 3; i++) {
    (await fake.next()).drop();
    await settled();
    expect(http.has()).toBe(false);
  }
  (await fake.next()).drop();
  await settled();
  expect(http.has()).toBe(true);
});

test('what worked is taken first the next time, but not for ever', async () => {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (k: string) => kept.get(k) ?? null,
    setItem: (k: string, v: string) => void kept.set(k, v),
  };
  const first = start({ storage });
  (await first.fake.next()).drop();
  await settled();
  first.http.take().stream('text/event-stream').event(welcome());
  await settled();
  desk.close();
  const second = start({ storage });
  await settled();
  expect([second.http.has(), second.fake.sockets.length]).toEqual([true, 0]);
  desk.close();
  await vi.advanceTimersByTimeAsync(3_600_000);
  const third = start({ storage });
  await settled();
  expect([third.http.has(), third.fake.sockets.length]).toEqual([false, 1]);
});

test('a transport whose links are lost soon after their welcome, several in a row, gives way', async () => {
  const { fake, http } = start();
  for (let i = 0; i < 3; i++) {
    (await fake.next()).accept(welcome());
    await vi.advanceTimersByTimeAsync(9_000);
    expect(http.has()).toBe(false);
    fake.last.drop();
  }
  await vi.advanceTimersByTimeAsync(1_000);
  expect(http.take().headers.get('accept')).toBe('text/event-stream');
});

test('beside a fallback the best is tried again, and takes over once it is welcomed', async () => {
  const { fake, http } = start();
  (await fake.next()).drop();
  await settled();
  const stream = http.take().stream('text/event-stream');
  stream.event(welcome());
  await settled();
  http.take('POST').answer();
  let tries = 0;
  const keepUp = async (until: () => boolean) => {
    for (let i = 0; i < 200 && !until(); i++) {
      await vi.advanceTimersByTimeAsync(1_000);
      while (http.has('POST')) http.take('POST').answer();
      stream.say(':\n\n');
    }
  };
  await keepUp(() => fake.sockets.length === 2);
  fake.last.drop();
  await settled();
  expect(stream.aborted).toBe(false);
  expect(desk.status.value).toMatchObject({ phase: 'online', transport: 'sse' });
  await keepUp(() => fake.sockets.length === 3);
  stream.event(added(1, 1)); // while the new one is on its way
  await settled();
  expect(fake.last.url.searchParams.get('cursor')).toBe('e1:0');
  desk.events.subscribe(() => tries++);
  fake.last.accept(resumed(), added(1, 1), added(2, 1));
  await settled();
  expect(stream.aborted).toBe(true);
  expect(desk.status.value).toMatchObject({ phase: 'online', transport: 'websocket' });
  expect([desk.state.value?.sum, tries]).toEqual([2, 1]);
});

test('use changes the transport while running, and loses nothing', async () => {
  const { fake, http } = start();
  const socket = await fake.next();
  socket.accept(welcome());
  await settled();
  const sent = desk.send('add', { by: 1 }); // its answer does not come
  await settled();
  desk.use('sse');
  await settled();
  expect([socket.closed, desk.status.value.transport]).toEqual([false, 'websocket']);
  const stream = http.take().stream('text/event-stream');
  stream.event(resumed());
  await settled();
  expect([socket.closed, desk.status.value.transport]).toEqual([true, 'sse']);
  const post = http.take('POST');
  expect(post.frames.map((f) => f.type)).toEqual(['command', 'ping']);
  expect(post.frames[0]?.id).toBe(1);
  stream.event(own(1, 1, 1), { type: 'ack', id: 1, rev: 1 });
  await sent;
  desk.use();
  await settled();
  fake.last.accept(resumed(1));
  await settled();
  expect([stream.aborted, desk.status.value.transport]).toEqual([true, 'websocket']);
});

test('the old link may end before the new one is welcomed, as replaced or otherwise', async () => {
  for (const replaced of [true, false]) {
    const { fake, http } = start();
    (await fake.next()).accept(welcome());
    await settled();
    desk.use('sse');
    await settled();
    if (replaced) fake.last.say({ type: 'terminate', code: 'replaced', reconnect: false });
    else fake.last.drop();
    expect(desk.status.value).toMatchObject({ phase: 'connecting', transport: 'sse' });
    http.take().stream('text/event-stream').event(resumed());
    await settled();
    expect(desk.status.value).toMatchObject({ phase: 'online', transport: 'sse', error: undefined });
    expect([fake.sockets.length, http.has()]).toEqual([1, false]);
    desk.close();
  }
});

test('a transport that is asked for and does not come costs the old one', async () => {
  const { fake, http } = start();
  (await fake.next()).accept(welcome());
  await settled();
  desk.use('sse');
  await settled();
  http.take().problem(503);
  await settled();
  expect(fake.last.closed).toBe(true);
  expect(desk.status.value.phase).not.toBe('online');
  await vi.advanceTimersByTimeAsync(500);
  http.take().stream('text/event-stream').event(resumed());
  await settled();
  expect(desk.status.value).toMatchObject({ phase: 'online', transport: 'sse' });
});

test('retry says when to come back after a stream that just ends', async () => {
  const { http, stream } = await onSSE();
  stream.end();
  await vi.advanceTimersByTimeAsync(811);
  expect(http.has()).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(http.has()).toBe(true);
});

test('Retry-After is waited for, and a little more', async () => {
  const { http } = start({ transports: ['sse'] });
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  await settled();
  http.take().problem(503, { 'retry-after': '3' });
  await vi.advanceTimersByTimeAsync(3_000);
  expect(http.has()).toBe(false);
  await vi.advanceTimersByTimeAsync(50);
  expect(http.has()).toBe(true);
});

test('a link that edges hand on without end moves once in a second in the end', async () => {
  const { http } = start({ transports: ['sse'] });
  await settled();
  const at: number[] = [];
  for (const begun = performance.now(); at.length < 12; at.push(performance.now() - begun)) {
    while (!http.has()) await vi.advanceTimersByTimeAsync(10);
    const stream = http.take().stream('text/event-stream');
    stream.event(at.length === 0 ? welcome() : resumed());
    await settled();
    stream.event({ type: 'terminate', code: 'draining', message: '', reconnect: true, after: 0 });
    await settled();
  }
  expect(at[8]).toBeLessThan(500);
  expect(at[11]).toBeGreaterThan(2_900);
  expect(at[11]).toBeLessThan(4_500);
});

test.each(['sse', 'longpoll'] as const)('an edge that stops has others asked at once, over %s', async (transport) => {
  const { http } = start({ transports: [transport] });
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  await settled();
  const refuse = async () => {
    http.take().problem(503, { 'retry-after': '0' });
    await vi.advanceTimersByTimeAsync(transport === 'sse' ? 30 : 40);
  };
  for (let n = 0; n < 4; n++) await refuse();
  expect(http.has()).toBe(true);
  for (let n = 0; n < 16; n++) if (http.has()) await refuse();
  expect(http.has()).toBe(false); // where there is no other one, not for ever
});

test.each([400, 403, 404, 413])('a server that says %i is not asked again', async (status) => {
  const { http } = start({ transports: ['sse', 'longpoll'] });
  await settled();
  http.take().problem(status);
  await settled();
  expect(desk.status.value).toMatchObject({ phase: 'closed', error: { name: 'Refused', status } });
  expect(http.has()).toBe(false);
});

test('a token that is not taken is replaced, some times', async () => {
  let made = 0;
  const reasons: string[] = [];
  const { http } = start({
    transports: ['sse'],
    token: (reason) => {
      reasons.push(reason);
      return `t${++made}`;
    },
  });
  for (let i = 1; i <= 4; i++) {
    await vi.advanceTimersByTimeAsync(1_000);
    const request = http.take();
    expect(request.headers.get('authorization')).toBe(`Bearer t${i}`);
    request.problem(401);
    await settled();
  }
  expect(desk.status.value).toMatchObject({ phase: 'closed', error: { status: 401 } });
  expect(reasons).toEqual(['first', 'expired', 'expired', 'expired']);
});

test('frames and lines may come in any pieces', async () => {
  const { stream } = await onSSE();
  const text = `: hello\r\n\r\nid: e1:1\r\ndata: ${JSON.stringify(added(1, 1))}\r\n\r\ndata:${JSON.stringify({ ...added(2, 1), note: 'ü€😀' })}\nid: e1:2\n\n`;
  for (const byte of new TextEncoder().encode(text)) stream.bytes(Uint8Array.of(byte));
  await settled();
  expect(desk.state.value).toEqual({ sum: 2, events: 2 });
});

test('a ticket is shown in place of the token', async () => {
  const { fake, http } = start({ tickets: true });
  await settled();
  const request = http.take('POST');
  expect(request.url.href).toBe('http://h/v1/tickets');
  expect(request.headers.get('authorization')).toBe('Bearer one');
  request.json({ ticket: 'abc', expires_in: 30 });
  await settled();
  expect(fake.last.protocols).toEqual(['tutti.v1', 'ticket.abc']);
});

test('a page whose polls another one takes over gives way', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  const { http } = start({ transports: ['longpoll'], pingEvery: 1e6 });
  for (const [phase, error] of [
    ['waiting', { status: 409 }],
    ['closed', { name: 'Terminated', code: 'replaced' }],
  ]) {
    await vi.advanceTimersByTimeAsync(5_000);
    http.take().json([desk.cursor ? resumed() : welcome()], 200, { 'tutti-cursor': 'e1:0' });
    await settled();
    http.take('POST').answer();
    http.take().problem(409); // the other page has come
    await settled();
    expect(desk.status.value).toMatchObject({ phase, error });
  }
});

test('one request of our own that comes late is no other page, nor is a POST', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  const { http } = start({ transports: ['longpoll'], pingEvery: 1e6 });
  const linked = async () => {
    while (!http.has()) await vi.advanceTimersByTimeAsync(100);
    http.take().json([desk.cursor ? resumed() : welcome()], 200, { 'tutti-cursor': 'e1:0' });
    await settled();
    return { poll: http.take(), post: http.take('POST') };
  };
  for (let i = 0; i < 3; i++) {
    while (!http.has()) await vi.advanceTimersByTimeAsync(100);
    http.take().problem(409); // before there is a link
    await settled();
  }
  (await linked()).poll.problem(409);
  (await linked()).post.json({ title: 'no', code: 'replaced' }, 409, { 'content-type': 'application/problem+json' });
  const { poll, post } = await linked();
  post.answer();
  await vi.advanceTimersByTimeAsync(30_000);
  poll.problem(409);
  await settled();
  expect(desk.status.value).toMatchObject({ phase: 'waiting', error: { status: 409 } });
});
