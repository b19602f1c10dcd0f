// Python's websockets. What it needs of the node it asks for on its stdout.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import readline from 'node:readline';
import test from 'node:test';
import { Wire } from '../browser/server.mjs';
import { Node, token } from './node.mjs';

test('websockets', async () => {
  const node = await new Node().start();
  const wire = new Wire();
  const wired = await wire.open(node.port);
  const given = {
    direct: node.base.replace('http', 'ws'),
    wired: wired.replace('http', 'ws'),
    token: token('ann'),
    other: token('ben'),
    forged: token('ann', {}, 'another key, long enough to be one'),
    tickets: await Promise.all([1, 2, 3].map(() => node.ticket('ann'))),
  };
  const acts = {
    say: (room, text) => node.say(room, text),
    cut: () => wire.cut(),
    mend: () => wire.mend(),
    kill: () => node.again(),
  };
  const python = spawn('/usr/bin/python3', [path.join(import.meta.dirname, 'clients.py'), JSON.stringify(given)]);
  let said = '';
  python.stderr.on('data', (d) => (said += d));
  const ended = new Promise((resolve) => python.on('close', resolve));
  for await (const line of readline.createInterface({ input: python.stdout })) {
    const [act, ...args] = line.split(' ');
    await acts[act](...args);
    python.stdin.write('done\n');
  }
  const code = await ended;
  wire.close();
  await node.stop();
  assert.equal(code, 0, said);
  assert.match(said, /Ran 5 tests/);
});
