// A server on uWebSockets.js with its publish and subscribe. maxBackpressure stays at its default of 64 KiB: past it a
// slow receiver misses messages. The automatic pings are the default too. It publishes once the handler has returned:
// from within, where the publisher's own socket is corked, more than 32 texts at once would be written one by one.
import { createRequire } from 'node:module';
import { counters } from './counters.js';

const uWS = createRequire(import.meta.url)('@trufflesuite/uws-js-unofficial');
if (!uWS.us_listen_socket_close || !uWS.getParts) throw new Error('uWebSockets.js: no binary for this Node.js');

const add = await counters();
const decoder = new TextDecoder();
const app = uWS.App();

app.ws('/:role/:object', {
  compression: uWS.DISABLED,
  idleTimeout: 32,
  upgrade: (res, req, context) => {
    res.upgrade({ role: req.getParameter(0), object: req.getParameter(1) }, req.getHeader('sec-websocket-key'),
      req.getHeader('sec-websocket-protocol'), req.getHeader('sec-websocket-extensions'), context);
  },
  open: (ws) => {
    const { role, object } = ws.getUserData();
    if (role === 'sub') ws.subscribe(object);
  },
  message: (ws, message, isBinary) => {
    const { role, object } = ws.getUserData();
    if (role === 'pub') {
      const text = message.slice(0);
      setImmediate(() => app.publish(object, text, isBinary));
    } else if (role === 'echo') {
      ws.send(message, isBinary);
    } else if (role === 'add') {
      const { id } = JSON.parse(decoder.decode(message));
      ws.send(JSON.stringify({ id, n: add(object) }));
    }
  },
}).listen('127.0.0.1', Number(process.env.PORT), (socket) => {
  if (!socket) process.exit(1);
});
