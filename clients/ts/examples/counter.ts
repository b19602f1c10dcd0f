// A counter that many add to: state, events, commands and predictions.
import { open } from '@tutti-rt/client';

interface Counter {
  state: { n: number };
  commands: { add: { data: { by: number }; reply: number } };
  events: { added: { by: number } };
}

export async function run(url: string, token: () => Promise<string>, log: (...what: unknown[]) => void): Promise<void> {
  const counter = open<Counter>(url, {
    token,
    apply: { events: { added: (state, { by }) => ({ n: state.n + by }) } },
  });
  await counter.ready;

  counter.state.subscribe((state) => log('there are', state?.n));
  const sent = counter.send('add', { by: 1 }, { predict: (state) => ({ n: state.n + 1 }) });
  log('predicted', counter.state.value, 'confirmed', counter.confirmed.value);
  const { rev, reply } = await sent;
  log('durable as event', rev, 'with reply', reply);

  counter.close();
}
