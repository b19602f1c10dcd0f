// npm ws.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { WebSocket } from 'ws';
import { Wire } from '../browser/server.mjs';
import { Node, bearer, conn, sleep, token } from './node.mjs';
import { Sequence, say } from './sequence.mjs';

const node = new Node();
const wire = new Wire();
let wired;

before(async () => {
  await node.start();
  wired = await wire.open(node.port);
});

after(async () => {
  wire.close();
  await node.stop();
});

/** open connects and has sequence take what comes. */
function open(url, sequence, { protocols = ['tutti.v1'], headers = {} } = {}) {
  const socket = new WebSocket(url.replace('http', 'ws'), protocols, { headers });
  socket.on('message', (data) => sequence.take(data));
  socket.on('error', () => {});
  socket.ended = new Promise((resolve) => socket.on('close', resolve));
  return socket;
}

/** refused returns the status that a handshake is answered with. */
function refused(url, { protocols = ['tutti.v1'], headers = bearer(token('ann')), method } = {}) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url.replace('http', 'ws'), protocols, { headers, finishRequest: (r) => (method && (r.method = method), r.end()) });
    socket.on('unexpected-response', (_, response) => {
      response.resume();
      assert.match(response.headers['content-type'], /^application\/problem\+json/);
      resolve(response.statusCode);
      socket.terminate();
    });
    socket.on('open', () => reject(new Error('it was accepted')) ?? socket.terminate());
    socket.on('error', () => {});
  });
}

test('each way to say who one is', async () => {
  const ways = {
    header: { options: { headers: bearer(token('ann')) } },
    bearer: { options: { protocols: ['tutti.v1', `bearer.${token('ann')}`] } },
    ticket: { options: { protocols: ['tutti.v1', `ticket.${await node.ticket('ann')}`] } },
    query: { query: { ticket: await node.ticket('ann') } },
  };
  for (const [name, { query = {}, options }] of Object.entries(ways)) {
    const sequence = new Sequence();
    const socket = open(node.room(`ways-${name}`, { conn: conn(), presence: 1, ...query }), sequence, options);
    const welcome = await sequence.welcomed();
    assert.equal(socket.protocol, 'tutti.v1', name);
    const { type, rev, resumed, acked, known, state, heartbeat } = welcome;
    assert.deepEqual({ type, rev, resumed, acked, known, state }, { type: 'welcome', rev: 0, resumed: false, acked: 0, known: true, state: { lines: null, count: 0 } });
    assert.ok(heartbeat > 0);
    const here = await sequence.until((f) => f.type === 'presence');
    assert.deepEqual([here.count, here.joined], [1, [{ member: welcome.member, who: 'ann' }]]);
    socket.send(say(1, 'hello'));
    assert.deepEqual(await sequence.acked(1), { type: 'ack', id: 1, rev: 1, reply: { line: 1 } });
    const [{ at, ...event }] = sequence.of('event');
    assert.deepEqual(event, { type: 'event', rev: 1, name: 'said', data: { who: 'ann', text: 'hello' }, by: welcome.member, cmd: 1 });
    assert.ok(Math.abs(at - Date.now()) < 60_000);
    socket.send(say(2, '') + '\n' + JSON.stringify({ type: 'query', id: 3, name: 'count' }) + '\n{"type":"ping","t":[7]}');
    assert.equal((await sequence.acked(2)).code, 'invalid');
    assert.deepEqual(await sequence.until((f) => f.type === 'answer'), { type: 'answer', id: 3, rev: 1, data: 1 });
    assert.deepEqual((await sequence.until((f) => f.type === 'pong')).t, [7]);
    socket.send(JSON.stringify({ type: 'command', id: 4, name: 'say', data: { text: 'x' }, expect: 0 }));
    assert.equal((await sequence.acked(4)).code, 'conflict');
    socket.send(JSON.stringify({ type: 'command', id: 5, name: 'aside', data: null, trace: true }));
    const traced = await sequence.acked(5);
    for (const hop of ['edge', 'bus', 'mailbox', 'handler', 'journal', 'fanout']) assert.equal(typeof traced.trace[hop], 'number', hop);
    socket.send(say(6, 'after what nobody saw'));
    assert.equal((await sequence.acked(6)).rev, 3);
    assert.equal(sequence.of('event').at(-1).prev, 1);
    socket.send('{"type":"leave"}');
    assert.equal(await socket.ended, 1000);
  }
});

