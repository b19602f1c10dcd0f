// Takes the pictures of docs/images: npm run picture.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Tab, launch } from './browser.mjs';
import { Demo } from './server.mjs';

const images = path.resolve(import.meta.dirname, '../../docs/images');
const demo = new Demo();
const [url, browser] = await Promise.all([demo.start(), launch(), mkdir(images, { recursive: true })]);
const colors = ['red', 'orange', 'amber', 'green', 'sky', 'indigo', 'violet'];

function arc(x, y, r, from, to, steps = 40) {
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

const desktop = { viewport: { width: 1360, height: 820 } };
const heron = await tab('dapper-heron', desktop);
const otter = await tab('sunny-otter', { ...desktop, colorScheme: 'dark' });
const lynx = await tab('quiet-lynx', { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true, colorScheme: 'dark', deviceScaleFactor: 1.5 });

for (const [i, color] of colors.entries()) {
  const painter = i % 2 ? otter : heron;
  await painter.color(color, 7);
  await painter.stroke(...arc(128, 176, 96 - 7 * i, Math.PI, 2 * Math.PI));
}
await heron.color('amber', 7);
for (let r = 1; r < 18; r += 4) await heron.stroke(...arc(214, 44, r, 0, 2 * Math.PI, 24));
await otter.color('green', 3);
for (let x = 4; x < 252; x += 11) await otter.stroke([x, 250], [x + 4, 222 + ((x * 7) % 13)], [x + 8, 250]);

const said = [
  [heron, 'Shall we start with the rainbow?'],
  [otter, 'Yes, you take red, I take orange.'],
  [otter, 'And the grass is mine.'],
  [heron, 'The plan is in the pad.'],
  [lynx, 'I see you both from my phone.'],
];
await lynx.page.tap('.tabs button[data-panel=room]');
for (const [who, line] of said) {
  await who.say(line);
  await heron.hears(line);
}
await heron.page.click('#pad-text');
await heron.page.keyboard.insertText('Plan\n\n1. Paint a rainbow, together\n2. Kill the server while we do\n3. See that nothing is lost\n');
await otter.textIs(await heron.text());
await otter.page.click('#pad-text');
await otter.page.keyboard.press('Control+End');
await otter.page.keyboard.insertText('4. Write in the same text at the same time');
await heron.textIs(await otter.text());
for (let i = 0; i < 9; i++) await heron.page.click('#applause');
await new Promise((r) => setTimeout(r, 16_000));
await heron.page.click('#cut'); // for the tape
await heron.is('away');
await heron.color('sky', 3);
await otter.color('pink', 3);
for (let i = 0; i < 3; i++) {
  await heron.stroke(...arc(36 + 14 * i, 40 - 6 * (i % 2), 12, Math.PI, 2 * Math.PI, 12));
  await otter.stroke(...arc(60 + 66 * i, 216, 5, 0, 2 * Math.PI, 12));
  await new Promise((r) => setTimeout(r, 900));
}
await heron.is('live');
await new Promise((r) => setTimeout(r, 24_000)); // a curve of round trips
await heron.moveTo(300, 300);
await heron.say('Grass looks good!');
await heron.page.click('#pad-text', { position: { x: 200, y: 62 } });
await otter.moveTo(178, 150);
await lynx.page.type('#text', 'W');
await otter.page.keyboard.press('End');
await otter.page.keyboard.insertText('.');
await new Promise((r) => setTimeout(r, 600));
await heron.page.screenshot({ path: path.join(images, 'demo.png') });
await lynx.page.fill('#text', '');
await lynx.page.tap('.tabs button[data-panel=board]');
await heron.moveTo(70, 90);
await new Promise((r) => setTimeout(r, 300));
await lynx.page.screenshot({ path: path.join(images, 'demo-phone.png') });
await browser.close();
await demo.stop();
