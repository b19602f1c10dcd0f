// Builds the server that the tests talk to, once.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    server: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'tutti-ts-'));
  const binary = path.join(dir, 'testserver');
  await promisify(execFile)('go', ['build', '-o', binary, './testserver'], {
    cwd: path.resolve(import.meta.dirname, '..'),
  });
  project.provide('server', binary);
  return () => rm(dir, { recursive: true, force: true });
}
