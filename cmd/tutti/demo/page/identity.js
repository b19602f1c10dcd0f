// Who this tab is. Two tabs are two users: everything lives in the tab's own storage.

const store = sessionStorage;

function random(bytes) {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (b) => b.toString(16).padStart(2, '0')).join('');
}

function kept(key, make) {
  let v = store.getItem(key);
  if (!v) store.setItem(key, (v = make()));
  return v;
}

const qualities = 'amber brave calm clever cosmic dapper eager fabled gentle golden honest jolly keen lively lucid merry nimble noble quiet rapid silver sunny swift velvet vivid witty'.split(' ');
const animals = 'badger beaver bison crane dingo falcon finch fox gecko heron ibex jackal koala lemur lynx marten narwhal ocelot otter panda puffin raven seal stoat tapir wombat'.split(' ');

function someName() {
  const [a, b] = crypto.getRandomValues(new Uint16Array(2));
  return `${qualities[a % qualities.length]}-${animals[b % animals.length]}`;
}

// A duplicated tab gets a copy of the original's storage. The original holds a lock on its identity,
// so a tab that cannot take the lock is a duplicate, and becomes somebody else.
async function ownStorage() {
  if (!navigator.locks) return; // only pages of a secure origin have locks
  const mine = (conn) =>
    new Promise((answer) => {
      navigator.locks.request(`tutti.${conn}`, { ifAvailable: true }, (lock) => {
        answer(lock !== null);
        return lock && new Promise(() => {}); // held until the tab is gone
      });
    });
  if (await mine(kept('tutti.conn', () => random(16)))) return;
  for (const key of Object.keys(store).filter((k) => k.startsWith('tutti.'))) store.removeItem(key);
  await mine(kept('tutti.conn', () => random(16)));
}

export async function identity() {
  await ownStorage();
  const me = {
    conn: kept('tutti.conn', () => random(16)), // a secret between this tab and the platform
    name: kept('tutti.name', someName),
    sub: () => store.getItem('tutti.sub') ?? me.name, // as the entities know this tab's user
    leaving: () => {}, // called before this tab becomes somebody else
    rename,
    token,
  };

  let asking = null;
  let token_ = store.getItem('tutti.token');

  async function ask() {
    const response = await fetch('/demo/token', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: me.name }),
    });
    if (!response.ok) throw new Error(`token: ${response.status}`);
    const got = await response.json();
    const before = store.getItem('tutti.sub');
    store.setItem('tutti.token', (token_ = got.token));
    store.setItem('tutti.sub', got.sub);
    if (before !== null && before !== got.sub) becomeSomebodyElse(); // a conn belongs to one sub
    return token_;
  }

  // token returns the tab's token, a new one where the present one is of no use any more.
  function token(fresh) {
    if (token_ && !fresh) return Promise.resolve(token_);
    asking ??= ask().finally(() => (asking = null));
    return asking;
  }

  function rename(name) {
    if (!name || name === me.name) return;
    store.setItem('tutti.name', name);
    store.removeItem('tutti.sub');
    store.removeItem('tutti.token');
    me.leaving();
    becomeSomebodyElse();
  }

  return me;
}

function becomeSomebodyElse() {
  store.removeItem('tutti.conn');
  location.reload();
}

// hue gives every name a color, the same on every screen.
export function hue(name) {
  let h = 2166136261;
  for (const c of name) h = Math.imul(h ^ c.charCodeAt(0), 16777619);
  return ((h >>> 0) % 24) * 15;
}
