// Takes the picture of a demo on three nodes, one of which is killed: npm run picture. TUTTI_BIN is the program.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Tab, launch } from './browser.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const dir = await mkdtemp(path.join(os.tmpdir(), 'tutti-nodes-'));
const url = 'http://127.0.0.1:18500';
const program = process.env.TUTTI_BIN ? [process.env.TUTTI_BIN] : ['go', 'run', './cmd/tutti'];
const demo = spawn(program[0], [...program.slice(1), 'demo', '--nodes', '3', '--listen', '127.0.0.1:18500', '--data', dir], { cwd: root, stdio: 'ignore' });
const ended = once(demo, 'exit');
const browser = await launch();
const pause = (ms) => new Promise((r) => setTimeout(r, ms));

async function led() {
  const all = (await (await fetch(`${url}/demo/nodes`)).json()).nodes;
  return all.every((n) => n.leads > 0);
}

async function tab(name) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 880 } });
  await context.addInitScript((n) => sessionStorage.getItem('tutti.name') ?? sessionStorage.setItem('tutti.name', n), name);
  const t = new Tab(await context.newPage());
  await t.page.goto(`${url}/?room=three`);
  await t.is('live');
  return t;
}

const colors = ['red', 'orange', 'amber', 'green', 'sky', 'indigo', 'violet'];
async function band(painter, i) {
  await painter.color(colors[i], 7);
  const places = Array.from({ length: 13 }, (_, k) => Math.PI * (1 + k / 12));
  await painter.stroke(...places.map((a) => [128 + (98 - 6 * i) * Math.cos(a), 178 + (98 - 6 * i) * Math.sin(a)]));
}

async function write(t, text) {
  await t.page.focus('#pad-text');
  await t.page.keyboard.press('Control+End');
  await t.page.keyboard.insertText(text);
  await pause(300);
}

try {
  while (!(await led().catch(() => false))) await pause(200);
  const heron = await tab('dapper-heron');
  const otter = await tab('sunny-otter');
  for (const i of [0, 1, 2]) await band(heron, i);
  await heron.page.click('[data-node="n2"] button');
  for (const i of [3, 4]) await band(heron, i);
  for (const i of [5, 6]) await band(otter, i);
  await write(heron, 'Three nodes. n2 was killed in the middle of the rainbow.\n');
  await write(otter, 'Nothing happened.\n');
  await pause(2500);
  await heron.page.screenshot({ path: path.join(root, 'docs/images/demo-nodes.png') });
} finally {
  await browser.close();
  demo.kill('SIGTERM');
  await ended;
  await rm(dir, { recursive: true, force: true });
}
