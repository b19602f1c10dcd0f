// A browser's own EventSource and WebSocket as clients of the protocol, with nothing of this project in between.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { launch } from './browser.mjs';
import { Demo, Wire } from './server.mjs';

let browser, wired;
const demo = new Demo();
const wire = new Wire();

before(async () => {
  [, browser] = await Promise.all([demo.start(), launch()]);
  wired = await wire.open(demo.port);
});

after(async () => {
  await browser?.close();
  wire.close();
  await demo.stop();
});

/** blank returns a page of the node's origin without a program. */
async function blank() {
  const page = await browser.newPage();
  await page.goto(`${wired}/icon.svg`);
  await page.evaluate(async () => {
    const post = async (path, headers, body) => (await fetch(path, { method: 'POST', headers, body })).json();
    const { token } = await post('/demo/token', { 'content-type': 'application/json' }, JSON.stringify({ name: 'native' }));
    window.token = token;
    window.ticket = async () => (await post('/v1/tickets', { authorization: `Bearer ${token}` })).ticket;
    window.conn = () => crypto.randomUUID();
    window.say = (room, text) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(`ws://${location.host}/v1/room/${room}?watch=0&conn=${conn()}`, ['tutti.v1', `bearer.${token}`]);
        socket.onerror = () => reject(new Error('the WebSocket failed'));
        socket.onmessage = ({ data }) => {
          for (const frame of data.split('\n').map((line) => JSON.parse(line))) {
            if (frame.type === 'welcome') socket.send(JSON.stringify({ type: 'command', id: 1, name: 'say', data: { text } }));
            if (frame.type === 'ack') {
              socket.send('{"type":"leave"}');
              resolve(frame.rev);
            }
          }
        };
      });
  });
  return page;
}

test('a WebSocket with a ticket, that comes back with its cursor', async () => {
  const page = await blank();
  const seen = await page.evaluate(async () => {
    const own = conn();
    const follow = (query, protocols, until) =>
      new Promise((resolve, reject) => {
        const frames = [];
        const socket = new WebSocket(`ws://${location.host}/v1/room/socket?conn=${own}${query}`, protocols);
        socket.onclose = (e) => reject(new Error(`closed with ${e.code}`));
        socket.onmessage = ({ data }) => {
          frames.push(...data.split('\n').map((line) => JSON.parse(line)));
          if (!until(frames)) return;
          socket.onclose = null;
          socket.close();
          resolve([socket.protocol, frames]);
        };
      });
    const first = await follow('', ['tutti.v1', `ticket.${await ticket()}`], (f) => f.length === 1);
    for (const text of ['a', 'b', 'c']) await say('socket', text);
    const { epoch } = first[1][0];
    const second = await follow(`&cursor=${epoch}:1`, ['tutti.v1', `ticket.${await ticket()}`], (f) => f.length === 3);
    const third = await follow('&cursor=nonsense:7', ['tutti.v1', `bearer.${token}`], (f) => f.length === 1);
    return { first, second, third };
  });
  const [protocol, [welcome]] = seen.first;
  assert.equal(protocol, 'tutti.v1');
  assert.deepEqual([welcome.type, welcome.rev, welcome.resumed, welcome.state], ['welcome', 0, false, { lines: [], count: 0 }]);
  const [back, ...events] = seen.second[1];
  assert.deepEqual([back.resumed, back.member, 'state' in back], [true, welcome.member, false]);
  assert.deepEqual(events.map((e) => [e.rev, e.name, e.data.text]), [[2, 'said', 'b'], [3, 'said', 'c']]);
  const [fresh] = seen.third[1];
  assert.deepEqual([fresh.resumed, fresh.state.count], [false, 3]);
  await page.close();
});

test('an EventSource with a ticket, that comes back by itself', async () => {
  const page = await blank();
  await page.evaluate(async () => {
    window.got = { welcomes: [], events: [], errors: 0 };
    window.source = new EventSource(`/v1/room/source?conn=${conn()}&ticket=${await ticket()}`);
    source.onmessage = ({ data, lastEventId }) => {
      const frame = JSON.parse(data);
      if (frame.type === 'welcome') got.welcomes.push({ ...frame, lastEventId });
      if (frame.type === 'event') got.events.push({ ...frame, lastEventId });
    };
    source.onerror = () => got.errors++;
    await new Promise((resolve) => (source.onopen = resolve));
  });
  const has = (n) => page.waitForFunction((n) => got.events.length >= n, n, { timeout: 30_000, polling: 20 });
  for (const text of ['a', 'b']) await page.evaluate((t) => say('source', t), text);
  await has(2);
  // The same node from elsewhere, while this page is cut off.
  const direct = await browser.newPage();
  await direct.goto(`http://127.0.0.1:${demo.port}/?room=source`);
  await direct.waitForSelector('#link-state[data-state=live]');
  wire.cut();
  for (const text of ['c', 'd']) {
    await direct.fill('#text', text);
    await direct.press('#text', 'Enter');
  }
  await direct.waitForFunction(() => document.querySelectorAll('#lines .line:not(.waiting)').length === 4);
  wire.mend();
  await has(4);
  await page.evaluate((t) => say('source', t), 'e');
  await has(5);
  const got = await page.evaluate(() => (source.close(), window.got));
  assert.deepEqual(got.events.map((e) => [e.rev, e.data.text]), [[1, 'a'], [2, 'b'], [3, 'c'], [4, 'd'], [5, 'e']]);
  assert.ok(got.errors > 0, 'the stream broke');
  assert.equal(got.welcomes.length, 2);
  const [first, second] = got.welcomes;
  assert.deepEqual([first.resumed, second.resumed, second.member], [false, true, first.member]);
  for (const e of got.events) assert.equal(e.lastEventId, `${first.epoch}:${e.rev}`);
  await direct.close();
  await page.close();
});

test('a ticket is good for one connection, a wrong one for none', async () => {
  const page = await blank();
  const state = (query) =>
    page.evaluate(
      (query) =>
        new Promise((resolve) => {
          const source = new EventSource(`/v1/room/tickets?${query}`);
          source.onopen = () => (source.close(), resolve('open'));
          source.onerror = () => resolve(source.readyState === EventSource.CLOSED ? 'refused' : 'again');
        }),
      query,
    );
  const [ticket, a, b] = await page.evaluate(async () => [await ticket(), conn(), conn()]);
  assert.equal(await state(`conn=${a}&ticket=${ticket}`), 'open');
  assert.equal(await state(`conn=${a}&ticket=${ticket}`), 'open', 'the same connection comes back with it');
  assert.equal(await state(`conn=${b}&ticket=${ticket}`), 'refused');
  assert.equal(await state(`conn=${b}&ticket=${'x'.repeat(32)}`), 'refused');
  assert.equal(await state(`conn=${b}`), 'refused');
  await page.close();
});
