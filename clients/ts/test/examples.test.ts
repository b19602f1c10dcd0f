import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import * as counter from '../examples/counter.ts';
import * as room from '../examples/room.ts';
import * as transports from '../examples/transports.ts';
import { entityURL } from '../src/index.ts';
import { Server, token } from './server.ts';

const server = new Server();
const before = globalThis.WebSocket;
beforeAll(async () => {
  globalThis.WebSocket = WebSocket as unknown as typeof before;
  await server.start();
});
afterAll(async () => {
  globalThis.WebSocket = before;
  await server[Symbol.asyncDispose]();
});

async function run(example: typeof counter, category: string): Promise<string[]> {
  const said: string[] = [];
  await example.run(
    entityURL(server.origin, category, 'example'),
    async () => token('ann'),
    (...what) => said.push(what.map((w) => (typeof w === 'string' ? w : JSON.stringify(w))).join(' ')),
  );
  return said;
}

test('counter', async () => {
  expect(await run(counter, 'counter')).toEqual([
    'there are 0',
    'there are 1',
    'predicted {"n":1} confirmed {"n":0}',
    'there are 1',
    'durable as event 1 with reply 1',
  ]);
});

test('room', async () => {
  const said = await run(room, 'room');
  expect(said[0]).toMatch(/^ann is here and (curious|quiet)$/);
  expect(said.slice(1)).toEqual(['ann says hello (that is me)', 'found 1 time', 'no: invalid a line has some text']);
});

test('transports', async () => {
  const said = await run(transports, 'counter');
  expect(said.map((s) => s.replace(/\d+/g, 'N'))).toEqual([
    'over sse event N',
    'over longpoll event N',
    'over websocket event N',
    'measured down, edge, roundTrip, state, up',
  ]);
});

test('the programs of the README are pieces of the examples', () => {
  const flat = (text: string) => text.replace(/\s+/g, ' ');
  const code = readdirSync('examples').map((name) => flat(readFileSync(`examples/${name}`, 'utf8')));
  const blocks = [...readFileSync('README.md', 'utf8').matchAll(/```ts\n(.*?)```/gs)];
  expect(blocks.length).toBeGreaterThan(0);
  for (const [, block = ''] of blocks) {
    // The pieces of a block are apart in the example where there is an empty line between them.
    for (const piece of block.trim().split('\n\n')) {
      expect(
        code.some((text) => text.includes(flat(piece.trim()))),
        piece,
      ).toBe(true);
    }
  }
});