test('a link that is cut in the middle and a node that is killed: nothing missed, nothing twice', async () => {
  const sequence = new Sequence();
  const own = conn();
  const options = { headers: bearer(token('ann')) };
  const url = (query) => node.room('cut', { conn: own, ...query }).replace(node.base, wired);
  let socket = open(url({}), sequence, options);
  await sequence.welcomed();
  await node.say('cut', 'a', 'b');
  await sequence.heard('b');
  wire.cut();
  assert.equal(await socket.ended, 1006);
  await node.say('cut', 'c');
  await node.aside('cut');
  await node.say('cut', 'd');
  wire.mend();
  socket = open(url({ cursor: sequence.cursor }), sequence, options);
  assert.equal((await sequence.welcomed(2)).resumed, true);
  await sequence.heard('d');

  // The commands are on their way when the node dies; all of them are sent again, those without an answer must be.
  for (let id = 1; id <= 20; id++) socket.send(say(id, `own ${id}`));
  await sequence.acked(3);
  await Promise.all([socket.ended, node.again()]);
  socket = open(url({ cursor: sequence.cursor }), sequence, options);
  const back = await sequence.welcomed(3);
  assert.deepEqual([back.resumed, back.known, back.acked >= 3], [true, true, true]);
  for (let id = 1; id <= 20; id++) socket.send(say(id, `own ${id}`));
  await sequence.acked(20);
  assert.deepEqual(sequence.texts, ['a', 'b', 'c', 'd', ...Array.from({ length: 20 }, (_, i) => `own ${i + 1}`)]);
  assert.deepEqual(sequence.of('reject'), []);
  socket.close();

  const other = new Sequence();
  open(node.room('cut', { conn: conn() }), other, options);
  assert.deepEqual((await other.welcomed()).state, { lines: sequence.texts, count: 24 });
});

test('cursors that cannot be resumed get a fresh state', async () => {
  await node.say('stale', 'a', 'b');
  const sequence = new Sequence();
  open(node.room('stale', { conn: conn() }), sequence, { headers: bearer(token('ann')) });
  const { epoch } = await sequence.welcomed();
  for (const cursor of ['-:0', `x${epoch}:1`.slice(0, 32), `${epoch}:3`, `${epoch}:${Number.MAX_SAFE_INTEGER}`]) {
    const fresh = new Sequence();
    open(node.room('stale', { conn: conn(), cursor }), fresh, { headers: bearer(token('ann')) });
    const welcome = await fresh.welcomed();
    assert.deepEqual([welcome.resumed, welcome.rev, welcome.state.count], [false, 2, 2], cursor);
  }
  // Of an ephemeral entity that has gone, too.
  const scratch = (query) => node.room('pad', query).replace('/room/', '/scratch/');
  const first = new Sequence();
  const socket = open(scratch({ conn: conn() }), first, { headers: bearer(token('ann')) });
  await first.welcomed();
  socket.send(say(1, 'gone soon'));
  await first.acked(1);
  await node.again();
  const second = new Sequence();
  open(scratch({ conn: conn(), cursor: first.cursor }), second, { headers: bearer(token('ann')) });
  const welcome = await second.welcomed();
  assert.deepEqual([welcome.resumed, welcome.rev, welcome.state.count], [false, 0, 0]);
  assert.notEqual(welcome.epoch, first.epoch);
});

test('what is refused before the upgrade', async () => {
  const own = conn();
  const url = node.room('refused', { conn: own });
  const sequence = new Sequence();
  open(url, sequence, { headers: bearer(token('owner')) });
  await sequence.welcomed();
  const statuses = {
    'no conn': [400, node.room('refused')],
    'a short conn': [400, node.room('refused', { conn: 'short' })],
    'a malformed cursor': [400, node.room('refused', { conn: conn(), cursor: 'x:-1' })],
    'a malformed id': [400, node.room('a%2Fb', { conn: conn() })],
    'no token': [401, url, { headers: {} }],
    'no JWT': [401, url, { headers: bearer('nonsense') }],
    'a forged token': [401, url, { headers: bearer(token('ann', {}, 'another key, long enough to be one')) }],
    'an expired token': [401, url, { headers: bearer(token('ann', { exp: Math.floor(Date.now() / 1000) - 60 })) }],
    'a token for later': [401, url, { headers: bearer(token('ann', { nbf: Math.floor(Date.now() / 1000) + 60 })) }],
    'a forged ticket': [401, `${url}&ticket=${'A'.repeat(100)}`, { headers: {} }],
    'a forged ticket as protocol': [401, url, { headers: {}, protocols: ['tutti.v1', 'ticket.forged'] }],
    'a cookie': [401, url, { headers: { cookie: `token=${token('ann')}` } }],
    'a page of another host': [403, url, { headers: { ...bearer(token('ann')), origin: 'https://elsewhere.example' } }],
    'the conn of another subject': [403, url],
    'an unknown category': [404, url.replace('/room/', '/nothing/')],
    'a category of the platform': [404, url.replace('/room/', '/tutti-tickets/')],
    'no protocol': [426, url, { protocols: [] }],
    'another protocol': [426, url, { protocols: ['tutti.v9'] }],
  };
  for (const [name, [want, ...request]] of Object.entries(statuses)) assert.equal(await refused(...request), want, name);
});

