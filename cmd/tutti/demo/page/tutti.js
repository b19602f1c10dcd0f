// A small client of the protocol (docs/protocol.md): one Connection is one client at one entity.
//
// It keeps the connection's identity across links, comes back with a cursor after a back-off with
// jitter, sends again what has had no answer, and honours what the server says when it ends a link.

const firstDelay = 250; // ms
const longestDelay = 8_000;
const steadyAfter = 5_000; // a link that lasted this long was no failure
const welcomeWithin = 10_000;
const pingEvery = 2_000;
const silentFor = 6_000; // after a ping: the link is dead
const window_ = 200; // commands and queries on their way; the server takes 256
const mostWaiting = 20_000; // beyond, send refuses
const mostBytes = 256 << 10; // of one WebSocket message
const idBlock = 100; // command ids reserved at a time
const refreshBefore = 30_000; // of a token's expiry

/** The states of a connection, from best to worst. */
export const states = ['live', 'recovering', 'connecting', 'away', 'ended'];

/** Refused says that a command changed nothing; its code is the protocol's or the application's. */
export class Refused extends Error {
  constructor(code, message) {
    super(message || code);
    this.code = code;
  }
}

export class Connection {
  member = ''; // the public face of this connection at the entity
  state = 'connecting';
  retryAt = 0; // Date.now() of the next attempt, while away
  ended = null; // {code, message} once the state is 'ended'
  rtt = NaN; // ms

  #options;
  #on;
  #link = null; // the present attempt or WebSocket
  #epoch = '';
  #rev = -1; // of the last event or state; -1: nothing came yet
  #waiting = new Map(); // id → what has had no answer, in the order of ids
  #inFlight = 0;
  #nextID;
  #reservedID = 0;
  #presence;
  #attempts = 0;
  #freshToken = false;
  #retryTimer = 0;

