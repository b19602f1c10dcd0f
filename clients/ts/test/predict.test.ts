// The client against a model of the platform, under random commands, deliveries, conflations and broken links.
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Entity, open, type Rejected, Unknown } from '../src/index.ts';
import { Fake, type FakeSocket, type Frame, settled, welcome } from './fake.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

type Kind = 'one' | 'two' | 'none' | 'no';

interface List {
  state: string[];
  commands: { put: { data: { key: string; kind: Kind }; reply: undefined } };
  events: { put: { key: string } };
}

type Step =
  | { do: 'send'; kind: Kind }
  | { do: 'other' | 'conflate' }
  | { do: 'process' | 'deliver'; many: number }
  | { do: 'break'; fresh: boolean; forget: boolean };

const kinds = fc.constantFrom<Kind>('one', 'two', 'none', 'no');
const many = fc.integer({ min: 1, max: 5 });
const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('send' as const), kind: kinds }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('other' as const, 'conflate' as const) }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('process' as const, 'deliver' as const), many }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('break' as const), fresh: fc.boolean(), forget: fc.boolean() }),
    },
  ),
  { maxLength: 60 },
);

/** Platform is the model: one order of events, and what became of each command. */
class Platform {
  readonly log: Frame[] = [];
  readonly executed: string[] = [];
  outcomes = new Map<number, Frame>();
  acked = 0;
  epoch = 1;

  get state(): string[] {
    return this.log.map((e) => (e['data'] as { key: string }).key);
  }

  emit(key: string, more: Frame = {}): Frame {
    const event = { type: 'event', rev: this.log.length + 1, name: 'put', data: { key }, at: 1, ...more };
    this.log.push(event);
    return event;
  }

  /** take processes one command and returns what is said of it. */
  take(frame: Frame): Frame[] {
    const id = frame.id as number;
    const { key, kind } = frame['data'] as { key: string; kind: Kind };
    const before = this.outcomes.get(id);
    if (before) return [before];
    this.executed.push(key);
    const more = { by: 'me', cmd: id };
    const events =
      kind === 'one' ? [this.emit(key, more)] : kind === 'two' ? [this.emit(key, more), this.emit(key, more)] : [];
    const outcome = kind === 'no' ? { type: 'reject', id, code: 'no' } : { type: 'ack', id, rev: this.log.length };
    this.outcomes.set(id, outcome);
    this.acked = id;
    return [...events, outcome];
  }

  welcome(more: Frame = {}): Frame {
    const { acked, state } = this;
    return welcome({ epoch: `e${this.epoch}`, rev: this.log.length, acked, state, ...more });
  }
}

/** Run is one client at the model. */
class Run {
  readonly #fake = new Fake();
  readonly #platform = new Platform();
  readonly #pending = new Map<string, number>(); // keys whose prediction is to be seen → command id, 0 before it is sent
  readonly #outcomes = new Map<string, string>();
  readonly #list: Entity<List>;
  readonly #revs: number[] = [];
  #socket!: FakeSocket;
  #inbox: Frame[] = [];
  #outbox: Frame[] = [];
  #sent = 0;

