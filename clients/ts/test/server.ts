// A real server in a process of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { inject } from 'vitest';
import { entityURL } from '../src/index.ts';

const secret = 'a secret of the tests, long enough to be taken';

/** token returns a JWT of the server's key. */
export function token(sub: string, claims: Record<string, unknown> = {}): string {
  const encode = (v: unknown) => Buffer.from(JSON.stringify(v)).toString('base64url');
  const iat = Math.floor(Date.now() / 1000);
  const head = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub, iat, exp: iat + 3600, ...claims })}`;
  return `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`;
}

/** Server is one data directory and the process that serves it. */
export class Server {
  #dir: string | undefined;
  #process: ChildProcess | undefined;
  #address = '127.0.0.1:0';
  readonly #flags: string[];

  constructor(...flags: string[]) {
    this.#flags = flags;
  }

  get origin(): string {
    return `http://${this.#address}`;
  }

  url(id: string): string {
    return entityURL(this.origin, 'desk', id);
  }

  /** start starts it, at the address that it had before. */
  async start(): Promise<this> {
    this.#dir ??= await mkdtemp(path.join(os.tmpdir(), 'tutti-ts-data-'));
    const args = [
      '--listen',
      this.#address,
      '--data',
      this.#dir,
      '--log-format',
      'json',
      '--drain-spread',
      '100ms',
      ...this.#flags,
    ];
    const child = spawn(inject('server'), args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, TUTTI_JWT_SECRET: secret },
    });
    this.#process = child;
    this.#address = await new Promise<string>((resolve, reject) => {
      let said = '';
      child.stderr?.on('data', (d) => {
        said = (said + d).slice(-100_000);
        const address = /"msg":"node serves","address":"([^"]+)"/.exec(said)?.[1];
        if (address) resolve(address);
      });
      child.once('exit', (code, signal) => reject(new Error(`the server ended with ${code ?? signal}: ${said}`)));
      child.once('error', reject);
    });
    return this;
  }

  /** kill ends the process as a crash does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    if (this.#dir) await rm(this.#dir, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const p = this.#process;
    if (!p || p.exitCode !== null || p.signalCode !== null) return;
    p.kill(signal);
    await once(p, 'exit');
  }
}
