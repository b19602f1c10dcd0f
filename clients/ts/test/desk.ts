// The category of the test server, as types and reducers.
import { WebSocket } from 'ws';
import { type Apply, type Entity, type Observable, type Options, open } from '../src/index.ts';
import { token } from './server.ts';

export interface Desk {
  state: { sum: number; events: number };
  commands: {
    add: { data: { by: number }; reply: number };
    split: { data: { by: number }; reply: undefined };
    hide: { data: undefined; reply: undefined };
    look: { data: undefined; reply: number };
    slow: { data: { ms: number }; reply: undefined };
    fail: { data: undefined; reply: undefined };
    shout: { data: { text: string }; reply: undefined };
  };
  events: { added: { by: number }; hidden: Record<string, never> };
  queries: { sum: { data: undefined; answer: number } };
  signals: { typing: boolean };
  messages: { typing: boolean; shouted: { text: string } };
  presence: { color: string };
  who: string;
}

export const apply: Apply<Desk> = {
  events: {
    added: (state, { by }) => ({ sum: state.sum + by, events: state.events + 1 }),
    hidden: (state) => state,
  },
};

/** openDesk opens a desk with the WebSocket of the ws package. */
export function openDesk(url: string, options: Partial<Options<Desk>> = {}): Entity<Desk> {
  return open<Desk>(url, { token: token('ann'), apply, WebSocket, ...options });
}

/** until returns the first value that is as wanted. */
export async function until<T>(observable: Observable<T>, wanted: (value: T) => boolean): Promise<T> {
  for await (const value of observable) if (wanted(value)) return value;
  throw new Error('it ended first');
}