  constructor() {
    this.#list = open<List>('http://h/v1/list/1', {
      token: 'any',
      WebSocket: this.#fake.WebSocket,
      transports: ['websocket'],
      apply: { events: { put: (state, { key }) => [...state, key] } },
    });
    this.#list.events.subscribe((e) => this.#revs.push(e.rev));
  }

  async run(all: Step[]): Promise<void> {
    try {
      this.#socket = await this.#fake.next();
      this.#socket.accept(this.#platform.welcome());
      for (const step of all) {
        await this.#step(step);
        await settled();
        this.#check();
      }
      for (let i = 0; i < 3; i++) {
        this.#process(1000);
        this.#deliver(1000);
        await settled();
      }
      this.#check();
      expect(this.#pending.size).toBe(0);
      expect(this.#list.state.value).toEqual(this.#platform.state);
      expect(this.#outcomes.size).toBe(this.#sent);
      const { executed } = this.#platform;
      expect(new Set(executed).size).toBe(executed.length);
      for (const [key, outcome] of this.#outcomes) if (outcome !== 'Unknown') expect(executed).toContain(key);
    } finally {
      this.#list.close();
    }
  }

  async #step(step: Step): Promise<void> {
    switch (step.do) {
      case 'send':
        return this.#send(step.kind);
      case 'other':
        return void this.#outbox.push(this.#platform.emit('other'));
      case 'conflate':
        this.#outbox = [
          this.#platform.welcome(),
          ...this.#outbox.filter((f) => f.type === 'ack' || f.type === 'reject'),
        ];
        return;
      case 'process':
        return this.#process(step.many);
      case 'deliver':
        return this.#deliver(step.many);
      case 'break':
        return this.#break(step.fresh || step.forget, step.forget);
    }
  }

  #send(kind: Kind): void {
    const key = `k${++this.#sent}`;
    this.#pending.set(key, 0);
    this.#list
      .send('put', { key, kind }, { predict: (state) => [...state, `${key}?`] })
      .then(
        () => 'ack',
        (error) => (error instanceof Unknown ? 'Unknown' : (error as Rejected).code),
      )
      .then((outcome) => {
        expect(this.#outcomes.has(key)).toBe(false);
        this.#outcomes.set(key, outcome);
        if (outcome !== 'Unknown') expect(outcome).toBe(kind === 'no' ? 'no' : 'ack');
      });
  }

  #read(): void {
    for (const frame of this.#socket.received()) {
      const { key } = frame['data'] as { key: string };
      if (this.#pending.has(key)) this.#pending.set(key, frame.id as number);
      this.#inbox.push(frame);
    }
  }

  #process(many: number): void {
    this.#read();
    for (const frame of this.#inbox.splice(0, many)) this.#outbox.push(...this.#platform.take(frame));
  }

  #deliver(many: number): void {
    this.#read();
    const frames = this.#outbox.splice(0, many);
    for (const frame of frames) this.#see(frame);
    if (frames.length > 0) this.#socket.say(...frames);
  }

  /** see takes predictions out of what is to be seen. */
  #see(frame: Frame): void {
    for (const [key, id] of this.#pending) {
      const gone =
        frame.type === 'welcome'
          ? !frame['resumed'] && id > 0 && id <= (frame['acked'] as number)
          : id > 0 && (frame.id === id || frame['cmd'] === id);
      if (gone) this.#pending.delete(key);
    }
  }

  async #break(fresh: boolean, forget: boolean): Promise<void> {
    this.#read();
    this.#socket.drop();
    this.#inbox = [];
    this.#socket = await this.#fake.next();
    const platform = this.#platform;
    if (forget) {
      platform.outcomes = new Map();
      for (const [key, id] of this.#pending) if (id > 0) this.#pending.delete(key);
    }
    const cursor = this.#socket.url.searchParams.get('cursor');
    const rev = Number(cursor?.split(':')[1] ?? 0);
    const first =
      fresh || !cursor
        ? platform.welcome({ known: !forget })
        : platform.welcome({ resumed: true, rev, state: undefined });
    this.#see(first);
    this.#socket.accept(first);
    this.#outbox = first['resumed'] ? platform.log.slice(rev) : [];
  }

  #check(): void {
    const confirmed = this.#platform.state.slice(0, this.#list.rev);
    expect(this.#list.confirmed.value).toEqual(confirmed);
    expect(this.#list.state.value).toEqual([...confirmed, ...[...this.#pending.keys()].map((key) => `${key}?`)]);
    for (let i = 1; i < this.#revs.length; i++) expect(this.#revs[i]).toBeGreaterThan(this.#revs[i - 1] as number);
  }
}

test('what is shown is what is confirmed and what is predicted of the rest, whatever happens', async () => {
  await fc.assert(
    fc.asyncProperty(steps, (all) => new Run().run(all)),
    { numRuns: 300 },
  );
});
