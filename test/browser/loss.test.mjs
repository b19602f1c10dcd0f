// The demo's page when the network breaks and when the node is killed: nothing is lost, nothing
// happens twice.
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { Tab, launch } from './browser.mjs';
import { Demo, Wire } from './server.mjs';

const red = '229,72,77';
// What Chromium itself says of a host that does not answer.
const expected = /net::ERR_|WebSocket connection to|Failed to load resource/;

let browser;
const demo = new Demo();
const wire = new Wire();
let direct, wired;
const open = [];

before(async () => {
  [direct, browser] = await Promise.all([demo.start(), launch()]);
  wired = await wire.open(demo.port);
});

after(async () => {
  await browser?.close();
  wire.close();
  await demo.stop();
});

afterEach(async () => {
  wire.mend();
  for (const tab of open.splice(0)) {
    await tab.close();
    assert.deepEqual(tab.mistakes.filter((m) => !expected.test(m)), []);
  }
});

async function tab(url, place) {
  const t = await Tab.open(browser, `${url}/?room=${place}`);
  open.push(t);
  return t;
}

test('what is done while the network is cut arrives once it is mended', async () => {
  const [ann, ben] = [await tab(wired, 'cut'), await tab(direct, 'cut')];
  await ann.page.focus('#pad-text');
  await ann.page.keyboard.insertText('one two');
  await ben.textIs('one two');

  wire.cut();
  await ann.is('away');
  await ann.caretAt(3);
  await ann.page.keyboard.insertText(' and a half');
  await ann.say('Are you there?');
  await ann.color('red', 1);
  await ann.stroke([20, 20], [40, 20]);
  assert.equal(await ann.pixel(30, 20), red, 'one’s own strokes show at once');
  await ann.until(() => document.querySelector('#pad-status').dataset.state === 'kept');
  await ben.caretAt(7);
  await ben.page.keyboard.insertText(' three');
  await ben.say('Nobody here');
  await ben.hears('Nobody here');
  assert.deepEqual(await ben.lines(), ['Nobody here']);

  wire.mend();
  await ann.is('live');
  const want = 'one and a half two three';
  await Promise.all([ann.textIs(want), ben.textIs(want)]);
  await ben.hears('Are you there?');
  await ann.hears('Nobody here');
  assert.deepEqual(await ann.lines(), ['Nobody here', 'Are you there?']);
  assert.deepEqual(await ben.lines(), ['Nobody here', 'Are you there?']);
  await ben.pixelIs(30, 20, red);
});

test('two people write on while the node is killed and comes back', async () => {
  const [ann, ben] = [await tab(direct, 'kill'), await tab(direct, 'kill')];
  await ann.page.focus('#pad-text');
  await ann.page.keyboard.insertText('\n');
  await ben.textIs('\n');
  await ann.caretAt(0);
  await ben.caretAt(1);
  let writing = true;
  const parts = { ann: '', ben: '' };
  const write = async (t, who) => {
    for (let i = 0; writing; i++) {
      const word = `${who}${i} `;
      await t.page.keyboard.type(word, { delay: 5 });
      parts[who] += word;
      if (i % 5 === 0) await t.page.evaluate((n) => document.querySelector('#applause').click(), i);
    }
  };
  const both = Promise.all([write(ann, 'ann'), write(ben, 'ben')]);
  for (let i = 0; i < 3; i++) {
    await new Promise((r) => setTimeout(r, 700));
    await demo.kill();
    await demo.start();
    await Promise.all([ann.is('live'), ben.is('live')]);
  }
  writing = false;
  await both;
  const want = `${parts.ann}\n${parts.ben}`;
  await Promise.all([ann.textIs(want), ben.textIs(want)]);
  const claps = Object.values(parts).reduce((n, s) => n + Math.ceil(s.trim().split(' ').length / 5), 0);
  for (const t of [ann, ben]) await t.until((n) => document.querySelector('#applause-count').textContent === String(n), claps);
  const later = await tab(direct, 'kill');
  await later.textIs(want);
  await later.until((n) => document.querySelector('#applause-count').textContent === String(n), claps);
});

test('a line said to a node that is down is said once', async () => {
  const ann = await tab(direct, 'down');
  await demo.kill();
  await ann.is('away');
  for (const line of ['first', 'second', 'third']) await ann.say(line);
  await ann.until(() => /Connection lost.*3 changes are kept/.test(document.querySelector('#banner').textContent));
  await demo.start();
  await ann.page.locator('#banner-button').evaluate((b) => b.click()); // it may be back by itself
  await ann.hears('third');
  const ben = await tab(direct, 'down');
  await ben.hears('third');
  assert.deepEqual(await ben.lines(), ['first', 'second', 'third']);
  assert.deepEqual(await ann.lines(), ['first', 'second', 'third']);
});

test('an edit whose answer was lost, and more missed than is sent again', async () => {
  const [ann, ben] = [await tab(wired, 'far'), await tab(direct, 'far')];
  await ann.page.focus('#pad-text');
  await ann.page.keyboard.insertText('base\n');
  await ben.textIs('base\n');
  const welcomes = [];
  ann.page.on('websocket', (ws) => {
    if (!ws.url().includes('/pad/')) return;
    ws.on('framereceived', ({ payload }) => payload.split('\n').forEach((l) => l.includes('"welcome"') && welcomes.push(JSON.parse(l))));
  });

  wire.deafen();
  await ann.caretAt(0);
  await ann.page.keyboard.type('x1 ');
  await ben.until(() => document.querySelector('#pad-text').value.startsWith('x')); // stored, though ann does not know
  await ben.page.evaluate(async () => {
    const socket = new WebSocket(`ws://${location.host}/v1/pad/far?watch=0&conn=${crypto.randomUUID()}`, ['tutti.v1', `bearer.${sessionStorage.getItem('tutti.token')}`]);
    const end = [...document.querySelector('#pad-text').value].length;
    const long = 'z'.repeat(40_000);
    const texts = [...Array(111).fill(long), 'end'];
    let done = 0;
    await new Promise((resolve, reject) => {
      socket.onclose = () => reject(new Error(`closed after ${done} edits`));
      socket.onmessage = ({ data }) => {
        for (const frame of data.split('\n').map((line) => JSON.parse(line))) {
          if (frame.type === 'welcome') {
            for (const [i, text] of texts.entries()) {
              const patches = [[end, i === 0 ? 0 : long.length, text]];
              socket.send(JSON.stringify({ type: 'command', id: i + 1, name: 'edit', data: { patches } }));
            }
          }
          if (frame.type === 'ack' && ++done === texts.length) resolve();
        }
      };
    });
    socket.send('{"type":"leave"}');
  });
  wire.cut();
  await ann.is('away');
  wire.mend();
  await ann.is('live');
  await Promise.all([ann.textIs('x1 base\nend'), ben.textIs('x1 base\nend')]);
  await ann.saved();
  assert.equal(welcomes.at(-1).resumed, false, 'it was too much to send again');
});

test('a page that is loaded again goes on as the same user', async () => {
  const [ann, ben] = [await tab(direct, 'reload'), await tab(direct, 'reload')];
  await ann.say('before');
  await ben.hears('before');
  await ann.page.reload();
  await ann.is('live');
  await ann.say('after');
  await ben.hears('after');
  const who = await ben.page.locator('#lines .line').evaluateAll((all) => all.map((e) => e.querySelector('.line-who').firstChild.textContent));
  assert.deepEqual(who, [await ann.name, await ann.name]);
  await ben.until(() => document.querySelector('#people-count').textContent === '2');
});
