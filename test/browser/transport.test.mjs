// What a person does with the page's line: changes the transport at work, cuts the network, comes back.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import test, { after, before, describe } from 'node:test';
import { Tab, launch } from './browser.mjs';
import { Demo } from './server.mjs';

const shots = path.resolve(import.meta.dirname, '../../test-results');
const red = '229,72,77';
// What Chromium itself says of requests that are torn off.
const expected = /net::ERR_|WebSocket connection to|Failed to load resource/;

let browser, url;
const demo = new Demo();

before(async () => {
  await mkdir(shots, { recursive: true });
  [url, browser] = await Promise.all([demo.start(), launch()]);
});

after(async () => {
  await browser?.close();
  await demo.stop();
});

/** tabs opens pages for a test; after it, nothing must have gone wrong in them. */
async function tabs(t, n, place) {
  const all = [];
  for (let i = 0; i < n; i++) all.push(watched(t, await Tab.open(browser, `${url}/?room=${place}`)));
  return all;
}

function watched(t, tab) {
  t.after(async () => {
    await tab.close();
    assert.deepEqual(tab.mistakes.filter((m) => !expected.test(m)), []);
    assert.deepEqual(tab.elsewhere, [], 'the page loads nothing from elsewhere');
  });
  return tab;
}

// choose leaves the focus where it is.
const choose = (tab, way) => tab.page.locator(`input[name=transport][value=${way}]`).evaluate((e) => e.click());
const isOver = (tab, name) => tab.until((name) => document.querySelector('#over').textContent === `over ${name}`, name);

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

test('the transport is changed while both work, and back', async (t) => {
  const [ann, ben] = await tabs(t, 2, 'ways');
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
    await choose(ann, value);
    await typing;
    text += word;
    await ann.stroke([10, 10 + 20 * i], [60, 10 + 20 * i]);
    await ann.say(`over ${value} ${i}`);
    await isOver(ann, name);
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

// holdTime has the page's clock stand still until window.goOn is called.
async function holdTime({ page }) {
  await page.evaluate(() => {
    const { now } = Date;
    const then = now();
    Date.now = () => then;
    window.goOn = () => { Date.now = now; };
  });
}

describe('the network is cut for some seconds', { concurrency: 3 }, () => {
  for (const way of ['auto', 'sse', 'longpoll']) {
    test(`over ${way}`, async (t) => {
      const [ann, ben] = await tabs(t, 2, `cut-${way}`);
      if (way !== 'auto') await choose(ann, way);
      await ann.page.focus('#pad-text');
      await ann.page.keyboard.insertText('one two');
      await ben.textIs('one two');
      await ann.color('red', 1);

      await holdTime(ann); // the cut lasts until it goes on
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
      assert.match(await ann.page.textContent('#banner'), /The network is cut. [\d,]+ changes are kept/);
      if (way === 'auto') await ann.page.screenshot({ path: path.join(shots, 'cut.png') });
      await ann.page.evaluate(() => window.goOn());

      await ann.is('live');
      await Promise.all([ann, ben].map((t) => t.textIs('one and a half two three')));
      await ben.hears('Is anybody there?');
      await ann.hears('Ann is gone');
      await ben.pixelIs(40, 20, red);
      await ann.until(() => /^Back after 6 s: [\d,]+ changes of yours kept and stored, [\d,]+ events caught up, 0 missing\.$/.test(document.querySelector('#notice').textContent));
      const { sent, stored, refused, missing } = await settled(ann);
      assert.deepEqual([stored + refused, missing], [sent, 0]);
      await same(ann, ben);
      assert.equal(await ann.page.isDisabled('#cut'), false);
    });
  }
});

test('of two tabs of one browser the last that chose them has SSE or long polls', async (t) => {
  const [ann] = await tabs(t, 1, 'twins');
  const ben = watched(t, new Tab(await ann.page.context().newPage()));
  await ben.page.goto(`${url}/?room=twins`);
  await ben.is('live');
  for (const [mine, other, way, name] of [[ann, ben, 'sse', 'SSE'], [ben, ann, 'sse', 'SSE'], [ann, ben, 'longpoll', 'Long poll']]) {
    await choose(mine, way);
    await isOver(mine, name);
    await isOver(other, 'WebSocket');
    await mine.say(`here over ${way}`);
    await other.say(`there beside ${way}`);
    await Promise.all([mine.hears(`there beside ${way}`), other.hears(`here over ${way}`)]);
  }
  assert.equal(await ben.page.isChecked('input[name=transport][value=auto]'), true);
  assert.match(await ben.page.textContent('#notice'), /^Another tab of this browser has taken SSE or long polls/);
  await ann.page.reload(); // it takes them again
  await isOver(ann, 'Long poll');
  await isOver(ben, 'WebSocket');
});

test('the link by keyboard alone', async (t) => {
  const [ann] = await tabs(t, 1, 'keyboard');
  const press = (...keys) => keys.reduce((done, key) => done.then(() => ann.page.keyboard.press(key)), Promise.resolve());
  for (let i = 0; i < 40 && (await ann.page.evaluate(() => document.activeElement.name)) !== 'transport'; i++) await press('Tab');
  await press('ArrowRight', 'ArrowRight');
  await isOver(ann, 'SSE');
  await press('Tab', 'Enter');
  await ann.is('away');
  assert.match(await ann.page.textContent('#cut-word'), /^Cut for \d s more$/);
});
