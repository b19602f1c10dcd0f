// The built module in other places than this one: a worker of Node and Deno.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Server, token } from './server.ts';

const run = promisify(execFile);
const everything = 'websocket 6 6, closed, sse 6 6, closed, longpoll 6 6, closed';
const program = new URL('everywhere.mjs', import.meta.url).href;
const server = new Server();
let dir: string;
let module: string;

beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'tutti-ts-built-'));
  const outfile = path.join(dir, 'tutti.js');
  await build({ entryPoints: ['src/index.ts'], bundle: true, format: 'esm', target: 'es2022', minify: true, outfile });
  module = pathToFileURL(outfile).href;
  await server.start();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

test('in a worker of Node', async () => {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    globalThis.WebSocket ??= require(workerData.ws).WebSocket;
    import(workerData.program)
      .then(({ everywhere }) => everywhere(...workerData.with))
      .then((said) => parentPort.postMessage(said));`;
  const workerData = {
    program,
    ws: createRequire(import.meta.url).resolve('ws'),
    with: [module, server.url('worker'), token('ann')],
  };
  const worker = new Worker(code, { eval: true, workerData });
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  const said = await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  expect(said).toBe(everything);
  expect(await ended).toBe(0); // nothing keeps it running
});

test('in Deno', async () => {
  const bin = createRequire(import.meta.url).resolve('deno/bin.cjs');
  const code = `import { everywhere } from ${JSON.stringify(program)};
    console.log(await everywhere(${[module, server.url('deno'), token('ann')].map((s) => JSON.stringify(s))}));`;
  const args = [
    bin,
    'run',
    '--no-config',
    '--no-remote',
    `--allow-net=${new URL(server.origin).host}`,
    '--allow-read',
    '-',
  ];
  const ran = run(process.execPath, args, { cwd: dir, env: { ...process.env, DENO_DIR: dir, NO_COLOR: '1' } });
  ran.child.stdin?.end(code);
  const { stdout, stderr } = await ran;
  expect(stderr).toBe('');
  expect(stdout.trim()).toBe(everything);
});
