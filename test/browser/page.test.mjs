// The demo's page in Chromium, against a real node: what two users see of each other.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import test, { after, afterEach, before } from 'node:test';
import { Tab, launch } from './browser.mjs';
import { Demo } from './server.mjs';

const shots = path.resolve(import.meta.dirname, '../../test-results');
const red = '229,72,77';
const blue = '59,111,224';

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

// Whatever a test is about: no complaint in the console, no request to anywhere else.
afterEach(async () => {
  for (const tab of open.splice(0)) {
    await tab.close();
    assert.deepEqual(tab.mistakes, [], 'the console stays silent');
    assert.deepEqual(tab.elsewhere, [], 'the page loads nothing from elsewhere');
  }
});

async function tabs(n, place, options) {
  const all = [];
  for (let i = 0; i < n; i++) all.push(await Tab.open(browser, `${url}/?room=${place}`, options));
  open.push(...all);
  return all;
}

test('what one paints the other sees, with the pointer that paints', async () => {
  const [ann, ben] = await tabs(2, 'board');
  await ann.color('red', 1);
  await ann.stroke([10, 10], [60, 40], [60, 90]);
  await ben.pixelIs(10, 10, red);
  await ben.pixelIs(35, 25, red);
  await ben.pixelIs(60, 90, red);
  assert.notEqual(await ben.pixel(100, 100), red);
  await ann.moveTo(200, 50);
  await ben.until((name) => document.querySelector('.pointer .pointer-name')?.textContent === name, await ann.name);
  const [later] = await tabs(1, 'board');
  await later.pixelIs(60, 60, red);
});

test('a board can be painted without a mouse', async () => {
  const [ann, ben] = await tabs(2, 'keys');
  await ann.color('blue', 1);
  await ann.page.focus('#canvas');
  for (const key of ['ArrowRight', 'ArrowDown', 'Shift+ArrowUp', 'Space']) await ann.page.keyboard.press(key);
  await ben.pixelIs(129, 121, blue);
  await ann.until(() => document.querySelector('#board-spot').textContent === '129, 121: blue');
});

test('the room', async () => {
  const [ann, ben] = await tabs(2, 'room');
  await ann.say('Hello 😀\nyou <b>there</b>');
  await ben.hears('Hello 😀\nyou <b>there</b>');
  await ben.page.type('#text', 'Hi');
  await ann.until((name) => document.querySelector('#typing').textContent === `${name} is typing`, await ben.name);
  await ben.page.press('#text', 'Enter');
  await ann.hears('Hi');
  assert.deepEqual(await ann.lines(), ['Hello 😀\nyou <b>there</b>', 'Hi']);
  assert.deepEqual(await ben.lines(), await ann.lines());
  await ann.until(() => document.querySelector('#typing').textContent === '');
  await ben.page.fill('#text', 'x'.repeat(2001));
  assert.ok(await ben.page.locator('#say button[name=send]').isDisabled(), 'a line that is too long cannot be sent');
});

test('two people who write at once end with the same text', async () => {
  const [ann, ben] = await tabs(2, 'pad');
  await ann.page.focus('#pad-text');
  await ann.page.keyboard.insertText('top\n\nbottom');
  await ben.textIs('top\n\nbottom');
  await ann.caretAt(3);
  await ben.caretAt(11);
  const above = ' 😀 written above by one, 𝄞 with care';
  const below = ' 😁 written below by the other; no hurry';
  await Promise.all([ann.page.keyboard.type(above, { delay: 7 }), ben.page.keyboard.type(below, { delay: 9 })]);
  const want = `top${above}\n\nbottom${below}`;
  await Promise.all([ann.textIs(want), ben.textIs(want)]);
  const [later] = await tabs(1, 'pad');
  await later.textIs(want);
});

test('two people in the same word', async () => {
  const [ann, ben] = await tabs(2, 'word');
  await ann.page.focus('#pad-text');
  await ann.page.keyboard.insertText('<>');
  await ben.textIs('<>');
  await ann.caretAt(1);
  await ben.caretAt(1);
  const press = async (tab, letter) => {
    for (let i = 0; i < 40; i++) await tab.page.keyboard.press(i % 5 === 4 ? 'Backspace' : letter);
  };
  await Promise.all([press(ann, 'a'), press(ben, 'b')]);
  await Promise.all([ann.saved(), ben.saved()]);
  const text = await ann.text();
  await ben.textIs(text);
  assert.match(text, /^<?[ab]*>$/);
  const [later] = await tabs(1, 'word');
  await later.textIs(text);
});

