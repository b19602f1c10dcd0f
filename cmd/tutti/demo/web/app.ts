// The page: four entities, each with a connection of its own, side by side.
import { type Ack, type Entity, entityURL, open, type Options, Terminated, type Transport } from '@tutti-rt/client';
import { BoardPanel } from './board.ts';
import type { Categories } from './categories.ts';
import { type At, type Desk, find, type State, stateOf, states } from './desk.ts';
import { HopsPanel, format } from './hops.ts';
import { identity } from './identity.ts';
import { Ledger } from './ledger.ts';
import { Line } from './line.ts';
import { NodesPanel } from './nodes.ts';
import { PadPanel } from './pad.ts';
import { PeoplePanel } from './people.ts';
import { RoomPanel } from './room.ts';
import { Streams } from './streams.ts';

const cutFor = 6_000; // ms
const place = new URLSearchParams(location.search).get('room') || 'lobby';
const line = new Line();
const me = await identity(line.fetch);
const hops = new HopsPanel();
const ledger = new Ledger();

let noticeTimer = 0;

const desk: Desk = {
  follow<R>(sent: Promise<Ack<R>>) {
    ledger.follow(sent).then(({ trace }) => trace && hops.trace(trace), () => {}).finally(soon);
    soon();
    return sent;
  },
  wantsTrace: () => hops.wantsTrace(),
  notify(text) {
    const notice = find('#notice');
    notice.textContent = text;
    notice.classList.add('on');
    clearTimeout(noticeTimer);
    noticeTimer = setTimeout(() => notice.classList.remove('on'), 6_000);
  },
};

// The entities.

const entities: Entity<never>[] = [];

function join<K extends keyof Categories>(category: K, options: Partial<Options<Categories[K]>> = {}): At<K> {
  const entity = open<Categories[K]>(entityURL(location.origin, category, place), {
    token: me.token,
    storage: sessionStorage,
    fetch: line.fetch,
    WebSocket: line.WebSocket,
    backoff: { min: 250, max: 8_000 },
    queue: { commands: 20_000, bytes: 8 << 20 },
    pingEvery: 10_000,
    ...options,
  });
  ledger.watch(category, entity);
  entity.status.subscribe(soon);
  entities.push(entity as unknown as Entity<never>);
  return entity;
}

const boardEntity = join('board', { presence: true, pingEvery: 2_000 });
const roomEntity = join('room', { presence: true });
const padEntity = join('pad', { presence: true });
const counter = join('counter', {
  apply: { events: { added: (state, { by }) => ({ n: state.n + by }) } },
});
me.leaving = () => Promise.all(entities.map((e) => e.leave()));

const board = new BoardPanel(boardEntity, desk);
new RoomPanel(roomEntity, me, desk);
const pad = new PadPanel(padEntity, desk);
new PeoplePanel(roomEntity, me);
new NodesPanel(desk.notify);
document.addEventListener('theme', () => board.recolor());
boardEntity.latency.subscribe((latency) => latency && (hops.ping(latency), soon()));

counter.state.subscribe((state) => (find('#applause-count').textContent = (state?.n ?? 0).toLocaleString()));
find('#applause').addEventListener('click', (e) => {
  desk.follow(counter.send('add', { by: 1 }, { predict: ({ n }) => ({ n: n + 1 }) })).catch(() => {});
  const button = e.currentTarget as HTMLElement;
  button.classList.remove('clap');
  void button.offsetWidth;
  button.classList.add('clap');
});

// The line: which transport, and cut or not.

const names: Record<Transport, string> = { websocket: 'WebSocket', sse: 'SSE', longpoll: 'Long poll' };
const cutButton = find<HTMLButtonElement>('#cut');
let cutUntil = 0;

const choices = [...document.querySelectorAll<HTMLInputElement>('input[name=transport]')];
const isStream = (choice: string) => choice === 'sse' || choice === 'longpoll';

function useTransport(choice: string): void {
  sessionStorage.setItem('tutti.line', choice);
  if (isStream(choice)) streams.take();
  const list = choice in names ? [choice as Transport] : [];
  for (const e of entities) e.use(...list);
}

const streams = new Streams(() => {
  if (!choices.some((c) => c.checked && isStream(c.value))) return;
  for (const c of choices) c.checked = c.value === 'auto';
  useTransport('auto');
  whenSeen(() => desk.notify('Another tab of this browser has taken SSE or long polls: HTTP/1.1 has connections for one. This one went back to Auto.'));
});

function whenSeen(act: () => void): void {
  if (document.visibilityState === 'visible') act();
  else document.addEventListener('visibilitychange', () => whenSeen(act), { once: true });
}

for (const input of choices) {
  input.checked = input.value === (sessionStorage.getItem('tutti.line') ?? 'auto');
  if (input.checked && input.value !== 'auto') useTransport(input.value);
  input.addEventListener('change', () => useTransport(input.value));
}

