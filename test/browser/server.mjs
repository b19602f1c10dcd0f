// The demo in a process of its own, and a wire to it that can be cut.
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { once } from 'node:events';
import { promisify } from 'node:util';

const root = path.resolve(import.meta.dirname, '../..');

/** Demo is one data directory and the process that serves it. */
export class Demo {
  #dir;
  #binary = process.env.TUTTI_BIN;
  #process;
  #address = '127.0.0.1:0';

  async start() {
    this.#dir ??= await mkdtemp(path.join(os.tmpdir(), 'tutti-browser-'));
    if (!this.#binary) {
      this.#binary = path.join(this.#dir, 'tutti');
      await promisify(execFile)('go', ['build', '-o', this.#binary, './cmd/tutti'], { cwd: root });
    }
    const secret = path.join(this.#dir, 'secret');
    await writeFile(secret, 'a secret of the tests, long enough to be taken');
    const args = ['demo', '--listen', this.#address, '--data', path.join(this.#dir, 'data'), '--jwt-secret-file', secret];
    this.#process = spawn(this.#binary, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const url = await this.#greeting();
    this.#address = new URL(url).host;
    return url;
  }

  get port() {
    return Number(this.#address.split(':')[1]);
  }

  #greeting() {
    return new Promise((resolve, reject) => {
      let said = '';
      this.#process.stdout.on('data', (d) => {
        said += d;
        const url = said.match(/http:\/\/\S+/)?.[0];
        if (url) resolve(url);
      });
      this.#process.once('exit', (code, signal) => reject(new Error(`the demo ended with ${code ?? signal}: ${said}`)));
      this.#process.once('error', reject);
    });
  }

  /** kill ends the process as a crash does. */
  async kill() {
    await this.#end('SIGKILL');
  }

  async stop() {
    await this.#end('SIGTERM');
    if (this.#dir) await rm(this.#dir, { recursive: true, force: true });
  }

  async #end(signal) {
    const p = this.#process;
    if (!p || p.exitCode !== null || p.signalCode !== null) return;
    p.kill(signal);
    await once(p, 'exit');
  }
}

/** Wire is a TCP proxy to a port of this machine. */
export class Wire {
  #server;
  #pairs = new Set();
  #whole = true;

  async open(port) {
    this.#server = net.createServer((near) => {
      if (!this.#whole) return near.destroy();
      const far = net.connect(port, '127.0.0.1');
      const pair = { near, far };
      this.#pairs.add(pair);
      for (const [a, b] of [[near, far], [far, near]]) {
        a.pipe(b);
        a.on('error', () => b.destroy());
        a.on('close', () => {
          b.destroy();
          this.#pairs.delete(pair);
        });
      }
    });
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** cut breaks what there is and refuses what comes, until mend. */
  cut() {
    this.#whole = false;
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  mend() {
    this.#whole = true;
  }

  /** deafen keeps what the server says from arriving; what clients say goes on to the server. */
  deafen() {
    for (const { near, far } of this.#pairs) far.unpipe(near).pause();
  }

  close() {
    this.cut();
    this.#server.close();
  }
}
