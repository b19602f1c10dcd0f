// The page: four entities, each with a connection of its own, side by side.

import { BoardPanel } from './board.js';
import { HopsPanel, format } from './hops.js';
import { identity } from './identity.js';
import { Members, PeoplePanel } from './people.js';
import { PadPanel } from './pad.js';
import { RoomPanel } from './room.js';
import { Connection, states } from './tutti.js';

const $ = (selector) => document.querySelector(selector);
const place = new URLSearchParams(location.search).get('room') || 'lobby';
const me = await identity();

const hops = new HopsPanel();
const board = new BoardPanel();
const room = new RoomPanel(me);
const pad = new PadPanel(notify);
const people = new PeoplePanel(me);

document.addEventListener('theme', () => board.recolor());

let noticeTimer = 0;

function notify(text) {
  $('#notice').textContent = text;
  $('#notice').classList.add('on');
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => $('#notice').classList.remove('on'), 5_000);
}

// The connections.

const links = [];
let coming = false; // a call of show

function join(category, panel, presence) {
  const own = panel.handlers;
  const members = new Members(() => {
    panel.forget?.();
    if (panel === room) people.show(members, link.member);
  });
  const link = new Connection({
    url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/v1/${category}/${encodeURIComponent(place)}`,
    conn: `${me.conn}-${category}`,
    token: me.token,
    storage: sessionStorage,
    presence,
    on: {
      ...own,
      welcome: () => members.welcome(),
      presence: (frame) => members.take(frame),
      latency: (l) => panel === board && hops.ping(l),
      change: () => {
        own.change?.();
        soon();
      },
    },
  });
  panel.link = link;
  panel.members = members;
  panel.trace = () => hops.wantsTrace() || undefined;
  panel.traced = (ack) => hops.trace(ack);
  links.push(link);
  return link;
}

const applause = {
  n: 0,
  get handlers() {
    return { snapshot: (s) => this.set(s.n), event: (f) => f.name === 'added' && this.set(this.n + f.data.by) };
  },
  set(n) {
    this.n = n;
    $('#applause-count').textContent = n.toLocaleString();
  },
};

join('board', board, true);
join('room', room, true);
join('pad', pad, true);
join('counter', applause, false);
for (const link of links) link.open();
me.leaving = () => links.forEach((l) => l.leave());

$('#applause').addEventListener('click', (e) => {
  applause.link.send('add', { by: 1 });
  e.currentTarget.classList.remove('clap');
  void e.currentTarget.offsetWidth;
  e.currentTarget.classList.add('clap');
});

// The state of the connection: the worst of the four.

const words = { live: 'Live', recovering: 'Recovering', connecting: 'Connecting', away: 'Away', ended: 'Ended' };

function soon() {
  if (coming) return;
  coming = true;
  requestAnimationFrame(show);
}

function show() {
  coming = false;
  const worst = links.reduce((a, b) => (states.indexOf(b.state) > states.indexOf(a.state) ? b : a));
  const waiting = links.reduce((n, l) => n + l.unanswered, 0) + (pad.pending ? 1 : 0);
  const pill = $('#link-state');
  if (pill.dataset.state !== worst.state) {
    pill.dataset.state = worst.state;
    $('#link-word').textContent = words[worst.state];
    if (worst.state === 'away') hops.away();
  }
  $('#link-ms').textContent = worst.state === 'live' ? format(board.link.rtt) : '';
  document.documentElement.dataset.link = worst.state;
  banner(worst, waiting);
}

function banner(worst, waiting) {
  const off = worst.state === 'away' || worst.state === 'ended' || worst.state === 'recovering';
  $('#banner').hidden = !off;
  if (!off) return;
  const kept = waiting > 0 ? `${waiting} ${waiting === 1 ? 'change is' : 'changes are'} kept and will be sent.` : 'What you do now is kept and will be sent.';
  if (worst.state === 'ended') {
    $('#banner-text').textContent = worst.ended.code === 'replaced' ? 'This tab was opened somewhere else.' : `The connection has ended: ${worst.ended.message || worst.ended.code}.`;
    $('#banner-button').textContent = 'Come back';
  } else if (worst.state === 'recovering') {
    $('#banner-text').textContent = `The entity is moving to another node. ${kept}`;
  } else {
    const s = Math.max(0, Math.ceil((worst.retryAt - Date.now()) / 1000));
    $('#banner-text').textContent = `Connection lost. ${s > 0 ? `Trying again in ${s} s.` : 'Trying again.'} ${kept}`;
    $('#banner-button').textContent = 'Try now';
  }
  $('#banner-button').hidden = worst.state === 'recovering';
}

$('#banner-button').addEventListener('click', () => {
  if (links.some((l) => l.state === 'ended')) location.reload();
  for (const l of links) l.retryNow();
});
setInterval(show, 1_000);

addEventListener('beforeunload', (e) => {
  if (pad.pending || links.some((l) => l.unanswered > 0)) e.preventDefault();
});

// The place, and on phones one panel at a time.

$('#place').textContent = place;
document.title = `${place} · Tutti`;
$('#share').addEventListener('click', async () => {
  const url = new URL(location.href);
  url.searchParams.set('room', place);
  try {
    await navigator.clipboard.writeText(url);
    notify('Link copied. Whoever opens it is here too.');
  } catch {
    notify(url.href);
  }
});

for (const tab of document.querySelectorAll('.tabs button')) {
  tab.addEventListener('click', () => choose(tab.dataset.panel));
}

function choose(panel) {
  document.body.dataset.panel = panel;
  for (const tab of document.querySelectorAll('.tabs button')) tab.setAttribute('aria-pressed', String(tab.dataset.panel === panel));
}

choose('board');
$('#link-state').addEventListener('click', () => {
  choose('hops');
  for (const l of links) l.retryNow();
});
