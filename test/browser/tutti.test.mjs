// The page's client of the protocol, against a server that the test plays.
import assert from 'node:assert/strict';
import test, { afterEach, beforeEach, mock } from 'node:test';
import { Connection } from '../../cmd/tutti/demo/page/tutti.js';

// Socket is one WebSocket of the client, with the server's side of it.
class Socket {
  static OPEN = 1;
  static all = [];
  readyState = 0;
  got = []; // frames from the client

  constructor(url, protocols) {
    Object.assign(this, { url: new URL(url), protocols });
    Socket.all.push(this);
  }

  send(message) {
    this.got.push(...message.split('\n').map((line) => JSON.parse(line)));
  }

  close() {
    this.readyState = 3;
  }

  frames(...all) {
    this.readyState = 1;
    this.onmessage?.({ data: all.map((f) => JSON.stringify(f)).join('\n') });
  }

  welcome(more = {}) {
    this.frames({ type: 'welcome', member: 'm1', epoch: 'e', rev: 0, resumed: false, acked: 0, known: true, state: {}, heartbeat: 25000, ...more });
  }

  drop(code = 1006) {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  get commands() {
    return this.got.filter((f) => f.type === 'command').map((f) => f.id);
  }
}

const settle = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};
const pass = async (ms) => {
  mock.timers.tick(ms);
  await settle();
};
const last = () => Socket.all.at(-1);

beforeEach(() => {
  Socket.all = [];
  globalThis.WebSocket = Socket;
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] });
  mock.method(performance, 'now', () => Date.now());
});

afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

async function connect(options = {}) {
  const seen = { snapshots: [], events: [] };
  const fresh = [];
  const c = new Connection({
    url: 'ws://host/v1/room/lobby',
    conn: 'a-secret-of-this-tab',
    token: async (f) => (fresh.push(f), `h.${btoa(JSON.stringify({ exp: 4e9 }))}.s`),
    on: { snapshot: (s) => seen.snapshots.push(s), event: (f) => seen.events.push(f.rev) },
    ...options,
  });
  c.open();
  await settle();
  return { c, seen, fresh };
}

test('what is sent early waits for the welcome, and goes out in order', async () => {
  const { c } = await connect();
  c.send('say', { text: 'a' });
  c.send('say', { text: 'b' });
  await settle();
  assert.deepEqual(last().protocols.map((p) => p.split('.')[0]), ['tutti', 'bearer']);
  assert.equal(last().url.searchParams.get('conn'), 'a-secret-of-this-tab');
  assert.equal(last().url.searchParams.get('cursor'), null);
  assert.deepEqual(last().got, []);
  last().welcome();
  await settle();
  assert.deepEqual(last().commands, [1, 2]);
  assert.equal(c.state, 'live');
});

test('what has had no answer is sent again with its id, and answers settle', async () => {
  const { c, seen } = await connect();
  last().welcome();
  const [a, b] = [c.send('say', 1), c.send('say', 2)];
  await settle();
  last().frames({ type: 'event', rev: 1, name: 'said', by: 'm1', cmd: 1 }, { type: 'ack', id: 1, rev: 1, reply: 'ok' });
  assert.equal((await a.done).reply, 'ok');
  last().drop();
  assert.equal(c.state, 'away');
  await pass(10_000);
  assert.equal(Socket.all.length, 2);
  assert.equal(last().url.searchParams.get('cursor'), 'e:1');
  last().welcome({ rev: 1, resumed: true, state: undefined, acked: 1 });
  await settle();
  assert.deepEqual(last().commands, [2]);
  last().frames({ type: 'reject', id: 2, code: 'invalid', message: 'no' });
  await assert.rejects(b.done, { code: 'invalid' });
  assert.equal(c.unanswered, 0);
  assert.deepEqual(seen, { snapshots: [{}], events: [1] });
});

test('commands whose fate is unknown are not sent again', async () => {
  const { c } = await connect();
  last().welcome();
  const tried = c.send('say', 1);
  await settle();
  last().drop();
  const untried = c.send('say', 2);
  await pass(10_000);
  last().welcome({ known: false });
  await assert.rejects(tried.done, { code: 'unknown' });
  await settle();
  assert.deepEqual(last().commands, [2]);
  last().frames({ type: 'ack', id: 2, rev: 1 });
  assert.equal((await untried.done).rev, 1);
});

