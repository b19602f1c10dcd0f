// Takes the pictures of docs/images as three people use the page: npm run picture.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Tab, launch } from './browser.mjs';
import { Demo } from './server.mjs';

const images = path.resolve(import.meta.dirname, '../../docs/images');
const demo = new Demo();
const [url, browser] = await Promise.all([demo.start(), launch(), mkdir(images, { recursive: true })]);
const colors = ['red', 'orange', 'amber', 'green', 'sky', 'indigo', 'violet'];
const turn = 2 * Math.PI;

function arc(x, y, r, from, to, steps = 28) {
  return Array.from({ length: steps + 1 }, (_, i) => {
    const a = from + ((to - from) * i) / steps;
    return [x + r * Math.cos(a), y + r * Math.sin(a)];
  });
}

async function tab(name, options) {
  const context = await browser.newContext(options);
  await context.addInitScript((n) => sessionStorage.getItem('tutti.name') ?? sessionStorage.setItem('tutti.name', n), name);
  const t = new Tab(await context.newPage());
  await t.page.goto(url);
  await t.is('live');
  return t;
}

const picture = (t, name) => t.page.screenshot({ path: path.join(images, `${name}.png`) });
const pause = (ms) => new Promise((r) => setTimeout(r, ms));
const write = async (t, text) => {
  await t.page.focus('#pad-text');
  await t.page.keyboard.press('Control+End');
  await t.page.keyboard.insertText(text);
};

const desktop = { viewport: { width: 1440, height: 880 } };
const phone = { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true, deviceScaleFactor: 1.5 };
const [heron, otter, lynx] = await Promise.all([
  tab('dapper-heron', desktop),
  tab('sunny-otter', { ...desktop, colorScheme: 'dark' }),
  tab('quiet-lynx', phone),
]);

// A rainbow, every second color by another one, the sun, and grass.
async function band(painter, i) {
  await painter.color(colors[i], 7);
  await painter.stroke(...arc(128, 178, 98 - 6 * i, Math.PI, turn));
}
await Promise.all([
  (async () => {
    for (const i of [0, 2, 4, 6]) await band(heron, i);
    await heron.color('amber', 7);
    for (let r = 2; r < 18; r += 5) await heron.stroke(...arc(214, 44, r, 0, turn, 16));
  })(),
  (async () => {
    for (const i of [1, 3, 5]) await band(otter, i);
    await otter.color('green', 3);
    for (let x = 4; x < 248; x += 11) await otter.stroke([x, 250], [x + 4, 222 + ((x * 7) % 13)], [x + 8, 250]);
  })(),
]);

await lynx.page.tap('.tabs button[data-panel=room]');
for (const [who, line] of [
  [heron, 'Shall we start with the rainbow?'],
  [otter, 'Yes, you take red, I take orange.'],
  [otter, 'And the grass is mine.'],
  [heron, 'The plan is in the pad.'],
  [lynx, 'I see you both from my phone.'],
]) {
  await who.say(line);
  await heron.hears(line);
}
await write(heron, 'Plan\n\n1. Paint a rainbow, together\n2. Cut the network while we do\n3. See that nothing is lost\n');
await otter.textIs(await heron.text());
await write(otter, '4. Write at the same time');
await heron.textIs(await otter.text());
for (let i = 0; i < 9; i++) await heron.page.click('#applause');

// The network of one is cut; both go on.
await heron.page.click('#cut');
await heron.is('away');
await heron.say('Clouds next! Nobody hears me yet.');
await write(heron, '\n5. Clouds, while nobody sees me');
await heron.color('sky', 7);
await Promise.all([
  (async () => {
    await heron.stroke([26, 50], [88, 50]);
    for (const [x, r] of [[38, 10], [57, 16], [76, 10]]) await heron.stroke(...arc(x, 48, r, Math.PI, turn, 10));
    await heron.stroke([34, 45], [80, 45]);
    await heron.stroke([48, 39], [66, 39]);
  })(),
  (async () => {
    for (const x of [61, 127, 193]) await otter.stroke([x, 214], [x, 240]);
    await otter.color('pink', 3);
    for (const x of [61, 127, 193]) await otter.stroke(...arc(x, 208, 5, 0, turn, 8));
  })(),
]);
await heron.until(() => document.querySelector('#ledger-waiting').textContent !== '0');
await picture(heron, 'demo-cut');
await heron.is('live');
await heron.until(() => /^Back after/.test(document.querySelector('#notice.on')?.textContent));
await heron.until(() => !document.querySelector('#notice.on'));

// Everybody is at work.
await otter.say('There they are. Nothing is lost.');
await heron.hears('There they are. Nothing is lost.');
await lynx.page.type('#text', 'W');
await heron.page.click('#pad-text', { position: { x: 250, y: 66 } });
await heron.moveTo(70, 90);
await otter.moveTo(178, 150);
await otter.page.focus('#pad-text');
await otter.page.keyboard.press('Control+End');
await otter.page.keyboard.insertText('!');
await heron.textIs(await otter.text());
await pause(300); // pointers and carets glide
await picture(heron, 'demo');
await picture(otter, 'demo-dark');
await lynx.page.fill('#text', '');
await lynx.page.tap('.tabs button[data-panel=board]');
await otter.moveTo(176, 148);
await heron.moveTo(72, 92);
await pause(300);
await picture(lynx, 'demo-phone');
await browser.close();
await demo.stop();
