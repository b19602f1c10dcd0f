/** Checks is what a Pulse does with its link. */
export interface Checks {
  ping(): void;
  dead(): void;
}

const soon = 5_000; // ms within which a link answers that is in doubt
const welcomeWithin = 30_000; // ms from the first sign of life to the welcome

/**
 * Pulse notices when a link has gone without a word. It pings every few seconds while somebody looks at the page,
 * else once a heartbeat; what is not answered within another heartbeat or so is dead.
 */
export class Pulse {
  readonly #checks: Checks;
  readonly #every: number;
  readonly #beats: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #heartbeat = 0; // ms; 0 before the welcome
  #asked: (() => number) | undefined; // since a ping went out after which nothing was heard
  #opened = false;
  #visible = visible();

  /**
   * Until something is heard the link has patience ms, then some more until the welcome. A ping is answered within so
   * many beats.
   */
  constructor(patience: number, every: number, beats: number, checks: Checks) {
    this.#checks = checks;
    this.#every = every;
    this.#beats = beats;
    this.#timer = setTimeout(() => checks.dead(), patience);
  }

  heard(): void {
    this.#asked = undefined;
    if (this.#opened || this.#heartbeat) return;
    this.#opened = true;
    this.#set(() => this.#checks.dead(), welcomeWithin);
  }

  welcome(heartbeat: number): void {
    this.#heartbeat = Math.max(heartbeat, 1000);
    this.#ping();
  }

  look(visible: boolean): void {
    this.#visible = visible;
  }

  /** check asks for a sign of life at once. */
  check(): void {
    if (!this.#heartbeat) return;
    this.#asked = undefined;
    this.#ping();
    this.#set(() => this.#beat(soon), soon);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #set(fn: () => void, ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(fn, ms);
  }

  #ping(): void {
    this.#asked ??= stopwatch();
    this.#checks.ping();
    const next = this.#visible && this.#every > 0 ? Math.min(this.#every, this.#heartbeat) : this.#heartbeat;
    this.#set(() => this.#beat(this.#beats * this.#heartbeat), next);
  }

  #beat(patience: number): void {
    const left = patience - (this.#asked?.() ?? 0);
    if (!this.#asked) this.#ping();
    else if (left <= 0) this.#checks.dead();
    else this.#set(() => this.#beat(patience), left);
  }
}

/**
 * stopwatch returns what tells how many ms have passed: the clock may be set back meanwhile, and the timer stand still
 * while the machine sleeps, so that the longer of both counts.
 */
export function stopwatch(): () => number {
  const date = Date.now();
  const time = performance.now();
  return () => Math.max(Date.now() - date, performance.now() - time);
}

/** visible says whether somebody may look at the page; programs without a page always. */
export function visible(): boolean {
  return globalThis.document?.visibilityState !== 'hidden';
}
