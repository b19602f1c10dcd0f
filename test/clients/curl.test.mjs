// curl: streams, long polls, views, posts, tickets, the directory, the operator; and the lines of docs/protocol.md.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { promisify } from 'node:util';
import { Wire } from '../browser/server.mjs';
import { Node, conn, operator, token } from './node.mjs';
import { Sequence, say } from './sequence.mjs';

const node = new Node();
const wire = new Wire();
const run = promisify(execFile);
let wired;

before(async () => {
  await node.start();
  wired = await wire.open(node.port);
});

after(async () => {
  wire.close();
  await node.stop();
});

const auth = (t) => ['-H', `Authorization: Bearer ${t}`];
const ann = auth(token('ann'));
const json = ['-H', 'Accept: application/json'];

/** curl returns status, headers and body of the answer. */
async function curl(url, ...args) {
  const { stdout } = await run('curl', ['-sS', '-i', '--max-time', '20', ...args, url]);
  const at = stdout.indexOf('\r\n\r\n');
  const [first, ...lines] = stdout.slice(0, at).split('\r\n');
  const headers = Object.fromEntries(lines.map((l) => [l.slice(0, l.indexOf(':')).toLowerCase(), l.slice(l.indexOf(':') + 2)]));
  return { status: Number(first.split(' ')[1]), headers, body: stdout.slice(at + 4) };
}

/** stream has sequence take what curl -N prints, and remembers the last id and what is no data. */
function stream(url, sequence, ...args) {
  const p = spawn('curl', ['-sS', '-N', '-H', 'Accept: text/event-stream', ...args, url], { stdio: ['ignore', 'pipe', 'ignore'] });
  p.ended = new Promise((resolve) => p.on('close', resolve));
  p.others = [];
  let rest = '';
  p.stdout.setEncoding('utf8').on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith('data: ')) sequence.frame(JSON.parse(line.slice(6)));
      else if (line.startsWith('id: ')) p.id = line.slice(4);
      else if (line) p.others.push(line);
    }
  });
  return p;
}

test('a stream with -N that is cut and killed, and comes back with Last-Event-ID', async () => {
  const sequence = new Sequence();
  const own = conn();
  const url = node.room('stream', { conn: own });
  let p = stream(url.replace(node.base, wired), sequence, ...ann);
  await sequence.welcomed();
  await node.say('stream', 'a');
  await sequence.heard('a');
  wire.cut();
  await p.ended;
  assert.equal(p.id, sequence.cursor);
  assert.match(p.others.join(), /^retry: \d+$/);
  await node.say('stream', 'b');
  await node.aside('stream');
  await node.say('stream', 'c');
  wire.mend();
  p = stream(url.replace(node.base, wired), sequence, ...ann, '-H', `Last-Event-ID: ${p.id}`);
  await sequence.heard('c');

  const sent = await curl(node.room('stream/commands', { conn: own }), ...ann, '-H', 'Content-Type: application/x-ndjson', '--data-binary', `${say(1, 'd')}\n${say(2, 'e')}\n`);
  assert.equal(sent.status, 200);
  assert.match(sent.headers['content-type'], /^application\/x-ndjson/);
  assert.deepEqual(sent.body.trim().split('\n').map((l) => JSON.parse(l)), [1, 2].map((id) => ({ type: 'ack', id, rev: id + 4, reply: { line: id + 3 } })));
  await sequence.acked(2);
  await node.again();
  await p.ended;
  await node.say('stream', 'f');
  p = stream(url, sequence, ...auth(token('ann')), '-H', `Last-Event-ID: ${sequence.cursor}`);
  await sequence.heard('f');
  assert.deepEqual(sequence.texts, ['a', 'b', 'c', 'd', 'e', 'f']);
  assert.deepEqual(sequence.of('welcome').map((w) => [w.resumed, w.acked]), [[false, 0], [true, 0], [true, 2]]);
  assert.equal((await node.terminate({ category: 'room', id: 'stream', member: sequence.member })).status, 200);
  assert.equal(await p.ended, 0);
  assert.deepEqual([sequence.frames.at(-1).code, p.others.at(-1)], ['terminated', 'retry: 86400000']);
});

