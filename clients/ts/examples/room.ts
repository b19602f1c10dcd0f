// A room where people meet: presence, signals, queries and what can go wrong.
import { Closed, open, Rejected, Unknown } from '@tutti-rt/client';

interface Room {
  state: { lines: { who: string; text: string }[] };
  commands: { say: { data: { text: string }; reply: undefined } };
  events: { said: { who: string; text: string } };
  queries: { find: { data: { word: string }; answer: number } };
  signals: { typing: boolean };
  messages: { typing: boolean };
  presence: { mood: string };
  who: string;
}

export async function run(url: string, token: () => Promise<string>, log: (...what: unknown[]) => void): Promise<void> {
  const room = open<Room>(url, {
    token,
    presence: true,
    apply: { events: { said: (state, line) => ({ lines: [...state.lines, line] }) } },
  });

  room.presence({ mood: 'curious' });
  for await (const { count, list } of room.members) {
    if (count === 0) continue;
    for (const { who, data } of list.values()) log(who, 'is here and', data?.mood ?? 'quiet');
    break;
  }

  const line = room.events[Symbol.asyncIterator]();
  room.messages.subscribe((message) => log(message.by, 'is typing:', message.data));
  room.signal('typing', true);
  await room.send('say', { text: 'hello' });
  const { value: event } = await line.next();
  if (event?.name === 'said') log(event.data.who, 'says', event.data.text, event.mine ? '(that is me)' : '');

  const { data } = await room.query('find', { word: 'hello' });
  log('found', data, 'time');

  try {
    await room.send('say', { text: '' });
  } catch (error) {
    if (error instanceof Rejected) log('no:', error.code, error.message);
    else if (error instanceof Unknown) log('nobody knows whether it was said');
    else if (error instanceof Closed) log('it was never sent');
    else throw error;
  }

  await room.leave();
}
