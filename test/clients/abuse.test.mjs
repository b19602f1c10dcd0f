// What nobody should send: each gets its answer and costs nothing more. With undici, but for what it refuses to send.
import assert from 'node:assert/strict';
import http from 'node:http';
import test, { after, before } from 'node:test';
import { Agent, WebSocket, fetch } from 'undici';
import { Node, bearer, conn, operator, sleep, token } from './node.mjs';
import { Sequence, say } from './sequence.mjs';

const node = new Node();
const ann = bearer(token('ann'));
const json = { ...ann, accept: 'application/json' };

before(() => node.start());
after(() => node.stop());

/** raw sends a request as it is and returns the answer. */
function raw(method, path, headers = {}) {
  return new Promise((resolve, reject) => {
    const r = http.request(node.base + path, { method, headers: { ...ann, ...headers }, agent: false }, (answer) => {
      answer.resume();
      resolve(answer);
    });
    r.on('upgrade', (answer, socket) => socket.destroy() && resolve(answer));
    r.on('error', reject);
    r.end();
  });
}

async function get(url, headers = {}) {
  const answer = await fetch(url, { headers: { ...json, ...headers } });
  const body = await answer.text();
  return { status: answer.status, headers: answer.headers, body: body && JSON.parse(body) };
}

/** metric is the sum of a metric of the node. */
async function metric(name) {
  const text = await (await fetch(`${node.admin}/metrics`, { headers: bearer(operator) })).text();
  const lines = text.split('\n').filter((l) => l.startsWith(`${name} `) || l.startsWith(`${name}{`));
  assert.ok(lines.length, name);
  return lines.reduce((sum, l) => sum + Number(l.split(' ').at(-1)), 0);
}

