// The types that gen ts writes, as the compiler takes them.
import { execFile } from 'node:child_process';
import path from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';

const here = import.meta.dirname;

test('generated types take what they should and refuse what they should not', async () => {
  const project = path.resolve(here, '../../internal/typescript/testdata');
  const tsc = path.join(here, 'node_modules/typescript/bin/tsc');
  try {
    await promisify(execFile)(process.execPath, [tsc, '-p', project]);
  } catch (e) {
    throw new Error(`tsc: ${e.stdout || e.message}`);
  }
});
