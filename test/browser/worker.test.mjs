// The client in a worker of the browser, where there is no page.
import assert from 'node:assert/strict';
import net from 'node:net';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { build } from 'esbuild';
import { launch } from './browser.mjs';
import { Demo } from './server.mjs';

let browser, code, front;
const demo = new Demo();

before(async () => {
  const contents = `
    import { open } from './src/index.ts';
    onmessage = async ({ data: { url, token } }) => {
      const said = [];
      for (const transport of ['websocket', 'sse', 'longpoll']) {
        const room = open(url, { token, transports: [transport] });
        const seen = [];
        room.events.subscribe((event) => seen.push(event.data.text));
        await room.send('say', { text: transport });
        said.push([room.status.value.transport, seen.join()]);
        await room.leave();
      }
      postMessage(said);
    };`;
  const stdin = { contents, resolveDir: path.resolve(import.meta.dirname, '../../clients/ts') };
  const built = build({ stdin, bundle: true, format: 'iife', target: 'es2022', write: false });
  [{ outputFiles: [{ text: code }] }, browser] = await Promise.all([built, launch(), demo.start()]);
});

after(async () => {
  front?.close();
  await browser?.close();
  await demo.stop();
});

/** beside serves a page that may have workers, and leaves everything else to the node behind: one origin for all. */
function beside(port, files) {
  const server = net.createServer((near) => {
    near.on('error', () => near.destroy());
    near.once('data', (first) => {
      const [type, body] = files[first.toString('latin1').split(' ')[1]] ?? [];
      if (type) return near.end(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nConnection: close\r\n\r\n${body}`);
      const far = net.connect(port, '127.0.0.1');
      far.on('error', () => near.destroy()).on('close', () => near.destroy());
      near.on('close', () => far.destroy());
      far.write(first);
      near.pipe(far).pipe(near);
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

test('a worker sends and hears over each transport', async () => {
  const page = await browser.newPage();
  front = await beside(demo.port, { '/worker.html': ['text/html', '<!doctype html>'] });
  const origin = `http://127.0.0.1:${front.address().port}`;
  await page.goto(`${origin}/worker.html`);
  const said = await page.evaluate(async ({ code, url }) => {
    const body = JSON.stringify({ name: 'worker' });
    const { token } = await (await fetch('/demo/token', { method: 'POST', headers: { 'content-type': 'application/json' }, body })).json();
    return new Promise((resolve, reject) => {
      const worker = new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
      worker.onerror = (e) => reject(new Error(e.message));
      worker.onmessage = ({ data }) => resolve(data);
      worker.postMessage({ url, token });
    });
  }, { code, url: `${origin}/v1/room/worker` });
  assert.deepEqual(said, [['websocket', 'websocket'], ['sse', 'sse'], ['longpoll', 'longpoll']]);
});
