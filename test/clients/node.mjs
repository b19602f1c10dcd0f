// A node in a process of its own, tokens for it, and a client that only asks and tells.
import { execFile, spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const root = path.resolve(import.meta.dirname, '../..');
const secret = 'a secret of the tests, long enough to be taken';
export const operator = 'a token of the operator, as long as it has to be';

/** token returns a JWT of the node's key. */
export function token(sub, claims = {}, key = secret) {
  const encode = (v) => Buffer.from(JSON.stringify(v)).toString('base64url');
  const iat = Math.floor(Date.now() / 1000);
  const head = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub, iat, exp: iat + 3600, ...claims })}`;
  return `${head}.${createHmac('sha256', key).update(head).digest('base64url')}`;
}

export const bearer = (t) => ({ authorization: `Bearer ${t}` });
export const conn = () => randomUUID();
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Node is one data directory and the process that serves it. */
export class Node {
  #dir;
  #process;
  #address = '127.0.0.1:0';
  #said = '';
  #flags;
  admin;

  constructor(...flags) {
    this.#flags = flags;
  }

  get base() {
    return `http://${this.#address}`;
  }

  get port() {
    return Number(this.#address.split(':')[1]);
  }

  /** log is what the process has said last. */
  get log() {
    return this.#said;
  }

  /** start starts it, at the address that it had before. */
  async start() {
    this.#dir ??= await mkdtemp(path.join(os.tmpdir(), 'tutti-clients-'));
    const binary = process.env.TUTTI_APP ?? path.join(this.#dir, 'app');
    await stat(binary).catch(() => promisify(execFile)('go', ['build', '-o', binary, './test/clients/app'], { cwd: root }));
    const flags = ['--listen', this.#address, '--admin', '127.0.0.1:0', '--data', path.join(this.#dir, 'data'), '--log-format', 'json'];
    flags.push('--log-level', 'debug', '--drain-spread', '200ms', '--online-claim', 'role=staff', ...this.#flags);
    const env = { ...process.env, TUTTI_JWT_SECRET: secret, TUTTI_ADMIN_TOKEN: operator };
    this.#process = spawn(binary, flags, { stdio: ['ignore', 'ignore', 'pipe'], env });
    this.#said = '';
    this.#address = await new Promise((resolve, reject) => {
      this.#process.stderr.setEncoding('utf8').on('data', (d) => {
        this.#said = (this.#said + d).slice(-4_000_000);
        const admin = this.#said.match(/"msg":"operator's listener is open","address":"([^"]+)"/)?.[1];
        const address = this.#said.match(/"msg":"node serves","address":"([^"]+)"/)?.[1];
        if (admin) this.admin = `http://${admin}`;
        if (address && admin) resolve(address);
      });
      this.#process.once('exit', (code, signal) => reject(new Error(`the node ended with ${code ?? signal}: ${this.#said}`)));
      this.#process.once('error', reject);
    });
    return this;
  }

  /** again ends the process as a crash does, and starts it. */
  async again() {
    await this.#end('SIGKILL');
    await this.start();
  }

  /** drain ends the process as an operator does. */
  drain() {
    return this.#end('SIGTERM');
  }

  /** stop ends the process; what clients did must be no error of the node's. */
  async stop() {
    await this.drain();
    if (this.#dir) await rm(this.#dir, { recursive: true, force: true });
    const errors = this.#said.split('\n').filter((l) => l.includes('"level":"ERROR"') || /^(panic|fatal error|goroutine \d)/.test(l));
    if (errors.length) throw new Error(`the node complained:\n${errors.join('\n')}`);
  }

  async #end(signal) {
    const p = this.#process;
    if (!p || p.exitCode !== null || p.signalCode !== null) return;
    p.kill(signal);
    await once(p, 'exit');
  }

  /** bytes is the memory that the process has, where the system tells. */
  async bytes() {
    const status = await readFile(`/proc/${this.#process.pid}/status`, 'utf8').catch(() => '');
    return Number(status.match(/VmRSS:\s+(\d+) kB/)?.[1] ?? 0) * 1024;
  }

  room(id, query = {}) {
    const q = new URLSearchParams(query).toString();
    return `${this.base}/v1/room/${id}${q && `?${q}`}`;
  }

  async #post(path, who, body) {
    const answer = await fetch(`${this.base}${path}`, { method: 'POST', headers: bearer(token(who)), body });
    if (answer.status !== 200) throw new Error(`POST ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** say has somebody say each of texts, one after the other. */
  async say(id, ...texts) {
    for (const text of texts) await this.#post(`/v1/room/${id}/commands`, 'teller', JSON.stringify({ name: 'say', data: { text } }));
  }

  /** aside causes an event that clients do not see. */
  aside(id) {
    return this.#post(`/v1/room/${id}/commands`, 'teller', '{"name":"aside"}');
  }

  async ticket(who, claims) {
    const answer = await fetch(`${this.base}/v1/tickets`, { method: 'POST', headers: bearer(token(who, claims)) });
    return (await answer.json()).ticket;
  }

  terminate(body) {
    return fetch(`${this.admin}/admin/v1/terminate`, { method: 'POST', headers: bearer(operator), body: JSON.stringify(body) });
  }
}
