// A demo on three nodes: whoever kills one on the page sees nothing else happen.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { launch } from './browser.mjs';

const root = path.resolve(import.meta.dirname, '../..');

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

async function until(what, ok) {
  for (const end = Date.now() + 30_000; !(await ok()); await new Promise((r) => setTimeout(r, 50))) {
    assert.ok(Date.now() < end, what);
  }
}

test('a node is killed, and nothing happens', { timeout: 240_000 }, async () => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'tutti-nodes-'));
  let binary = process.env.TUTTI_BIN;
  if (!binary) {
    binary = path.join(dir, 'tutti');
    await promisify(execFile)('go', ['build', '-o', binary, './cmd/tutti'], { cwd: root });
  }
  const address = `127.0.0.1:${await freePort()}`;
  const demo = spawn(binary, ['demo', '--nodes', '3', '--listen', address, '--data', dir], { stdio: ['ignore', 'ignore', 'ignore'] });
  const ended = once(demo, 'exit');
  const browser = await launch();
  try {
    const nodes = async () => (await (await fetch(`http://${address}/demo/nodes`)).json()).nodes;
    await until('three nodes lead something', () => nodes().then((all) => all.every((n) => n.leads > 0), () => false));
    const page = await browser.newPage();
    const mistakes = [];
    page.on('pageerror', (e) => mistakes.push(e.message));
    await page.goto(`http://${address}/`);
    const number = async (name) => Number(await page.textContent(`#ledger-${name}`));
    let claps = 0;
    const clap = async () => {
      for (let i = 0; i < 10; i++, claps++) await page.click('#applause');
      await until(`${claps} claps are stored`, async () => (await number('stored')) === claps);
    };
    await until('the page is live', async () => (await page.textContent('#link-word')) === 'Live');
    await clap();
    for (const name of ['n1', 'n3']) {
      const button = page.locator(`[data-node="${name}"] button`);
      await button.click();
      await clap();
      await until('the killed node is shown as gone', async () => (await page.getAttribute(`[data-node="${name}"]`, 'data-up')) === 'false');
      await until('the page is live', async () => (await page.textContent('#link-word')) === 'Live');
      assert.deepEqual([await number('missing'), await number('refused')], [0, 0]);
      await button.click();
      await until('it has come back and leads', () => nodes().then((all) => all.every((n) => n.up) && all.filter((n) => n.leads > 0).length > 1, () => false));
      await clap();
    }
    assert.deepEqual([await number('events'), await number('missing'), mistakes], [claps, 0, []]);
  } finally {
    await browser.close();
    demo.kill('SIGTERM');
    await ended;
    await rm(dir, { recursive: true, force: true });
  }
});