test('how links end', async () => {
  const ends = {
    'no JSON': [4400, 'bad_frame', (s) => s.send('{')],
    'an unknown type': [4400, 'bad_frame', (s) => s.send('{"type":"nonsense"}')],
    'an id that is none': [4400, 'bad_frame', (s) => s.send('{"type":"command","id":0,"name":"say"}')],
    'an empty message': [4400, 'bad_frame', (s) => s.send('')],
    'a binary message': [1003, 'bad_frame', (s) => s.send(Buffer.from(say(1, 'x')))],
    'no UTF-8': [1007, 'bad_frame', (s) => s.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false })],
    'too much': [4413, 'frame_too_large', (s) => s.send(' '.repeat((1 << 20) + 1))],
    'a token that is none': [4401, 'token', (s) => s.send('{"type":"auth","token":"nonsense"}')],
    'the token of another': [4403, 'refused', (s) => s.send(JSON.stringify({ type: 'auth', token: token('ben') }))],
    'another link': [4409, 'replaced', (_, url) => open(url, new Sequence(), { headers: bearer(token('ann')) })],
  };
  for (const [name, [code, said, act]] of Object.entries(ends)) {
    const sequence = new Sequence();
    const url = node.room('ends', { conn: conn() });
    const socket = open(url, sequence, { headers: bearer(token('ann')) });
    await sequence.welcomed();
    act(socket, url);
    assert.equal(await socket.ended, code, name);
    const last = sequence.frames.at(-1);
    assert.deepEqual([last.type, last.code, last.reconnect], ['terminate', said, false], name);
  }
  const sequence = new Sequence();
  const closed = open(node.room('vault', { conn: conn() }), sequence, { headers: bearer(token('ann')) });
  assert.equal(await closed.ended, 4403);
  assert.deepEqual([sequence.frames.length, sequence.frames[0].type, sequence.frames[0].code], [1, 'terminate', 'closed']);
});

test('a token that expires, one that is fresh, and an operator', async () => {
  const exp = Math.floor(Date.now() / 1000) + 1;
  const [left, kept] = [new Sequence(), new Sequence()];
  const short = { headers: bearer(token('mae', { exp })) };
  const [a, b] = [left, kept].map((s) => open(node.room('exp', { conn: conn() }), s, short));
  await kept.welcomed();
  b.send(JSON.stringify({ type: 'auth', token: token('mae') }));
  assert.equal(await a.ended, 4401);
  assert.deepEqual([left.frames.at(-1).code, left.frames.at(-1).reconnect], ['token_expired', true]);
  b.send(say(1, 'still here'));
  assert.equal((await kept.acked(1)).type, 'ack');
  assert.equal((await node.terminate({ sub: 'mae', message: 'go' })).status, 200);
  assert.equal(await b.ended, 4403);
  const last = kept.frames.at(-1);
  assert.deepEqual([last.code, last.message, last.reconnect], ['terminated', 'go', false]);
  assert.equal(await refused(node.room('exp', { conn: conn() }), { headers: bearer(token('mae')) }), 401);
});

test('a connection that only sends, a signal, and a node that drains', async () => {
  const [feeder, listener] = [new Sequence(), new Sequence()];
  feeder.take = (text) => feeder.frames.push(...String(text).split('\n').map((l) => JSON.parse(l)));
  const out = open(node.room('feed', { conn: conn(), watch: 0 }), feeder, { headers: bearer(token('ann')) });
  const heard = open(node.room('feed', { conn: conn() }), listener, { headers: bearer(token('ben')) });
  await listener.welcomed();
  while (!feeder.frames.length) await sleep(5);
  assert.equal('state' in feeder.frames[0], false);
  out.send('{"type":"signal","name":"typing","data":{"on":true}}');
  const message = await listener.until((f) => f.type === 'message');
  assert.deepEqual(message, { type: 'message', name: 'typing', data: { on: true }, by: feeder.frames[0].member });
  out.send(say(1, 'fed'));
  await listener.heard('fed');
  while (feeder.frames.length < 2) await sleep(5);
  assert.deepEqual(feeder.frames.slice(1).map((f) => f.type), ['ack']);
  const stopped = node.drain();
  assert.deepEqual([await heard.ended, await out.ended], [4503, 4503]);
  const { code, reconnect, after } = listener.frames.at(-1);
  assert.deepEqual([code, reconnect, Number.isInteger(after)], ['draining', true, true]);
  await stopped;
});
