// What the panels have in common.
import type { Ack, Entity, Status } from '@tutti-rt/client';
import type { Categories } from './categories.ts';

/** At is an entity of one of the demo's categories. */
export type At<K extends keyof Categories> = Entity<Categories[K]>;

/** Desk is what a panel needs beside its entity. */
export interface Desk {
  /** follow keeps account of a command until it is answered. */
  follow<R>(sent: Promise<Ack<R>>): Promise<Ack<R>>;
  /** wantsTrace says whether the next command shall tell where its time goes. */
  wantsTrace(): boolean;
  notify(text: string): void;
}

/** The states of a link, from best to worst. */
export const states = ['live', 'recovering', 'connecting', 'away', 'ended'] as const;
export type State = (typeof states)[number];

/** stateOf puts into one word how a connection is. */
export function stateOf({ phase, recovering, error }: Status): State {
  switch (phase) {
    case 'online':
      return recovering ? 'recovering' : 'live';
    case 'connecting':
      return error ? 'away' : 'connecting'; // again, or for the first time
    case 'waiting':
      return 'away';
    case 'closed':
      return 'ended';
  }
}

/** find returns an element that the page has. */
export function find<E extends Element = HTMLElement>(selector: string): E {
  const e = document.querySelector<E>(selector);
  if (!e) throw new Error(`the page has no ${selector}`);
  return e;
}