test('caret and selection stay with their text when others write', async () => {
  const [ann, ben] = await tabs(2, 'caret');
  await ann.page.focus('#pad-text');
  await ann.page.keyboard.insertText('one 😀 two three');
  await ben.textIs('one 😀 two three');
  await ann.page.evaluate(() => document.querySelector('#pad-text').setSelectionRange(7, 10));
  await ben.caretAt(0);
  await ben.page.keyboard.insertText('😁😁 zero ');
  await ben.page.keyboard.press('Control+End');
  await ben.page.keyboard.insertText(' four');
  await ann.textIs('😁😁 zero one 😀 two three four');
  assert.equal(await ann.page.evaluate(() => getSelection().toString()), 'two');
  await ann.until((name) => document.querySelector('.caret')?.dataset.name === name, await ben.name);
});

test('undoing takes back one’s own edits only', async () => {
  const [ann, ben] = await tabs(2, 'undo');
  await ann.page.focus('#pad-text');
  await ann.page.keyboard.insertText('mine');
  await ben.textIs('mine');
  await ben.caretAt(0);
  await ben.page.keyboard.insertText('theirs ');
  await ann.textIs('theirs mine');
  await ann.page.keyboard.press('Control+z');
  await ben.textIs('theirs ');
  await ann.page.keyboard.press('Control+Shift+z');
  await ben.textIs('theirs mine');
});

test('a word that is being composed is left alone', async () => {
  const [ann, ben] = await tabs(2, 'compose');
  await ann.page.focus('#pad-text');
  await ann.page.keyboard.insertText('[]');
  await ben.textIs('[]');
  await ann.caretAt(1);
  const keys = await ann.page.context().newCDPSession(ann.page);
  const compose = (text) => keys.send('Input.imeSetComposition', { text, selectionStart: text.length, selectionEnd: text.length });
  await compose('k');
  await ben.caretAt(0);
  await ben.page.keyboard.insertText('before ');
  await ben.saved();
  await ben.say('done'); // time enough for the edit to come
  await ann.hears('done');
  await compose('か');
  assert.equal(await ann.text(), '[か]', 'nothing moves under the composition');
  await keys.send('Input.insertText', { text: '漢' });
  await Promise.all([ann.textIs('before [漢]'), ben.textIs('before [漢]')]);
});

test('a text that is longer than a command', async () => {
  const [ann, ben] = await tabs(2, 'long', { permissions: ['clipboard-read', 'clipboard-write'] });
  const long = 'Ärger mit 😀 und "Zeichen"\t\u2028\n'.repeat(6_000);
  await ann.page.evaluate((s) => navigator.clipboard.writeText(s), long);
  await ann.page.focus('#pad-text');
  await ann.page.keyboard.press('Control+v');
  await ben.textIs(long);
  await ann.saved();
  await ann.caretAt(long.length);
  await ben.caretAt(0);
  await Promise.all([ann.page.keyboard.type('the end', { delay: 20 }), ben.page.keyboard.type('the start', { delay: 20 })]);
  await Promise.all([ann, ben].map((t) => t.textIs(`the start${long}the end`)));
});

test('who is here', async () => {
  const [ann, ben] = await tabs(2, 'people');
  const count = (n) => ann.until((n) => document.querySelector('#people-count').textContent === String(n), n);
  await count(2);
  await ann.page.click('#people-button');
  const names = await ann.page.locator('.person-name').allTextContents();
  assert.deepEqual(names.sort(), [await ann.name, await ben.name].sort());
  open.splice(open.indexOf(ben), 1);
  await ben.close();
  await count(1); // after the grace period
  await ann.page.fill('#name', "Ann O'Hara");
  await ann.page.press('#name', 'Enter');
  await ann.until(() => document.querySelector('.person-name')?.textContent === "Ann O'Hara");
  await ann.is('live');
  await ann.say('It is me');
  await ann.until(() => document.querySelector('#lines .line.own .line-who')?.textContent.startsWith("Ann O'Hara"));
});

test('a duplicated tab is another user', async () => {
  const [ann] = await tabs(1, 'twice');
  const [page] = await Promise.all([ann.page.waitForEvent('popup'), ann.page.evaluate(() => void open(location.href))]);
  const twin = new Tab(page);
  await twin.is('live');
  assert.notEqual(await twin.name, await ann.name);
  await ann.until(() => document.querySelector('#people-count').textContent === '2');
  await ann.is('live');
});