cutButton.addEventListener('click', async () => {
  if (line.isCut) return;
  const before = { events: ledger.events };
  line.cut();
  cutUntil = Date.now() + cutFor;
  cutButton.disabled = true;
  for (let left = cutFor; left > 0; left = cutUntil - Date.now()) {
    find('#cut-word').textContent = `Cut for ${Math.ceil(left / 1000)} s more`;
    await new Promise((r) => setTimeout(r, Math.min(left, 250)));
  }
  const kept = ledger.waiting;
  line.mend();
  for (const e of entities) e.wake();
  cutButton.disabled = false;
  find('#cut-word').textContent = 'Cut the network for 6 s';
  await settled();
  const came = ledger.events - before.events;
  const yours = `${kept.toLocaleString()} ${kept === 1 ? 'change' : 'changes'} of yours kept and stored`;
  desk.notify(`Back after ${cutFor / 1000} s: ${yours}, ${came.toLocaleString()} ${came === 1 ? 'event' : 'events'} caught up, ${ledger.missing} missing.`);
});

/** settled waits until every entity is live and every command answered. */
async function settled(): Promise<void> {
  while (ledger.waiting > 0 || entities.some((e) => stateOf(e.status.value) !== 'live')) await new Promise((r) => setTimeout(r, 50));
}

// The state of the connection: the worst of the four.

const words: Record<State, string> = { live: 'Live', recovering: 'Recovering', connecting: 'Connecting', away: 'Away', ended: 'Ended' };
let coming = false; // a call of show

function soon(): void {
  if (coming) return;
  coming = true;
  requestAnimationFrame(show);
}

function show(): void {
  coming = false;
  const state = states.findLast((s) => entities.some((e) => stateOf(e.status.value) === s)) ?? 'connecting';
  const pill = find('#link-state');
  if (pill.dataset.state !== state) {
    pill.dataset.state = state;
    find('#link-word').textContent = words[state];
    if (state === 'away') hops.away();
  }
  const ms = (boardEntity.latency.value?.roundTrip ?? Number.NaN) / 1000;
  find('#link-ms').textContent = state === 'live' ? format(ms) : '';
  document.documentElement.dataset.link = state;
  ledger.away(state === 'away' || state === 'ended', line.isCut);
  const over = [...new Set(entities.map((e) => e.status.value.transport))].map((t) => (t ? names[t] : '–'));
  find('#over').textContent = state === 'live' ? `over ${over.join(', ')}` : '';
  banner(state);
}

function banner(state: State): void {
  const off = state === 'away' || state === 'ended' || state === 'recovering';
  find('#banner').hidden = !off;
  if (!off) return;
  const waiting = ledger.waiting + (pad.pending && padEntity.unanswered === 0 ? 1 : 0);
  const kept = waiting > 0 ? `${waiting.toLocaleString()} ${waiting === 1 ? 'change is' : 'changes are'} kept and will be sent.` : 'What you do now is kept and will be sent.';
  const [text, button] = find('#banner-text').parentElement ? [find('#banner-text'), find('#banner-button')] : [];
  if (!text || !button) return;
  if (state === 'ended') {
    const why = entities.find((e) => e.status.value.phase === 'closed')?.status.value.error;
    const replaced = why instanceof Terminated && why.code === 'replaced';
    text.textContent = replaced ? 'This tab was opened somewhere else.' : `The connection has ended: ${why?.message ?? 'it was closed'}.`;
    button.textContent = 'Come back';
  } else if (state === 'recovering') {
    text.textContent = `The entity is moving to another node. ${kept}`;
  } else if (line.isCut) {
    text.textContent = `The network is cut. ${kept}`;
  } else {
    const due = Math.max(...entities.map((e) => e.status.value.retryAt ?? 0));
    const s = Math.max(0, Math.ceil((due - Date.now()) / 1000));
    const crowded = entities.some((e) => isStream(e.status.value.transport ?? '')) ? 'Other tabs of this browser may hold its connections. ' : '';
    text.textContent = `Connection lost. ${s > 0 ? `Trying again in ${s} s.` : 'Trying again.'} ${crowded}${kept}`;
    button.textContent = 'Try now';
  }
  button.hidden = state === 'recovering' || line.isCut;
}

function wakeAll(): void {
  for (const e of entities) e.wake();
}

find('#banner-button').addEventListener('click', () => {
  if (entities.some((e) => e.status.value.phase === 'closed')) location.reload();
  wakeAll();
});
setInterval(show, 1_000);

addEventListener('beforeunload', (e) => {
  if (pad.pending || ledger.waiting > 0) e.preventDefault();
});

// The place, and on phones one panel at a time.

find('#place').textContent = place;
document.title = `${place} · Tutti`;
find('#share').addEventListener('click', async () => {
  const url = new URL(location.href);
  url.searchParams.set('room', place);
  try {
    await navigator.clipboard.writeText(url.href);
    desk.notify('Link copied. Whoever opens it is here too.');
  } catch {
    desk.notify(url.href);
  }
});

const tabs = document.querySelectorAll<HTMLElement>('.tabs button');

function choose(panel: string): void {
  document.body.dataset.panel = panel;
  for (const tab of tabs) tab.setAttribute('aria-pressed', String(tab.dataset.panel === panel));
}

for (const tab of tabs) tab.addEventListener('click', () => choose(tab.dataset.panel ?? 'board'));
choose('board');
find('#link-state').addEventListener('click', () => {
  choose('hops');
  wakeAll();
});
