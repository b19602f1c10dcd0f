// A server on ws as its README shows it: broadcast to every open client, echo. It counts in memory, or
// with COUNTERS=FILE in SQLite: better-sqlite3 in WAL mode as its documentation recommends, with synchronous=FULL, so
// that an increment is answered once it is on the disk.
import WebSocket, { WebSocketServer } from 'ws';
import { counters } from './counters.js';

const add = await counters(process.env.COUNTERS);
const wss = new WebSocketServer({ host: '127.0.0.1', port: Number(process.env.PORT) });

wss.on('connection', (ws, request) => {
  const [, role, object] = request.url.split('/');
  ws.on('error', console.error);
  ws.role = role;
  if (role === 'pub') {
    ws.on('message', (data, isBinary) => {
      wss.clients.forEach((client) => {
        if (client.role === 'sub' && client.readyState === WebSocket.OPEN) {
          client.send(data, { binary: isBinary });
        }
      });
    });
  } else if (role === 'echo') {
    ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
  } else if (role === 'add') {
    ws.on('message', (data) => {
      const { id } = JSON.parse(data);
      ws.send(JSON.stringify({ id, n: add(object) }));
    });
  }
});