test('duplicates are ignored, a gap brings a new link with the cursor', async () => {
  const { seen } = await connect();
  last().welcome({ rev: 5 });
  last().frames({ type: 'event', rev: 5 }, { type: 'event', rev: 6 }, { type: 'event', rev: 9, prev: 6 }, { type: 'event', rev: 9 }, { type: 'event', rev: 11 }, { type: 'event', rev: 12 });
  assert.deepEqual(seen.events, [6, 9]);
  await pass(10_000);
  assert.equal(last().url.searchParams.get('cursor'), 'e:9');
});

test('a fresh state in the stream is taken, and nothing is sent again', async () => {
  const { c, seen } = await connect();
  last().welcome();
  c.send('say', 1);
  await settle();
  last().welcome({ rev: 40, state: 'later' });
  last().frames({ type: 'event', rev: 41 });
  await settle();
  assert.deepEqual(seen, { snapshots: [{}, 'later'], events: [41] });
  assert.deepEqual(last().commands, [1]);
});

test('the server says when to come back', async () => {
  await connect();
  last().welcome();
  last().frames({ type: 'terminate', code: 'draining', message: '', reconnect: true, after: 30_000 });
  last().drop(4503);
  await pass(29_900);
  assert.equal(Socket.all.length, 1);
  await pass(200);
  assert.equal(Socket.all.length, 2);
});

test('the server says to stay away', async () => {
  const { c } = await connect();
  last().welcome();
  const asked = c.send('say', 1);
  last().frames({ type: 'terminate', code: 'replaced', message: 'elsewhere', reconnect: false });
  last().drop(4409);
  await assert.rejects(asked.done, { code: 'ended' });
  await pass(100_000);
  assert.equal(Socket.all.length, 1);
  assert.deepEqual([c.state, c.ended.code], ['ended', 'replaced']);
  await assert.rejects(c.send('say', 2).done, { code: 'ended' });
});

test('an expired token is replaced, not the end', async () => {
  const { c, fresh } = await connect();
  last().welcome();
  last().frames({ type: 'terminate', code: 'token_expired', message: '', reconnect: false });
  last().drop(4401);
  await pass(10_000);
  last().welcome();
  assert.deepEqual(fresh, [false, true]);
  assert.equal(c.state, 'live');
});

test('a fresh token comes before the old one expires', async () => {
  const exp = () => (Date.now() + 60_000) / 1000;
  const { c } = await connect({ token: async () => `h.${btoa(JSON.stringify({ exp: exp() }))}.s` });
  last().welcome();
  await pass(31_000);
  assert.equal(last().got.filter((f) => f.type === 'auth').length, 1);
  assert.equal(c.state, 'live');
});

test('a silent link is given up', async () => {
  const { c } = await connect();
  last().welcome();
  await settle();
  const pings = () => last().got.filter((f) => f.type === 'ping');
  last().frames({ type: 'pong', t: pings()[0].t, edge_us: 1000, state_us: 500 });
  for (let i = 0; i < 6; i++) await pass(2_000);
  assert.equal(c.state, 'away');
});

test('attempts become rarer, never all at once', async () => {
  const { c } = await connect();
  const waits = [];
  for (let i = 0; i < 9; i++) {
    last().drop();
    waits.push(c.retryAt - Date.now());
    await pass(10_000);
  }
  waits.forEach((ms, i) => {
    const most = Math.min(8_000, 250 * 2 ** (i + 1));
    assert.ok(ms >= most / 2 && ms <= most, `attempt ${i} waits ${ms} of ${most}`);
  });
});

test('at most 200 are on their way', async () => {
  const { c } = await connect();
  last().welcome();
  for (let i = 0; i < 500; i++) c.send('paint', i);
  await settle();
  assert.equal(last().commands.length, 200);
  last().frames({ type: 'ack', id: 1, rev: 1 }, { type: 'ack', id: 2, rev: 2 });
  await settle();
  assert.equal(last().commands.length, 202);
});

test('ids go on rising when the page is loaded again', async () => {
  const kept = new Map();
  const storage = { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v) };
  const first = await connect({ storage });
  const ids = [first.c.send('say', 1).id, first.c.send('say', 2).id];
  const second = await connect({ storage });
  assert.ok(second.c.send('say', 3).id > Math.max(...ids));
  const third = await connect();
  last().welcome({ acked: 700 });
  assert.equal(third.c.send('say', 4).id, 701);
});
