// npm eventsource, which posts with the fetch of Node.
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { EventSource } from 'eventsource';
import { Wire } from '../browser/server.mjs';
import { Node, bearer, conn, token } from './node.mjs';
import { Sequence, say } from './sequence.mjs';

const node = new Node();
const wire = new Wire();
const sources = [];
const mistakes = [];
let wired;

before(async () => {
  await node.start();
  wired = await wire.open(node.port);
});

afterEach(() => {
  for (const source of sources.splice(0)) source.close();
  assert.deepEqual(mistakes.splice(0), []);
});

after(async () => {
  wire.close();
  await node.stop();
});

/** follow has sequence take what the source says. */
function follow(url, sequence, headers = {}) {
  const source = new EventSource(url, { fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } }) });
  source.onmessage = ({ data, lastEventId }) => {
    try {
      const frame = JSON.parse(data);
      sequence.frame(frame);
      if (['welcome', 'event'].includes(frame.type)) assert.equal(lastEventId, `${sequence.epoch}:${frame.rev}`);
    } catch (e) {
      mistakes.push(e); // thrown here, it would only break the stream
    }
  };
  sources.push(source);
  return source;
}

/** refusal returns the status that ends a source. */
function refusal(url, headers) {
  return new Promise((resolve, reject) => {
    const source = follow(url, new Sequence(), headers);
    source.onopen = () => reject(new Error(`${url} was accepted`));
    source.onerror = ({ code }) => {
      assert.equal(source.readyState, EventSource.CLOSED, 'it does not come back');
      resolve(code);
    };
  });
}

async function post(room, own, headers, ...frames) {
  const answer = await fetch(`${node.base}/v1/room/${room}/commands?conn=${own}`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/x-ndjson' },
    body: frames.join('\n'),
  });
  assert.equal(answer.status, 200);
  return (await answer.text()).trim().split('\n').map((l) => JSON.parse(l));
}

for (const way of ['header', 'ticket']) {
  test(`with a ${way}: it comes back by itself after a cut and after a crash`, async () => {
    const sequence = new Sequence();
    const own = conn();
    const room = `source-${way}`;
    const headers = bearer(token('ann'));
    const query = { conn: own, presence: 1, ...(way === 'ticket' && { ticket: await node.ticket('ann') }) };
    const source = follow(node.room(room, query).replace(node.base, wired), sequence, way === 'header' ? headers : {});
    const welcome = await sequence.welcomed();
    assert.deepEqual([welcome.resumed, welcome.rev, welcome.known], [false, 0, true]);
    assert.equal((await sequence.until((f) => f.type === 'presence')).count, 1);

    // What it sends: the answers come with the post and over the stream.
    const answers = await post(room, own, headers, say(1, 'a'), say(2, ''), '{"type":"query","id":3,"name":"count"}', '{"type":"ping","t":"t"}');
    assert.deepEqual(answers.map((f) => [f.type, f.id ?? f.t]).sort(), [['ack', 1], ['answer', 3], ['pong', 't'], ['reject', 2]]);
    await sequence.until((f) => f.type === 'answer');
    assert.deepEqual(sequence.of('event').map((e) => [e.by, e.cmd]), [[welcome.member, 1]]);
    assert.deepEqual([(await sequence.acked(1)).reply, (await sequence.acked(2)).code], [{ line: 1 }, 'invalid']);

    wire.cut();
    await node.say(room, 'b');
    await node.aside(room);
    await node.say(room, 'c');
    wire.mend();
    await sequence.heard('c');
    assert.deepEqual((await sequence.welcomed(2)).resumed, true);

    await node.again();
    assert.deepEqual(await post(room, own, headers, say(1, 'a')), [{ type: 'ack', id: 1, rev: 1, reply: { line: 1 } }], 'sent again');
    await node.say(room, 'd');
    await sequence.heard('d');
    assert.deepEqual((await sequence.welcomed(3)).resumed, true);
    assert.deepEqual(sequence.texts, ['a', 'b', 'c', 'd']);

    const bye = await fetch(`${node.base}/v1/room/${room}/commands?conn=${own}`, { method: 'POST', headers, body: '{"type":"leave"}' });
    assert.equal(bye.status, 200);
    await bye.text();
    const last = await sequence.until((f) => f.type === 'terminate');
    assert.deepEqual([last.code, last.reconnect], ['left', false]);
    source.close();
  });
}

test('what ends a source for good', async () => {
  const own = conn();
  const url = node.room('ended', { conn: own });
  const sequence = new Sequence();
  follow(url, sequence, bearer(token('owner')));
  await sequence.welcomed();
  const ticket = await node.ticket('ann');
  const bound = new Sequence();
  const mine = conn();
  follow(node.room('bound', { conn: mine, ticket }), bound);
  await bound.welcomed();
  const ann = bearer(token('ann'));
  const statuses = [
    [400, node.room('ended'), ann],
    [400, node.room('ended', { conn: conn(), cursor: 'x' }), ann],
    [400, node.room('ended', { conn: conn() }), { ...ann, 'last-event-id': 'nonsense' }],
    [401, url, {}],
    [401, url, bearer('nonsense')],
    [401, node.room('ended', { conn: conn(), ticket: 'forged' })],
    [401, node.room('bound', { conn: conn(), ticket })],
    [401, node.room('other', { conn: mine, ticket })],
    [403, url, ann],
    [403, node.room('vault', { conn: conn() }), ann],
    [404, url.replace('/room/', '/nothing/'), ann],
  ];
  for (const [want, ...request] of statuses) assert.equal(await refusal(...request), want, request[0]);
});

test('Last-Event-ID wins, and what cannot be resumed gets a state', async () => {
  await node.say('ids', 'a', 'b', 'c');
  const headers = bearer(token('ann'));
  const first = new Sequence();
  follow(node.room('ids', { conn: conn() }), first, headers);
  const { epoch } = await first.welcomed();
  const second = new Sequence();
  [second.epoch, second.rev] = [epoch, 1];
  follow(node.room('ids', { conn: conn(), cursor: `${epoch}:3` }), second, { ...headers, 'last-event-id': `${epoch}:1` });
  await second.heard('c');
  assert.deepEqual([second.of('welcome')[0].resumed, second.texts], [true, ['b', 'c']]);
  for (const id of ['-:0', `${epoch}:4`]) {
    const fresh = new Sequence();
    follow(node.room('ids', { conn: conn() }), fresh, { ...headers, 'last-event-id': id });
    assert.deepEqual((await fresh.welcomed()).state.count, 3);
  }
});

test('another link, and an operator', async () => {
  const own = conn();
  const [one, two] = [new Sequence(), new Sequence()];
  const source = follow(node.room('taken', { conn: own }), one, bearer(token('ann')));
  await one.welcomed();
  const other = follow(node.room('taken', { conn: own }), two, bearer(token('ann')));
  const { code, reconnect } = await one.until((f) => f.type === 'terminate');
  assert.deepEqual([code, reconnect], ['replaced', false]);
  source.close();
  await two.welcomed();
  assert.equal((await node.terminate({ category: 'room', id: 'taken', member: two.member })).status, 200);
  assert.equal((await two.until((f) => f.type === 'terminate')).code, 'terminated');
  other.close();
  assert.equal(await refusal(node.room('taken', { conn: own }), bearer(token('ann'))), 401);
});
