// npm undici: its fetch for views, long polls, streams and posts, its WebSocket and its EventSource.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { EventSource, WebSocket, fetch } from 'undici';
import { Wire } from '../browser/server.mjs';
import { Node, bearer, conn, operator, token } from './node.mjs';
import { Sequence, say } from './sequence.mjs';

const node = new Node();
const wire = new Wire();
const ann = bearer(token('ann'));
let wired;

before(async () => {
  await node.start();
  wired = await wire.open(node.port);
});

after(async () => {
  wire.close();
  await node.stop();
});

function get(url, headers = {}) {
  return fetch(url, { headers: { ...ann, accept: 'application/json', ...headers } });
}

function post(url, body, headers = {}) {
  return fetch(url, { method: 'POST', headers: { ...ann, ...headers }, body });
}

/** poll asks once, has sequence take what came, and returns the status. */
async function poll(room, sequence, query, { wait = 5, headers = ann, base = node.base } = {}) {
  const url = node.room(room, { ...(sequence.epoch && { cursor: sequence.cursor }), ...query }).replace(node.base, base);
  const answer = await get(url, { ...headers, prefer: `wait=${wait}` });
  if (answer.status === 200) for (const frame of await answer.json()) sequence.frame(frame);
  if ([200, 204].includes(answer.status)) {
    assert.equal(answer.headers.get('tutti-cursor'), sequence.cursor);
    assert.equal(answer.headers.get('preference-applied'), `wait=${Math.min(wait, 60)}`);
  }
  return answer.status;
}

/** socket opens a WebSocket whose messages sequence takes. */
function socket(url, sequence, options) {
  const s = new WebSocket(url.replace('http', 'ws'), options);
  s.onmessage = ({ data }) => sequence.take(data);
  s.ended = new Promise((resolve) => (s.onclose = ({ code }) => resolve(code)));
  return s;
}

/** stream reads events from fetch until sequence has heard the line, then breaks off. */
async function stream(room, sequence, query, text, headers = {}) {
  const end = new AbortController();
  const answer = await fetch(node.room(room, query), { headers: { ...ann, accept: 'text/event-stream', ...headers }, signal: end.signal });
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get('content-type'), /^text\/event-stream/);
  let rest = '';
  for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) if (line.startsWith('data: ')) sequence.frame(JSON.parse(line.slice(6)));
    if (sequence.texts.includes(text)) break;
  }
  end.abort();
}

test('a WebSocket with a header, a token as protocol, a ticket', async () => {
  const ways = [
    [{}, { protocols: ['tutti.v1'], headers: ann }],
    [{}, ['tutti.v1', `bearer.${token('ann')}`]],
    [{}, ['tutti.v1', `ticket.${await node.ticket('ann')}`]],
    [{ ticket: await node.ticket('ann') }, 'tutti.v1'],
  ];
  for (const [query, options] of ways) {
    const sequence = new Sequence();
    const s = socket(node.room('ways', { conn: conn(), ...query }), sequence, options);
    await sequence.welcomed();
    assert.equal(s.protocol, 'tutti.v1');
    s.send(say(1, 'hello'));
    assert.equal((await sequence.acked(1)).type, 'ack');
    assert.deepEqual(sequence.texts, ['hello']);
    s.send('{');
    assert.equal(await s.ended, 4400);
    assert.equal(sequence.frames.at(-1).code, 'bad_frame');
  }
});

test('an EventSource with a ticket comes back by itself after a cut and after a crash', async () => {
  const sequence = new Sequence();
  const mistakes = [];
  const source = new EventSource(node.room('source', { conn: conn(), ticket: await node.ticket('ann') }).replace(node.base, wired));
  source.onmessage = ({ data, lastEventId }) => {
    try {
      sequence.frame(JSON.parse(data));
      assert.equal(lastEventId, sequence.cursor);
    } catch (e) {
      mistakes.push(e);
    }
  };
  await sequence.welcomed();
  await node.say('source', 'a');
  await sequence.heard('a');
  wire.cut();
  await node.say('source', 'b');
  wire.mend();
  await sequence.heard('b');
  await node.again();
  await node.say('source', 'c');
  await sequence.heard('c');
  source.close();
  assert.deepEqual([sequence.texts, mistakes], [['a', 'b', 'c'], []]);
  assert.deepEqual(sequence.of('welcome').map((w) => w.resumed), [false, true, true]);

  for (const query of [{ conn: conn(), ticket: 'forged' }, { ticket: await node.ticket('ann') }]) {
    const refused = new EventSource(node.room('source', query));
    await new Promise((resolve) => (refused.onerror = resolve));
    assert.equal(refused.readyState, EventSource.CLOSED);
  }
});