  /**
   * @param {object} options
   *   url: ws://host/v1/category/id; conn: the secret id of this connection;
   *   token(fresh): a promise of a JWT; presence: whether to hear who is here;
   *   storage: where command ids live on when the page is loaded again;
   *   on: functions change(), welcome(frame) of each link, snapshot(state, frame), event(frame),
   *       message(frame), presence(frame), latency({rtt, edge, state}), all optional. The event of
   *       an own command has frame.mine, the command's id.
   */
  constructor(options) {
    this.#options = options;
    this.#on = options.on ?? {};
    this.#nextID = Number(options.storage?.getItem(this.#idKey) ?? 1);
    this.#reservedID = this.#nextID;
    globalThis.addEventListener?.('online', () => this.retryNow());
    globalThis.addEventListener?.('offline', () => this.#ping());
    globalThis.document?.addEventListener('visibilitychange', () => this.#lookAgain());
  }

  get #idKey() {
    return `tutti.next.${this.#options.conn}`;
  }

  /** Revision of the last event or state that came. */
  get rev() {
    return Math.max(this.#rev, 0);
  }

  /** Number of commands and queries without an answer. */
  get unanswered() {
    return this.#waiting.size;
  }

  open() {
    if (!this.#link && this.state !== 'ended') this.#connect();
    return this;
  }

  /** leave ends the connection for good. */
  leave() {
    this.#write({ type: 'leave' });
    this.#flush(this.#link);
    this.#end('left', '');
  }

  /** retryNow does not wait for the back-off. */
  retryNow() {
    if (this.state !== 'away' || this.#link) return;
    this.#attempts = 0;
    this.#connect();
  }

  /**
   * send gives a command to the entity, now or once it can be reached, and exactly once.
   * done resolves to {rev, reply, trace, took} when the command is durable, after took ms, and
   * rejects with Refused.
   */
  send(name, data, { expect, trace } = {}) {
    return this.#ask({ type: 'command', name, data, expect, trace: trace || undefined });
  }

  /** query asks the entity; done resolves to {rev, data}. */
  query(name, data) {
    return this.#ask({ type: 'query', name, data });
  }

  /** signal tells the others something that is lost when it is missed. */
  signal(name, data) {
    if (this.state === 'live') this.#write({ type: 'signal', name, data });
  }

  /** show sets what others see of this connection, here and after every reconnect. */
  show(data) {
    this.#presence = data;
    if (this.#link?.welcomed) this.#write({ type: 'presence', data });
  }

  #ask(frame) {
    const { promise: done, resolve, reject } = withResolvers();
    done.catch(() => {}); // whoever cares waits for it as well
    if (this.state === 'ended' || this.#waiting.size >= mostWaiting) {
      reject(new Refused(this.state === 'ended' ? 'ended' : 'overloaded'));
      return { id: 0, done };
    }
    const id = this.#takeID();
    this.#waiting.set(id, { line: JSON.stringify({ ...frame, id }), isQuery: frame.type === 'query', sent: false, tried: false, resolve, reject });
    this.#sendWaiting();
    this.#on.change?.(this);
    return { id, done };
  }

  #takeID() {
    const id = this.#nextID++;
    if (id >= this.#reservedID) {
      this.#reservedID = id + idBlock;
      this.#options.storage?.setItem(this.#idKey, String(this.#reservedID));
    }
    return id;
  }

  #sendWaiting() {
    if (!this.#link?.welcomed) return;
    for (const w of this.#waiting.values()) {
      if (this.#inFlight >= window_) return;
      if (w.sent) continue;
      w.sent = w.tried = true;
      w.at = performance.now();
      this.#inFlight++;
      this.#writeLine(w.line);
    }
  }

  // Links.

  async #connect() {
    clearTimeout(this.#retryTimer);
    const link = { welcomed: false, since: 0, heard: 0, pinged: 0, lines: [], socket: null, terminate: null, timers: [] };
    this.#link = link;
    this.#changed(this.state === 'away' ? 'away' : 'connecting');
    try {
      link.token = await this.#options.token(this.#freshToken);
    } catch {
      return this.#lost(link);
    }
    if (this.#link !== link) return;
    const query = new URLSearchParams({ conn: this.#options.conn });
    if (this.#options.presence) query.set('presence', '1');
    if (this.#epoch) query.set('cursor', `${this.#epoch}:${this.#rev}`);
    const socket = new WebSocket(`${this.#options.url}?${query}`, ['tutti.v1', `bearer.${link.token}`]);
    link.socket = socket;
    link.hadCursor = this.#epoch !== '';
    link.timers.push(setTimeout(() => link.welcomed || this.#lost(link), welcomeWithin));
    socket.onclose = (e) => this.#lost(link, e.code);
    socket.onmessage = (e) => {
      if (this.#link !== link) return;
      link.heard = performance.now();
      for (const line of e.data.split('\n')) {
        if (line && this.#link === link) this.#take(link, JSON.parse(line));
      }
    };
  }

  // lost ends a link, whoever ended it, and decides when to come back.
  #lost(link, code = 0) {
    link.timers.forEach(clearTimeout);
    if (this.#link !== link) return;
    this.#link = null;
    this.#inFlight = 0;
    for (const w of this.#waiting.values()) w.sent = false;
    if (link.socket) {
      link.socket.onclose = link.socket.onmessage = null;
      link.socket.close();
    }
    const said = link.terminate;
    const expired = said?.code === 'token_expired' || code === 4401;
    if (said && !said.reconnect && !expired) return this.#end(said.code, said.message);
    if (!said && (code === 4403 || code === 4404 || code === 4409)) return this.#end(`closed ${code}`, '');
    this.#freshToken = expired || !link.welcomed; // a token that brought no welcome may be the reason
    this.#attempts = link.welcomed && performance.now() - link.since > steadyAfter ? 0 : this.#attempts + 1;
    const most = Math.min(longestDelay, firstDelay * 2 ** this.#attempts);
    const delay = Math.max(said?.after ?? 0, most / 2 + (Math.random() * most) / 2);
    this.retryAt = Date.now() + delay;
    this.#retryTimer = setTimeout(() => this.#connect(), delay);
    this.rtt = NaN;
    this.#changed('away');
  }

  #end(code, message) {
    const link = this.#link;
    this.#link = null;
    clearTimeout(this.#retryTimer);
    link?.timers.forEach(clearTimeout);
    link?.socket?.close();
    this.ended = { code, message };
    for (const w of this.#waiting.values()) w.reject(new Refused('ended', message));
    this.#waiting.clear();
    this.#changed('ended');
  }

  #changed(state) {
    this.state = state;
    this.#on.change?.(this);
  }

  // Frames from the server.

  #take(link, frame) {
    switch (frame.type) {
      case 'welcome':
        return this.#welcome(link, frame);
      case 'event':
        return this.#event(link, frame);
      case 'ack':
        return this.#settle(frame.id, (w) => w.resolve({ ...frame, took: performance.now() - w.at }));
      case 'answer':
        return this.#settle(frame.id, (w) => w.resolve(frame));
      case 'reject':
        return this.#settle(frame.id, (w) => w.reject(new Refused(frame.code, frame.message)));
      case 'message':
        return this.#on.message?.(frame);
      case 'presence':
        return this.#on.presence?.(frame);
      case 'status':
        return this.#changed(frame.state === 'recovering' ? 'recovering' : 'live');
      case 'pong':
        return this.#pong(link, frame);
      case 'terminate':
        link.terminate = frame;
    } // Frames of other types belong to later versions.
  }

  #welcome(link, frame) {
    const first = !link.welcomed;
    link.welcomed = true;
    this.member = frame.member;
    this.#epoch = frame.epoch;
    if (first) this.#on.welcome?.(frame);
    if (!frame.resumed) {
      this.#rev = frame.rev;
      this.#on.snapshot?.(frame.state, frame);
    }
    if (!first) return; // a fresh state in the stream, because this client was too far behind
    link.since = link.heard;
    this.#nextID = Math.max(this.#nextID, (frame.acked ?? 0) + 1);
    this.#freshToken = false;
    if (link.hadCursor && frame.known === false) this.#forget();
    this.#changed('live');
    if (this.#presence !== undefined) this.#write({ type: 'presence', data: this.#presence });
    this.#sendWaiting();
    this.#ping();
    link.timers.push(setInterval(() => this.#beat(link), pingEvery));
    this.#keepToken(link);
  }

  // forget gives up the commands whose fate the platform no longer knows.
  #forget() {
    for (const [id, w] of this.#waiting) {
      if (w.tried && !w.isQuery) {
        this.#waiting.delete(id);
        w.reject(new Refused('unknown', 'nobody knows any more whether this was done'));
      }
    }
  }

  #event(link, frame) {
    if (frame.rev <= this.#rev) return; // a duplicate
    if ((frame.prev ?? frame.rev - 1) > this.#rev) return this.#lost(link); // a gap: the cursor mends it
    this.#rev = frame.rev;
    if (frame.by === this.member && frame.cmd) frame.mine = frame.cmd;
    this.#on.event?.(frame);
  }

  #settle(id, how) {
    const w = this.#waiting.get(id);
    if (!w) return;
    this.#waiting.delete(id);
    if (w.sent) this.#inFlight--;
    how(w);
    this.#sendWaiting();
    this.#on.change?.(this);
  }

  // Heartbeat and latency.

  #ping() {
    const link = this.#link;
    if (!link?.welcomed || link.pinged) return;
    link.pinged = performance.now();
    this.#write({ type: 'ping', t: link.pinged });
  }

  #beat(link) {
    if (link.pinged && link.heard < link.pinged && performance.now() - link.pinged > silentFor) return this.#lost(link);
    this.#ping();
  }

  #pong(link, frame) {
    if (frame.t !== link.pinged) return;
    this.rtt = performance.now() - link.pinged;
    link.pinged = 0;
    this.#on.latency?.({ rtt: this.rtt, edge: frame.edge_us / 1000, state: frame.state_us / 1000 });
  }

  // Timers of hidden pages sleep: on coming back, find out at once how things are.
  #lookAgain() {
    if (document.hidden) return;
    if (this.#link) this.#beat(this.#link);
    else this.retryNow();
  }

  // keepToken brings a fresh token before the present one expires.
  #keepToken(link) {
    const left = expiry(link.token) - Date.now();
    if (!(left < 2 ** 31)) return; // never, or in weeks
    link.timers.push(
      setTimeout(async () => {
        try {
          link.token = await this.#options.token(true);
        } catch {
          return; // the server ends the link in time, and the next one asks again
        }
        if (this.#link !== link) return;
        this.#write({ type: 'auth', token: link.token });
        this.#keepToken(link);
      }, Math.max(left - refreshBefore, 1_000)),
    );
  }

  // Frames to the server: all that one task of the page writes goes out together.

  #write(frame) {
    this.#writeLine(JSON.stringify(frame));
  }

  #writeLine(line) {
    const link = this.#link;
    if (link?.socket?.readyState !== WebSocket.OPEN) return;
    if (link.lines.push(line) === 1) queueMicrotask(() => this.#flush(link));
  }

  #flush(link) {
    if (link?.socket?.readyState !== WebSocket.OPEN) return;
    let message = '';
    for (const line of link.lines.splice(0)) {
      if (message && message.length + line.length > mostBytes) {
        link.socket.send(message);
        message = '';
      }
      message += message ? `\n${line}` : line;
    }
    if (message) link.socket.send(message);
  }
}

// expiry returns when a JWT expires, in ms, NaN when it does not say.
function expiry(token) {
  try {
    return JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))).exp * 1000;
  } catch {
    return NaN;
  }
}

function withResolvers() {
  let resolve, reject;
  const promise = new Promise((a, b) => ([resolve, reject] = [a, b]));
  return { promise, resolve, reject };
}
