// The TypeScript of the repository's Go side, as the compiler takes it.
import { execFile } from 'node:child_process';
import path from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';

const here = import.meta.dirname;

async function check(project) {
  const tsc = path.join(here, 'node_modules/typescript/bin/tsc');
  try {
    await promisify(execFile)(process.execPath, [tsc, '-p', path.resolve(here, '../..', project)]);
  } catch (e) {
    throw new Error(`tsc: ${e.stdout || e.message}`);
  }
}

test('generated types take what they should and refuse what they should not', () => check('internal/typescript/testdata'));
test('the page is what its types say', () => check('cmd/tutti/demo/web'));