test('long polls over a cut and a crash', async () => {
  const sequence = new Sequence();
  const own = conn();
  assert.equal(await poll('polls', sequence, { conn: own }), 200);
  assert.deepEqual(sequence.frames.map((f) => [f.type, f.resumed, f.rev]), [['welcome', false, 0]]);
  assert.equal(await poll('polls', sequence, { conn: own }, { wait: 0 }), 204);
  const waiting = poll('polls', sequence, { conn: own });
  await node.say('polls', 'a');
  assert.equal(await waiting, 200);

  // What it sends is answered by the post and by the next poll, after the event.
  const answers = await (await post(node.room('polls/commands', { conn: own }), say(1, 'b'))).text();
  assert.deepEqual(answers.split('\n'), ['{"type":"ack","id":1,"rev":2,"reply":{"line":2}}', '']);
  while (!sequence.of('ack').length) assert.equal(await poll('polls', sequence, { conn: own }), 200);

  const cut = poll('polls', sequence, { conn: own }, { base: wired });
  setTimeout(() => wire.cut(), 100);
  await assert.rejects(cut);
  await node.say('polls', 'c', 'd');
  wire.mend();
  assert.equal(await poll('polls', sequence, { conn: own, welcome: 1 }, { base: wired }), 200);
  assert.deepEqual([sequence.of('welcome')[1].resumed, sequence.of('welcome')[1].acked], [true, 1]);
  while (!sequence.texts.includes('d')) await poll('polls', sequence, { conn: own });

  const killed = poll('polls', sequence, { conn: own });
  setTimeout(() => node.again(), 50);
  await assert.rejects(killed);
  for (;;) {
    try {
      if ((await poll('polls', sequence, { conn: own, welcome: 1 }, { wait: 1 })) === 200) break;
    } catch {} // it is starting
  }
  await node.say('polls', 'e');
  while (!sequence.texts.includes('e')) await poll('polls', sequence, { conn: own });
  assert.deepEqual(sequence.texts, ['a', 'b', 'c', 'd', 'e']);

  // Two at the same time: the newer goes on.
  const older = poll('polls', sequence, { conn: own });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const newer = poll('polls', sequence, { conn: own });
  assert.equal(await older, 409);
  await node.say('polls', 'f');
  assert.equal(await newer, 200);
});

test('one cursor on every transport', async () => {
  const sequence = new Sequence();
  const own = conn();
  await node.say('every', 'state');
  const view = await get(node.room('every'));
  const [epoch, rev] = JSON.parse(view.headers.get('etag')).split(':');
  assert.deepEqual([view.status, Number(rev), (await view.json()).count], [200, 1, 1]);
  [sequence.epoch, sequence.rev] = [epoch, 1];

  for (let round = 1; round <= 3; round++) {
    const [a, b, c] = ['ws', 'sse', 'poll'].map((t) => `${t} ${round}`);
    await node.say('every', a);
    const s = socket(node.room('every', { conn: own, cursor: sequence.cursor }), sequence, { protocols: 'tutti.v1', headers: ann });
    await sequence.heard(a);
    s.onmessage = null;
    await node.aside('every');
    await node.say('every', b);
    await stream('every', sequence, { conn: own }, b, { 'last-event-id': sequence.cursor });
    await s.ended;
    await node.say('every', c);
    while (!sequence.texts.includes(c)) assert.equal(await poll('every', sequence, { conn: own }), 200);
  }
  assert.deepEqual(sequence.texts, [1, 2, 3].flatMap((n) => ['ws', 'sse', 'poll'].map((t) => `${t} ${n}`)));
  const now = await get(node.room('every'));
  assert.equal(now.headers.get('etag'), `"${sequence.cursor}"`);
  const same = await get(node.room('every'), { 'if-none-match': `"x:1", W/"${sequence.cursor}"` });
  assert.deepEqual([same.status, await same.text()], [304, '']);
});