test('a long poll, from a view on and from a stream on', async () => {
  await node.say('poll', 'a');
  const view = await curl(node.room('poll'), ...ann, ...json);
  assert.deepEqual([view.status, view.headers['content-type'], view.headers['cache-control']], [200, 'application/json', 'private, no-cache']);
  assert.deepEqual(JSON.parse(view.body), { lines: ['a'], count: 1 });
  const unchanged = await curl(node.room('poll'), ...ann, ...json, '-H', `If-None-Match: ${view.headers.etag}`);
  assert.deepEqual([unchanged.status, unchanged.body], [304, '']);

  const cursor = JSON.parse(view.headers.etag);
  const waits = (query, wait) => curl(node.room('poll', query), ...ann, ...json, '-H', `Prefer: wait=${wait}`);
  const waiting = waits({ cursor }, 10);
  await node.say('poll', 'b');
  const one = await waiting;
  assert.deepEqual([one.status, one.headers['preference-applied']], [200, 'wait=10']);
  assert.deepEqual(JSON.parse(one.body).map((f) => [f.type, f.rev]), [['event', 2]]);
  const [epoch] = cursor.split(':');
  assert.equal(one.headers['tutti-cursor'], `${epoch}:2`);
  const none = await waits({ cursor: `${epoch}:2` }, 0);
  assert.deepEqual([none.status, none.body, none.headers['tutti-cursor']], [204, '', `${epoch}:2`]);

  const own = conn();
  const sequence = new Sequence();
  [sequence.epoch, sequence.rev] = [epoch, 1];
  const p = stream(node.room('poll', { conn: own, cursor }), sequence, ...ann);
  await sequence.heard('b');
  p.kill();
  await p.ended;
  await node.say('poll', 'c');
  const begun = await waits({ conn: own, cursor: p.id }, 10);
  assert.deepEqual(JSON.parse(begun.body).map((f) => [f.type, f.rev, f.resumed]), [['welcome', 2, true], ['event', 3, undefined]]);
});

test('a ticket, and the same one twice', async () => {
  const made = await curl(`${node.base}/v1/tickets`, ...ann, '-X', 'POST');
  assert.deepEqual([made.status, made.headers['cache-control']], [200, 'no-store']);
  const { ticket, expires_in } = JSON.parse(made.body);
  assert.equal(expires_in, 30);
  const sequence = new Sequence();
  const own = conn();
  const p = stream(node.room('ticket', { conn: own, ticket }), sequence);
  await sequence.welcomed();
  assert.equal((await curl(node.room('ticket', { conn: conn(), ticket }), ...json)).status, 401, 'another conn');
  assert.equal((await curl(node.room('other', { conn: own, ticket }), ...json)).status, 401, 'another entity');
  assert.equal((await curl(node.room('ticket', { ticket }), ...json)).status, 401, 'no conn');
  await node.again();
  await p.ended;
  const again = stream(node.room('ticket', { conn: own, ticket, cursor: sequence.cursor }), sequence);
  assert.equal((await sequence.welcomed(2)).resumed, true);
  again.kill();
  assert.equal((await curl(`${node.base}/v1/tickets`, '-X', 'POST')).status, 401);
  assert.ok(!node.log.includes(ticket) && !node.log.includes(own), 'the log has no secrets');
});

test('what the operator may, and nobody else', async () => {
  const url = `${node.admin}/admin/v1/terminate`;
  const body = ['-d', '{"sub":"eve"}'];
  assert.equal((await curl(url, ...body)).status, 401);
  assert.equal((await curl(url, ...body, ...auth(token('eve', { role: 'staff' })))).status, 401);
  assert.equal((await curl(url, ...auth(operator))).status, 405);
  assert.equal((await curl(url, ...auth(operator), '-d', '{}')).status, 400);
  assert.equal((await curl(url.replace(node.admin, node.base), ...body, ...auth(operator))).status, 404);
  const said = await curl(url, ...body, ...auth(operator));
  assert.deepEqual([said.status, JSON.parse(said.body).sub], [200, 'eve']);
  assert.equal((await curl(node.room('x'), ...auth(token('eve')), ...json)).status, 401);
  const later = Math.floor(Date.now() / 1000) + 2; // as after a login in a later second
  assert.equal((await curl(node.room('x'), ...auth(token('eve', { iat: later })), ...json)).status, 200);
});

test('the lines of docs/protocol.md', async () => {
  const page = await readFile(path.join(import.meta.dirname, '../../docs/protocol.md'), 'utf8');
  const script = page.match(/\n## With your own client\n[^]*?```sh\n([^]*?)```/)[1];
  const env = { ...process.env, NODE: node.base, TOKEN: token('ann') };
  // The last line ends when its second is over.
  const { code, stdout } = await run('bash', ['-uo', 'pipefail', '-c', script], { env }).catch((e) => e);
  assert.equal(code, 28);
  const shape = stdout.replace(/"member":"[^"]+"|"by":"[^"]+"|"epoch":"[^"]+"|"at":\d+/g, (m) => `${m.split(':')[0]}:…`).replace(/^id: [\w-]+:/gm, 'id: …:');
  const said = '{"type":"event","rev":2,"name":"said","data":{"who":"ann","text":"hi"},"at":…,"by":…,"cmd":1}';
  assert.deepEqual(shape.replace(/^retry: \d+\n/m, '').split(/\n+/), [
    '{"rev":1,"reply":{"line":1}}',
    '{"lines":["hello"],"count":1}304',
    '{"type":"ack","id":1,"rev":2,"reply":{"line":2}}',
    '{"type":"answer","id":2,"rev":2,"data":2}',
    `[${said}]`,
    'data: {"type":"welcome","member":…,"epoch":…,"rev":1,"resumed":true,"acked":1,"known":true,"heartbeat":25000}',
    'id: …:1',
    `data: ${said}`,
    'id: …:2',
    '',
  ]);
});