test('unknown transports, methods and paths', async () => {
  const entity = `/v1/room/odd?conn=${conn()}`;
  const websocket = { upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==', 'sec-websocket-protocol': 'tutti.v1' };
  const cases = [
    [426, 'GET', entity],
    [426, 'GET', entity, { ...websocket, 'sec-websocket-version': '12' }],
    [400, 'GET', entity, { ...websocket, 'sec-websocket-key': 'short' }],
    [426, 'GET', entity, { ...websocket, 'sec-websocket-protocol': 'graphql-ws' }],
    [406, 'GET', entity, { accept: 'text/html' }],
    [406, 'GET', entity, { accept: 'application/grpc' }],
    [406, 'GET', entity, { accept: 'application/json;q=0' }],
    ...['PUT', 'DELETE', 'PATCH', 'POST', 'TRACE', 'PROPFIND'].map((m) => [405, m, entity, { accept: 'application/json' }]),
    ...['GET', 'PUT', 'DELETE'].flatMap((m) => ['/v1/tickets', '/v1/online', '/v1/room/odd/commands'].map((p) => [405, m, p])),
    [404, 'GET', '/v1/room'],
    [404, 'GET', '/v1/room/odd/else'],
    [404, 'GET', '/v2/room/odd'],
    [404, 'GET', '/v1/ROOM/odd', { accept: 'application/json' }],
    [400, 'GET', `/v1/room/${'x'.repeat(129)}?conn=${conn()}`, { accept: 'application/json' }],
    [400, 'GET', '/v1/room/a%00b', { accept: 'application/json' }],
    [400, 'GET', '/v1/room/%ff', { accept: 'application/json' }],
    [400, 'GET', `${entity}&watch=7`, { accept: 'text/event-stream' }],
    [400, 'GET', `${entity}&presence=yes`, { accept: 'text/event-stream' }],
  ];
  for (const [want, method, path, headers] of cases) {
    const answer = await raw(method, path, headers);
    assert.equal(answer.statusCode, want, `${method} ${path} ${JSON.stringify(headers)}`);
    if (path.startsWith('/v1/')) assert.match(answer.headers['content-type'], /^application\/problem\+json/, `${method} ${path}`);
    assert.equal(Boolean(answer.headers.allow), want === 405, `${method} ${path}`);
  }
});

test('cursors from the future, of other entities, of other epochs, and what is no cursor', async () => {
  await node.say('mine', 'a', 'b');
  await node.say('theirs', 'a', 'b');
  const [mine, theirs] = await Promise.all(['mine', 'theirs'].map(async (r) => JSON.parse((await get(node.room(r))).headers.get('etag')).split(':')[0]));
  assert.notEqual(mine, theirs);
  for (const query of [{}, { conn: conn() }]) {
    for (const cursor of [`${mine}:3`, `${mine}:${Number.MAX_SAFE_INTEGER}`, `${theirs}:2`, '-:0', 'x'.repeat(32) + ':1']) {
      const polled = await get(node.room('mine', { ...query, cursor }), { prefer: 'wait=20' });
      assert.deepEqual([polled.status, polled.headers.get('tutti-cursor')], [200, `${mine}:2`], cursor);
      assert.deepEqual([polled.body[0].type, polled.body[0].resumed, polled.body[0].state.count], ['welcome', false, 2], cursor);
    }
  }
  const none = ['', ':', `${mine}`, `${mine}:`, `${mine}:-1`, `${mine}:01`, `${mine}:1e3`, `${mine}:${2 ** 53}`, `${'x'.repeat(33)}:1`, 'ä:1', `${mine}:1:1`];
  for (const cursor of none) {
    assert.equal((await get(node.room('mine', { cursor }), { prefer: 'wait=20' })).status, 400, cursor);
    const stream = await get(node.room('mine', { conn: conn(), cursor }), { accept: 'text/event-stream' });
    assert.equal(stream.status, 400, cursor);
  }
});

test('waits that are huge, and waits that are none', async () => {
  await node.say('waits', 'a');
  const cursor = '-:0'; // answered at once
  for (const wait of ['61', '3600', '4294967297', '9'.repeat(40)]) {
    const polled = await get(node.room('waits', { cursor }), { prefer: `wait=${wait}` });
    assert.deepEqual([polled.status, polled.headers.get('preference-applied')], [200, 'wait=60'], wait);
  }
  for (const wait of ['-1', '1.5', 'x', '0x10', '1e3', '']) {
    assert.equal((await get(node.room('waits', { cursor }), { prefer: `wait=${wait}` })).status, 400, wait);
  }
});

test('forged tickets, and one ticket for two at once', async () => {
  const ticket = await node.ticket('ann');
  const url = (t, own) => node.room('tickets', { conn: own, ticket: t });
  const use = async (t, own = conn()) => (await get(url(t, own), { authorization: '' })).status;
  const forged = ['', 'x', '.', 'A'.repeat(ticket.length), ticket.slice(0, -1), `${ticket}A`, 'A'.repeat(10_000)];
  for (let i = 0; i < ticket.length; i += 7) forged.push(ticket.slice(0, i) + (ticket[i] === 'A' ? 'B' : 'A') + ticket.slice(i + 1));
  for (const t of forged) assert.equal(await use(t), 401, t);
  const answers = await Promise.all(Array.from({ length: 20 }, () => use(ticket)));
  assert.deepEqual(answers.sort(), [200, ...Array(19).fill(401)]);
  assert.ok(!node.log.includes(ticket.slice(0, 40)));
});

test('two thousand polls that wait cost little, and nobody else anything', async (t) => {
  const cursorOf = async (room) => JSON.parse((await get(node.room(room))).headers.get('etag'));
  await Promise.all([node.say('crowd', 'first'), node.say('calm', 'first')]);
  const cursor = await cursorOf('crowd');
  const sequence = new Sequence();
  const socket = new WebSocket(node.room('calm', { conn: conn() }).replace('http', 'ws'), { protocols: 'tutti.v1', headers: ann });
  socket.onmessage = ({ data }) => sequence.take(data);
  await sequence.welcomed();
  let id = 0;
  const commands = async (n) => {
    const times = [];
    for (let i = 0; i < n; i++) {
      const from = performance.now();
      socket.send(say(++id, `line ${id}`));
      await sequence.acked(id);
      times.push(performance.now() - from);
    }
    return times.sort((a, b) => a - b)[n / 2];
  };
  const calm = await commands(50);
  const [bytes, routines] = [await node.bytes(), await metric('go_goroutines')];

  const many = 2000;
  const dispatcher = new Agent({ pipelining: 1, headersTimeout: 0 });
  const agent = { dispatcher };
  const statuses = [];
  const polls = [];
  for (let i = 0; i < many; i++) {
    // Half of them observe, half are connections; of eight subjects.
    const query = i % 2 ? { cursor } : { cursor, conn: conn() };
    const headers = { ...bearer(token(`poller-${i % 8}`)), accept: 'application/json', prefer: 'wait=60' };
    const poll = () => fetch(node.room('crowd', query), { headers, ...agent });
    const welcomed = async () => assert.deepEqual((await (await poll()).json()).map((f) => f.type), ['welcome']);
    polls.push(
      (query.conn ? welcomed().then(poll) : poll()).then(async (answer) => {
        statuses.push(answer.status);
        return answer.status === 200 ? (await answer.json()).map((f) => `${f.type} ${f.rev}`).join() : answer.text();
      }),
    );
    if (i % 50 === 49) await sleep(10);
  }
  for (const until = Date.now() + 20_000; (await metric('tutti_edge_links')) <= many && Date.now() < until; ) await sleep(50);
  await sleep(500); // those that were welcomed poll again
  const waiting = await commands(50);
  const grown = (await node.bytes()) - bytes;
  const spawned = (await metric('go_goroutines')) - routines;
  assert.deepEqual(statuses, [], 'all of them wait');
  const from = performance.now();
  await node.say('crowd', 'second');
  const answers = new Set(await Promise.all(polls));
  const told = performance.now() - from;
  assert.deepEqual([...answers], ['event 2']);
  t.diagnostic(`half of the commands within ${calm.toFixed(1)} ms before and ${waiting.toFixed(1)} ms beside; a poll has ${Math.round(grown / many)} bytes, ${(spawned / many).toFixed(1)} goroutines; all told in ${Math.round(told)} ms`);
  assert.ok(waiting < calm + 50, `a command takes ${waiting} ms, and ${calm} ms without the polls`);
  assert.ok(grown < many * 64 * 1024, `${grown} bytes for ${many} polls`);

  // A client that goes takes its polls with it.
  await dispatcher.destroy();
  for (let n; (n = await metric('go_goroutines')) > routines + 100; await sleep(50)) assert.ok(n < routines + 10 * many);
  socket.close();
});

test('more polls of a subject than it may have links are refused, the others go on', async () => {
  const small = await new Node('--max-links-per-sub', '50').start();
  await small.say('many', 'first');
  const cursor = JSON.parse((await get(small.room('many'))).headers.get('etag'));
  const dispatcher = new Agent();
  const headers = { ...bearer(token('greedy')), accept: 'application/json', prefer: 'wait=60' };
  let refused = 0;
  const polls = Array.from({ length: 80 }, async (_, i) => {
    const url = small.room('many', i % 2 ? { cursor } : { cursor, conn: conn() });
    let answer = await fetch(url, { headers, dispatcher });
    let body = await answer.json();
    if (body[0]?.type === 'welcome') body = await (answer = await fetch(url, { headers, dispatcher })).json();
    if (answer.status === 200) return body.length;
    assert.deepEqual([answer.status, body.status, Number(answer.headers.get('retry-after')) > 0], [429, 429, true]);
    refused++;
  });
  for (const until = Date.now() + 20_000; refused < 30 && Date.now() < until; ) await sleep(20);
  await small.say('many', 'second');
  assert.deepEqual((await Promise.all(polls)).filter(Boolean), Array(50).fill(1));
  await dispatcher.destroy();
  await small.stop();
});
