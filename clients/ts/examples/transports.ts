// A connection that changes its transport while it is used.
import { open, type Transport } from '@tutti-rt/client';

export async function run(url: string, token: () => Promise<string>, log: (...what: unknown[]) => void): Promise<void> {
  const counter = open(url, { token, pingEvery: 1000 });
  await counter.ready;

  const transports: Transport[] = ['sse', 'longpoll', 'websocket'];
  for (const transport of transports) {
    counter.use(transport);
    for await (const { phase, transport: now } of counter.status) if (phase === 'online' && now === transport) break;
    const { rev } = await counter.send('add', { by: 1 });
    log('over', transport, 'event', rev);
  }
  counter.use(); // whatever is best

  for await (const latency of counter.latency) {
    if (!latency) continue;
    log('measured', Object.keys(latency).sort().join(', '));
    break;
  }
  counter.close();
}
