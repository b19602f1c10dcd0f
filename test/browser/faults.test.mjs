// The client in Chromium under a network that drops, delays, stalls and reorders: in the end everybody has the server's
// state, every event came once and in order, and every command had its effect once.
import assert from 'node:assert/strict';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { build } from 'esbuild';
import { launch } from './browser.mjs';
import { Faults } from './faults.mjs';
import { random } from './random.mjs';
import { Demo } from './server.mjs';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const seconds = Number(process.env.SECONDS ?? 12);
const ways = process.env.WAYS ? [[process.env.WAYS]] : [['websocket'], ['sse'], ['longpoll'], []];

let browser, program;
const demo = new Demo();
const faults = new Faults(random(seed));

before(async () => {
  const source = build({
    entryPoints: [path.resolve(import.meta.dirname, '../../clients/ts/src/index.ts')],
    bundle: true,
    format: 'iife',
    globalName: 'tutti',
    write: false,
  });
  [, browser, program] = await Promise.all([demo.start(), launch(), source]);
});

after(async () => {
  faults.close();
  await browser?.close();
  await demo.stop();
});

/** client opens a page of its own with one client, that works until it is told to stop. */
async function client(url, i, transports) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${url}/theme.js`);
  await page.evaluate(`${program.outputFiles[0].text}; globalThis.tutti = tutti;`);
  await page.evaluate(
    async ([i, transports]) => {
      const response = await fetch('/demo/token', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: `user ${i}` }) });
      const { token } = await response.json();
      window.mine = { sent: 0, added: 0, failed: [], revs: [], states: 0, phases: 0 };
      window.counter = tutti.open(`${location.origin}/v1/counter/faults`, {
        token,
        ...(transports.length > 0 && { transports }),
        backoff: { min: 50, max: 500 },
        patience: 2_000,
        pingEvery: 500,
        apply: { events: { added: (state, { by }) => ({ n: state.n + by }) } },
      });
      counter.updates.subscribe((u) => (u.type === 'state' ? (mine.states++, mine.revs.push([u.rev])) : mine.revs.push(u.event.rev)));
      counter.status.subscribe(() => mine.phases++);
      const work = async () => {
        for (let n = 1; !mine.stop; n++) {
          mine.sent++;
          const by = (n % 7) + 1;
          counter.send('add', { by }, { predict: (s) => ({ n: s.n + by }) }).then(
            () => (mine.added += by),
            (e) => mine.failed.push(String(e)),
          );
          await new Promise((r) => setTimeout(r, n % 5 === 0 ? 120 : 15));
        }
      };
      window.working = work();
    },
    [i, transports],
  );
  return page;
}

test(`clients on a bad network, seed ${seed}`, async () => {
  const url = await faults.open(demo.port);
  faults.calm = true;
  const pages = await Promise.all([...ways, ...ways.slice(0, 2)].map((transports, i) => client(url, i, transports)));
  faults.calm = false;
  await new Promise((r) => setTimeout(r, seconds * 1_000));
  faults.calm = true;
  const told = await Promise.all(
    pages.map((page) =>
      page.evaluate(async () => {
        mine.stop = true;
        await working;
        const late = Date.now() + 60_000;
        while (counter.unanswered > 0 || counter.status.value.phase !== 'online') {
          if (Date.now() > late || counter.status.value.phase === 'closed') throw new Error(`${counter.unanswered} unanswered, ${JSON.stringify(counter.status.value)} ${counter.status.value.error}`);
          await new Promise((r) => setTimeout(r, 20));
        }
        return mine;
      }),
    ),
  );
  const added = told.reduce((n, c) => n + c.added, 0);
  const sent = told.reduce((n, c) => n + c.sent, 0);
  console.log(`${sent} commands, ${JSON.stringify(faults.counts)}`);
  assert.deepEqual(told.flatMap((c) => c.failed), [], 'every command is stored');

  // What the server has, asked over a good network.
  const direct = await browser.newPage();
  await direct.goto(`http://127.0.0.1:${demo.port}/theme.js`);
  const { rev, state } = await direct.evaluate(async () => {
    const { token } = await (await fetch('/demo/token', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name":"judge"}' })).json();
    const socket = new WebSocket(`ws://${location.host}/v1/counter/faults?conn=${crypto.randomUUID()}`, ['tutti.v1', `bearer.${token}`]);
    return new Promise((resolve) => (socket.onmessage = ({ data }) => resolve(JSON.parse(data.split('\n')[0]))));
  });
  assert.equal(rev, sent, 'one event for every command');
  assert.equal(state.n, added, 'every command had its effect once');
  for (const [i, page] of pages.entries()) {
    await page.waitForFunction((rev) => counter.rev === rev, rev, { polling: 20, timeout: 20_000 });
    assert.deepEqual(await page.evaluate(() => [counter.state.value, counter.confirmed.value]), [state, state], `client ${i}`);
    gapFree(i, await page.evaluate(() => mine.revs));
  }
  assert.ok(faults.counts.cut > 4 && faults.counts.stalled > 0 && faults.counts.swallowed > 0, 'the network was bad');
});

/** gapFree checks that events rise by one, from the state where they begin. */
function gapFree(i, revs) {
  let last;
  for (const r of revs) {
    const rev = Array.isArray(r) ? r[0] : r;
    if (Array.isArray(r)) assert.ok(last === undefined || rev >= last, `client ${i}: a state of ${rev} after ${last}`);
    else assert.equal(rev, last + 1, `client ${i}`);
    last = rev;
  }
}
