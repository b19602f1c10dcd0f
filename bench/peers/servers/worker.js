// A Worker with two Durable Objects, both with the WebSocket Hibernation API that the documentation recommends. A
// counter stores each increment in the object's SQLite; the output gate holds its answer back until that is
// durable. The echo needs no object and is the Worker's own.
import { DurableObject } from 'cloudflare:workers';

export default {
  async fetch(request, env) {
    if (request.headers.get('Upgrade') !== 'websocket') {
      return new Response('expected Upgrade: websocket', { status: 426 });
    }
    const [, role, object] = new URL(request.url).pathname.split('/');
    if (role === 'echo') {
      const { 0: client, 1: server } = new WebSocketPair();
      server.accept();
      server.addEventListener('message', (event) => server.send(event.data));
      return new Response(null, { status: 101, webSocket: client });
    }
    const objects = role === 'add' ? env.COUNTERS : env.ROOMS;
    return objects.get(objects.idFromName(object)).fetch(request);
  },
};

export class Room extends DurableObject {
  async fetch(request) {
    const { 0: client, 1: server } = new WebSocketPair();
    const [, role] = new URL(request.url).pathname.split('/');
    this.ctx.acceptWebSocket(server, [role]);
    return new Response(null, { status: 101, webSocket: client });
  }

  async webSocketMessage(ws, message) {
    for (const subscriber of this.ctx.getWebSockets('sub')) subscriber.send(message);
  }
}

export class Counter extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    this.sql.exec('CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)');
  }

  async fetch() {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  async webSocketMessage(ws, message) {
    const { id } = JSON.parse(message);
    const { n } = this.sql.exec('INSERT INTO counter VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = n + 1 RETURNING n').one();
    ws.send(JSON.stringify({ id, n }));
  }
}