test('applause is counted', async () => {
  const [ann, ben] = await tabs(2, 'applause');
  await ann.page.click('#applause');
  await ben.page.click('#applause');
  for (const t of [ann, ben]) await t.until(() => document.querySelector('#applause-count').textContent === '2');
});

test('the latency of each hop', async () => {
  const [ann] = await tabs(1, 'hops');
  for (const hop of ['rtt', 'up', 'down', 'edge', 'state']) {
    await ann.until((id) => /^[\d.]+ (ms|µs)$/.test(document.querySelector(id).textContent), `#hop-${hop}`);
  }
  const place = await ann.page.locator('#canvas').boundingBox();
  await ann.say('How long does that take?');
  await ann.until(() => /^[\d.]+ (ms|µs)$/.test(document.querySelector('#trace-total').textContent));
  await ann.until(() => /Disk/.test(document.querySelector('#trace-legend').textContent));
  assert.deepEqual(await ann.page.locator('#canvas').boundingBox(), place, 'the board does not move under the brush');
});

const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

test('a room that was hidden shows its newest line', async () => {
  const [ann] = await tabs(1, 'hidden', phone);
  const [ben] = await tabs(1, 'hidden');
  for (let i = 0; i < 40; i++) await ben.say(`line ${i}`);
  await ann.hears('line 39');
  await ann.page.tap('.tabs button[data-panel=room]');
  await ann.until(() => document.querySelector('#lines').lastElementChild.getBoundingClientRect().bottom <= document.querySelector('#chat-scroll').getBoundingClientRect().bottom);
});

test('on a phone one panel shows at a time, and all of it', async () => {
  const [ann, ben] = await tabs(2, 'phone', phone);
  for (const [panel, inside] of [['pad', '#pad-text'], ['room', '#say'], ['hops', '#rail'], ['board', '#canvas']]) {
    await ann.page.tap(`.tabs button[data-panel=${panel}]`);
    assert.deepEqual(await ann.page.locator('main > .card:visible').evaluateAll((all) => all.map((e) => e.dataset.panel)), [panel]);
    const box = await ann.page.locator(inside).boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= 390 && box.y + box.height <= 844, `${inside} is on the screen`);
    await ann.page.screenshot({ path: path.join(shots, `phone-${panel}.png`) });
  }
  assert.ok(await ann.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out');
  const box = await ann.page.locator('#canvas').boundingBox();
  await ann.page.touchscreen.tap(box.x + box.width / 2, box.y + box.height / 2);
  await ben.pixelIs(128, 128, blue);
});

test('light and dark', async () => {
  const ground = (t) => t.page.evaluate(() => getComputedStyle(document.querySelector('.card')).backgroundColor);
  const [ann] = await tabs(1, 'theme', { colorScheme: 'dark' });
  assert.equal(await ground(ann), 'rgb(22, 24, 29)');
  await ann.page.screenshot({ path: path.join(shots, 'dark.png') });
  await ann.page.click('#theme');
  assert.equal(await ground(ann), 'rgb(255, 255, 255)');
  await ann.page.reload();
  await ann.is('live');
  assert.equal(await ground(ann), 'rgb(255, 255, 255)', 'the choice lasts');
  await ann.page.screenshot({ path: path.join(shots, 'light.png') });
});

test('everything that can be operated has a name and can be reached', async () => {
  const [ann] = await tabs(1, 'access');
  const nameless = await ann.page.evaluate(() =>
    [...document.querySelectorAll('button, input, textarea, canvas, a[href]')]
      .filter((e) => e.ariaHidden !== 'true' && !(e.getAttribute('aria-label') || e.labels?.length || e.textContent.trim() || e.getAttribute('aria-labelledby')))
      .map((e) => e.outerHTML),
  );
  assert.deepEqual(nameless, []);
  const reached = new Set();
  for (let i = 0; i < 40; i++) {
    await ann.page.keyboard.press('Tab');
    reached.add(await ann.page.evaluate(() => document.activeElement.id || document.activeElement.name));
  }
  for (const id of ['share', 'applause', 'people-button', 'link-state', 'theme', 'canvas', 'color', 'brush', 'pad-text', 'text', 'transport', 'cut']) {
    assert.ok(reached.has(id), `Tab reaches ${id}`);
  }
});