test('a command with a key has its effect once, over a crash and all at once', async () => {
  const url = node.room('keys/commands');
  const body = '{"name":"say","data":{"text":"once"}}';
  const key = { 'idempotency-key': 'k-1' };
  const all = await Promise.all(Array.from({ length: 20 }, () => post(url, body, key)));
  for (const answer of all) assert.deepEqual([answer.status, await answer.json()], [200, { rev: 1, reply: { line: 1 } }]);
  await node.again();
  assert.deepEqual(await (await post(url, body, key)).json(), { rev: 1, reply: { line: 1 } });
  const refusals = [
    [422, 'key_reused', '{"name":"say","data":{"text":"other"}}', key],
    [422, 'invalid', '{"name":"say","data":{"text":""}}'],
    [404, 'unknown_command', '{"name":"sing"}'],
    [409, 'conflict', '{"name":"say","data":{"text":"x"},"expect":7}'],
    [413, 'too_large', JSON.stringify({ name: 'say', data: { text: 'x'.repeat(65 << 10) } })],
    [400, undefined, '{"name":"say"', {}],
    [400, undefined, '[]', {}],
    [400, undefined, body, { 'idempotency-key': 'k'.repeat(65) }],
  ];
  for (const [status, code, sent, headers] of refusals) {
    const answer = await post(url, sent, headers);
    const problem = await answer.json();
    assert.deepEqual([answer.status, problem.status, problem.code], [status, status, code], sent.slice(0, 60));
  }
  assert.equal((await post(node.room('vault/commands'), body)).status, 403);
  assert.equal((await (await get(node.room('keys'))).json()).count, 1);
});

test('who is online, and changes', async () => {
  const asking = { ...bearer(token('boss', { role: 'staff' })) };
  const ask = (body, headers = {}) => post(`${node.base}/v1/online`, JSON.stringify(body), { ...asking, ...headers });
  assert.equal((await ask({ subs: ['dan'] }, ann)).status, 403);
  assert.equal((await ask({ subs: Array.from({ length: 1001 }, (_, i) => `s${i}`) })).status, 400);
  const end = new AbortController();
  const changes = await fetch(`${node.base}/v1/online`, {
    method: 'POST',
    headers: { ...asking, accept: 'text/event-stream' },
    body: '{"subs":["dan","eve"]}',
    signal: end.signal,
  });
  const lines = changes.body.pipeThrough(new TextDecoderStream()).getReader();
  const next = async () => {
    for (;;) {
      const data = (await lines.read()).value.match(/^data: (.*)$/m)?.[1];
      if (data) return JSON.parse(data);
    }
  };
  assert.deepEqual(await next(), { type: 'online', snapshot: true });
  const sequence = new Sequence();
  const s = socket(node.room('online', { conn: conn() }), sequence, { protocols: 'tutti.v1', headers: bearer(token('dan')) });
  const came = await next();
  assert.deepEqual([came.type, came.online.map((o) => o.sub), came.offline], ['online', ['dan'], undefined]);
  const { online } = await (await ask({ subs: ['eve', 'dan'] })).json();
  assert.deepEqual(online.map((o) => o.sub), ['dan']);
  assert.ok(Math.abs(online[0].since - Date.now()) < 60_000);
  s.close();
  assert.deepEqual((await next()).offline, ['dan']);
  end.abort();
});

test('what an operator ends stays away, on each transport', async () => {
  const headers = bearer(token('kim'));
  const ticket = await node.ticket('kim');
  const [a, b, c] = [new Sequence(), new Sequence(), new Sequence()];
  const s = socket(node.room('end', { conn: conn() }), a, { protocols: 'tutti.v1', headers });
  const streaming = stream('end', b, { conn: conn() }, 'never', headers);
  const own = conn();
  await poll('end', c, { conn: own }, { headers });
  const polling = poll('end', c, { conn: own }, { headers });
  await Promise.all([a.welcomed(), b.welcomed()]);
  const said = await node.terminate({ sub: 'kim', message: 'away with you' });
  assert.equal(said.status, 200);
  assert.equal(await s.ended, 4403);
  await streaming;
  assert.equal(await polling, 200);
  for (const sequence of [a, b, c]) {
    const { code, message, reconnect } = sequence.frames.at(-1);
    assert.deepEqual([code, message, reconnect], ['terminated', 'away with you', false]);
  }
  await node.again();
  const refused = [get(node.room('end'), headers), get(node.room('end', { ticket, conn: conn() }), { authorization: '' }), post(`${node.base}/v1/tickets`, '', headers)];
  for (const answer of await Promise.all(refused)) assert.equal(answer.status, 401);
  const list = await (await fetch(`${node.admin}/admin/v1/terminated`, { headers: bearer(operator) })).text();
  assert.match(list, /"kim"/);
});
