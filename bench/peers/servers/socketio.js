// A server on Socket.IO: rooms for the broadcast, acknowledgements for answers, and what its pages on performance and
// memory advise: the native part of ws (bufferutil, which it finds by itself), no reference kept to the first
// request.
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { counters } from './counters.js';

const add = await counters();
const http = createServer();
const io = new Server(http, { serveClient: false });

io.engine.on('connection', (raw) => { raw.request = null; });

io.on('connection', (socket) => {
  const { role, object } = socket.handshake.auth;
  if (role === 'sub') socket.join(object);
  socket.on('publish', (text) => io.to(object).emit('message', text));
  socket.on('echo', (text) => socket.emit('echo', text));
  socket.on('add', (id, answer) => answer({ id, n: add(object) }));
});

http.listen(Number(process.env.PORT), '127.0.0.1');
