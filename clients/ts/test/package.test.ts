// The package as it is published, in an empty project.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, '..');
const tsc = path.join(root, 'node_modules/.bin/tsc');
let dir: string;
let files: string[];

beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'tutti-ts-package-'));
  const { stdout } = await run('npm', ['pack', '--json', '--silent', '--pack-destination', dir], { cwd: root });
  const packed = JSON.parse(stdout.slice(stdout.search(/^[[{]/m)));
  const [about] = Array.isArray(packed) ? packed : Object.values(packed);
  files = about.files.map((f: { path: string }) => f.path);
  await writeFile(path.join(dir, 'package.json'), '{"private": true, "type": "module"}');
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', path.join(dir, about.filename)], { cwd: dir });
}, 60_000);
afterAll(() => rm(dir, { recursive: true, force: true }));

test('it has what it says, and nothing else', () => {
  expect(files).toEqual(
    expect.arrayContaining(['dist/tutti.js', 'dist/react.js', 'dist/types/index.d.ts', 'dist/LICENSE', 'README.md']),
  );
  for (const file of files)
    expect(file).toMatch(/^(dist\/(LICENSE|(tutti|react)\.js(\.map)?|types\/[a-z]+\.d\.ts)|README\.md|package\.json)$/);
});

test('its module is below 12 KB, gzipped', async () => {
  const module = await readFile(path.join(dir, 'node_modules/@tutti-rt/client/dist/tutti.js'));
  expect(gzipSync(module, { level: 9 }).length).toBeLessThan(12_000);
});

test('JavaScript has it', async () => {
  const code = "import('@tutti-rt/client').then((m) => console.log(typeof m.open, new m.Rejected('no').code))";
  const { stdout } = await run(process.execPath, ['-e', code], { cwd: dir });
  expect(stdout.trim()).toBe('function no');
});

test.each([
  ['NodeNext', 'NodeNext'],
  ['ESNext', 'Bundler'],
])(
  'strict TypeScript knows it, with %s modules',
  async (module, moduleResolution) => {
    const file = path.join(dir, 'program.ts');
    await writeFile(
      file,
      `import { type Entity, open, Rejected } from '@tutti-rt/client';
interface Counter {
  state: { n: number };
  commands: { add: { data: { by: number }; reply: number } };
  events: { added: { by: number } };
}
const counter: Entity<Counter> = open<Counter>('http://h/v1/counter/1', {
  token: async (why: 'first' | 'expiring' | 'expired') => why,
  apply: { events: { added: (state, { by }) => ({ n: state.n + by }) } },
});
export async function main(): Promise<number> {
  const { reply } = await counter.send('add', { by: 1 }, { predict: (state) => ({ n: state.n + 1 }) });
  for await (const state of counter.state) if (state && state.n > 3) break;
  return reply;
}
// @ts-expect-error there is no such command
counter.send('sub', { by: 1 }).catch((error: unknown) => error instanceof Rejected);
// @ts-expect-error its data is something else
void counter.send('add', { by: '1' });
`,
    );
    const options = {
      module,
      moduleResolution,
      target: 'ES2022',
      lib: ['ES2022', 'DOM', 'DOM.AsyncIterable'],
      types: [],
    };
    const config = { compilerOptions: { ...options, strict: true, noEmit: true, exactOptionalPropertyTypes: true } };
    await writeFile(path.join(dir, 'tsconfig.json'), JSON.stringify({ ...config, files: ['program.ts'] }));
    const { stdout } = await run(tsc, ['-p', dir]).catch((error) => error);
    expect(stdout).toBe('');
  },
  60_000,
);
