// Who this tab is. Two tabs are two users: everything lives in the tab's own storage.

import type { Reason } from '@tutti-rt/client';

const store = sessionStorage;

function random(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (b) => b.toString(16).padStart(2, '0')).join('');
}

function kept(key: string, make: () => string): string {
  const before = store.getItem(key);
  if (before) return before;
  const v = make();
  store.setItem(key, v);
  return v;
}

const qualities = 'amber brave calm clever cosmic dapper eager fabled gentle golden honest jolly keen lively lucid merry nimble noble quiet rapid silver sunny swift velvet vivid witty'.split(' ');
const animals = 'badger beaver bison crane dingo falcon finch fox gecko heron ibex jackal koala lemur lynx marten narwhal ocelot otter panda puffin raven seal stoat tapir wombat'.split(' ');

function someName(): string {
  const [a = 0, b = 0] = crypto.getRandomValues(new Uint16Array(2));
  return `${qualities[a % qualities.length]}-${animals[b % animals.length]}`;
}

// A duplicated tab gets a copy of the original's storage. The original holds a lock on its identity,
// so a tab that cannot take the lock is a duplicate, and becomes somebody else.
async function ownStorage(): Promise<void> {
  if (!navigator.locks) return; // only pages of a secure origin have locks
  const mine = (tab: string) =>
    new Promise<boolean>((answer) => {
      void navigator.locks.request(`tutti.${tab}`, { ifAvailable: true }, (lock) => {
        answer(lock !== null);
        return lock ? new Promise(() => {}) : undefined; // held until the tab is gone
      });
    });
  if (await mine(kept('tutti.tab', () => random(16)))) return;
  for (const key of Object.keys(store).filter((k) => k.startsWith('tutti.'))) store.removeItem(key);
  await mine(kept('tutti.tab', () => random(16)));
}

/** Me is the user of this tab. */
export interface Me {
  readonly name: string;
  /** As the entities know this tab's user. */
  sub(): string;
  /** Called before this tab becomes somebody else. */
  leaving: () => Promise<unknown>;
  rename(name: string): Promise<void>;
  token(reason: Reason): Promise<string>;
}

export async function identity(wire: typeof fetch): Promise<Me> {
  await ownStorage();
  const me: Me = {
    name: kept('tutti.name', someName),
    sub: () => store.getItem('tutti.sub') ?? me.name,
    leaving: async () => {},
    rename,
    token,
  };

  let asking: Promise<string> | null = null;
  let held = store.getItem('tutti.token');

  async function ask(): Promise<string> {
    const response = await wire('/demo/token', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: me.name }),
    });
    if (!response.ok) throw new Error(`token: ${response.status}`);
    const got: { token: string; sub: string } = await response.json();
    const before = store.getItem('tutti.sub');
    store.setItem('tutti.token', (held = got.token));
    store.setItem('tutti.sub', got.sub);
    if (before !== null && before !== got.sub) becomeSomebodyElse(); // a conn belongs to one sub
    return got.token;
  }

  // token returns the tab's token, a new one where the present one is of no use any more.
  function token(reason: Reason): Promise<string> {
    if (held && reason === 'first') return Promise.resolve(held);
    asking ??= ask().finally(() => (asking = null));
    return asking;
  }

  async function rename(name: string): Promise<void> {
    if (!name || name === me.name) return;
    store.setItem('tutti.name', name);
    store.removeItem('tutti.sub');
    store.removeItem('tutti.token');
    await me.leaving();
    becomeSomebodyElse();
  }

  return me;
}

function becomeSomebodyElse(): void {
  for (const key of Object.keys(store)) if (key.startsWith('tutti.conn.')) store.removeItem(key);
  location.reload();
}

// hue gives every name a color, the same on every screen.
export function hue(name: string): number {
  let h = 2166136261;
  for (const c of name) h = Math.imul(h ^ c.charCodeAt(0), 16777619);
  return ((h >>> 0) % 24) * 15;
}
