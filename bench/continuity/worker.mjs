// Drives clients of the TypeScript package: one order a line from standard input, one report a line to standard output.
// node worker.mjs <path of the built package>
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const built = pathToFileURL(process.argv[2]).href;
const { open, Rejected } = await import(built);
// Node.js has a WebSocket since version 22.
const WebSocket = globalThis.WebSocket ?? createRequire(built)('ws');
const seats = new Map();

function report(c, told, rest) {
  process.stdout.write(`${JSON.stringify({ c, told, ...rest })}\n`);
}

function seat({ c, url, token, conn, transports, presence }) {
  const backoff = { min: 20, max: 1000 };
  const entity = open(url, { token, conn, transports, presence, WebSocket, backoff, pingEvery: 1000 });
  seats.set(c, entity);
  let ended = false;
  entity.updates.subscribe((u) => {
    if (u.type === 'state') report(c, 'state', { rev: u.rev, data: u.state });
    else {
      const { rev, name, data, at, by, cmd } = u.event;
      report(c, 'event', { rev, name, data, at, by, cmd });
    }
  });
  entity.status.subscribe(({ phase, error }) => {
    if (phase === 'closed' && !ended) {
      ended = true;
      report(c, 'closed', { why: error ? String(error) : undefined });
    }
  });
  entity.ready.then(
    () => report(c, 'member', { member: entity.member }),
    () => {}, // its status says so
  );
}

function failed(c, ref, error) {
  if (error instanceof Rejected) report(c, 'reject', { ref, code: error.code });
  else report(c, 'failed', { ref, why: String(error) });
}

const does = {
  open: seat,
  command({ c, ref, name, data, expect }) {
    seats
      .get(c)
      .send(name, data, { expect })
      .then(
        ({ id, rev, reply }) => report(c, 'ack', { ref, id, rev, data: reply }),
        (error) => failed(c, ref, error),
      );
  },
  query({ c, ref, name }) {
    seats
      .get(c)
      .query(name, null)
      .then(
        ({ rev, data }) => report(c, 'answer', { ref, rev, data }),
        (error) => failed(c, ref, error),
      );
  },
  signal({ c, name, data }) {
    seats.get(c).signal(name, data);
  },
  use({ c, transports }) {
    seats.get(c).use(...transports);
  },
  async end({ c, leave }) {
    const entity = seats.get(c);
    seats.delete(c);
    if (leave) await Promise.race([entity.leave(), new Promise((done) => setTimeout(done, 2000))]);
    entity.close();
    report(c, 'gone', {});
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  if (order.do === 'open' || seats.has(order.c)) does[order.do](order);
}
