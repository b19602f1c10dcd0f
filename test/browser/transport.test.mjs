// What a person does with the page's line: changes the transport at work, cuts the network, comes back.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import test, { after, afterEach, before } from 'node:test';
import { Tab, launch } from './browser.mjs';
import { Demo } from './server.mjs';

const shots = path.resolve(import.meta.dirname, '../../test-results');
const red = '229,72,77';
// What Chromium itself says of requests that are torn off.
const expected = /net::ERR_|WebSocket connection to|Failed to load resource/;

let browser, url;
const demo = new Demo();
const open = [];

before(async () => {
  await mkdir(shots, { recursive: true });
  [url, browser] = await Promise.all([demo.start(), launch()]);
});

after(async () => {
  await browser?.close();
  await demo.stop();
});

afterEach(async () => {
  for (const tab of open.splice(0)) {
    await tab.close();
    assert.deepEqual(tab.mistakes.filter((m) => !expected.test(m)), []);
    assert.deepEqual(tab.elsewhere, [], 'the page loads nothing from elsewhere');
  }
});

async function tabs(n, place, options) {
  const all = [];
  for (let i = 0; i < n; i++) all.push(await Tab.open(browser, `${url}/?room=${place}`, options));
  open.push(...all);
  return all;
}

/** settled waits until everything that a tab sent is answered, and returns its ledger. */
async function settled(tab) {
  await tab.until(() => document.querySelector('#ledger-sent').textContent !== '0' && document.querySelector('#ledger-waiting').textContent === '0');
  await tab.saved();
  const ledger = await tab.page.evaluate(() => {
    const number = (key) => Number(document.querySelector(`#ledger-${key}`).textContent.replaceAll(/\D/g, ''));
    return Object.fromEntries(['sent', 'stored', 'refused', 'waiting', 'events', 'missing'].map((k) => [k, number(k)]));
  });
  return { ...ledger, revs: await tab.page.textContent('#ledger-revs') };
}

/** same waits until two tabs have seen the same revisions. */
async function same(ann, ben) {
  const revs = (await settled(ann)).revs;
  await ben.until((want) => document.querySelector('#ledger-revs').textContent === want, revs);
}

test('the transport is changed while both work, and back', async () => {
  const [ann, ben] = await tabs(2, 'ways');
  await ann.page.focus('#pad-text');
  await ann.page.keyboard.insertText('|');
  await ben.textIs('|');
  const ways = [['sse', 'SSE'], ['longpoll', 'Long poll'], ['websocket', 'WebSocket'], ['longpoll', 'Long poll'], ['auto', 'WebSocket']];
  let text = '|';
  await ann.color('red', 1);
  for (const [i, [value, name]] of ways.entries()) {
    await ann.caretAt([...text].length);
    const word = ` ${value}${i}`;
    const typing = ann.page.keyboard.type(word, { delay: 15 });
    await ann.page.locator(`input[name=transport][value=${value}]`).evaluate((e) => e.click());
    await typing;
    text += word;
    await ann.stroke([10, 10 + 20 * i], [60, 10 + 20 * i]);
    await ann.say(`over ${value} ${i}`);
    await ann.until((name) => document.querySelector('#over').textContent === `over ${name}`, name);
    await ben.hears(`over ${value} ${i}`);
    await ben.say(`heard ${i}`);
    await ann.hears(`heard ${i}`);
    await ben.pixelIs(40, 10 + 20 * i, red);
    await Promise.all([ann.textIs(text), ben.textIs(text)]);
  }
  assert.deepEqual(await ann.lines(), ways.flatMap(([value], i) => [`over ${value} ${i}`, `heard ${i}`]));
  assert.deepEqual(await ben.lines(), await ann.lines());
  await same(ann, ben);
  for (const tab of [ann, ben]) {
    const { sent, stored, refused, missing } = await settled(tab);
    assert.equal(stored + refused, sent, 'every command has had one answer');
    assert.equal(missing, 0);
  }
});

for (const way of ['auto', 'sse', 'longpoll']) {
  test(`the network is cut for some seconds, over ${way}`, async () => {
    const [ann, ben] = await tabs(2, `cut-${way}`);
    if (way !== 'auto') await ann.page.locator(`input[name=transport][value=${way}]`).evaluate((e) => e.click());
    await ann.page.focus('#pad-text');
    await ann.page.keyboard.insertText('one two');
    await ben.textIs('one two');
    await ann.color('red', 1);

    await ann.page.click('#cut');
    await ann.is('away');
    await ann.caretAt(3);
    await ann.page.keyboard.insertText(' and a half');
    await ann.say('Is anybody there?');
    await ann.stroke([20, 20], [60, 20]);
    await ben.caretAt(7);
    await ben.page.keyboard.insertText(' three');
    await ben.say('Ann is gone');
    await ben.hears('Ann is gone');
    assert.deepEqual(await ben.lines(), ['Ann is gone'], 'nothing gets out');
    assert.deepEqual(await ann.lines(), [], 'and nothing gets in');
    assert.equal(await ann.page.isDisabled('#cut'), true);
    assert.match(await ann.page.textContent('#banner'), /The network is cut. \d+ changes are kept/);
    if (way === 'auto') await ann.page.screenshot({ path: path.join(shots, 'cut.png') });

    await ann.is('live');
    await Promise.all([ann, ben].map((t) => t.textIs('one and a half two three')));
    await ben.hears('Is anybody there?');
    await ann.hears('Ann is gone');
    await ben.pixelIs(40, 20, red);
    await ann.until(() => /^Back after 6 s: \d+ changes of yours kept and stored, \d+ events caught up, 0 missing\.$/.test(document.querySelector('#notice').textContent));
    const { sent, stored, refused, missing } = await settled(ann);
    assert.deepEqual([stored + refused, missing], [sent, 0]);
    await same(ann, ben);
    assert.equal(await ann.page.isDisabled('#cut'), false);
  });
}
