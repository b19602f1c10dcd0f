// The account of what this tab sent and what came: it shows whether anything is lost.
import { type Ack, type Entity, Unknown } from '@tutti-rt/client';
import { find } from './desk.ts';
import { Tape } from './tape.ts';

/** Row is the account of one entity's events. */
interface Row {
  rev: number; // of the last state or event; -1 before
  events: number;
  missing: number; // revisions that were left out
  states: number; // that came in place of events
}

/**
 * Ledger counts every command until it is answered, and checks the revisions of all events for itself: they rise by
 * one, or a fresh state says where they go on.
 */
export class Ledger {
  readonly #rows = new Map<string, Row>();
  readonly #tape = new Tape(find<HTMLCanvasElement>('#tape'));
  readonly #shown = Object.fromEntries(
    ['sent', 'stored', 'refused', 'waiting', 'events', 'missing', 'revs'].map((k) => [k, find(`#ledger-${k}`)]),
  );
  readonly #card = find('#ledger');
  #sent = 0;
  #stored = 0;
  #refused = 0;
  #drawing = false;

  constructor() {
    setInterval(() => this.#tape.tick(this.waiting), Tape.every);
  }

  /** waiting returns how many commands have had no answer. */
  get waiting(): number {
    return this.#sent - this.#stored - this.#refused;
  }

  /** events returns how many have come, and missing how many should have. */
  get events(): number {
    return this.#sum('events');
  }

  get missing(): number {
    return this.#sum('missing');
  }

  /** follow keeps account of a command. */
  follow<R>(sent: Promise<Ack<R>>): Promise<Ack<R>> {
    this.#sent++;
    this.#tape.sent++;
    this.#show();
    sent.then(
      () => this.#stored++,
      (why) => {
        this.#refused++;
        if (why instanceof Unknown) console.info('nobody knows whether a command was done', why);
      },
    ).then(() => this.#show());
    return sent;
  }

  /** watch keeps account of an entity's events. */
  watch<C>(name: string, entity: Entity<C>): void {
    const row: Row = { rev: -1, events: 0, missing: 0, states: 0 };
    this.#rows.set(name, row);
    entity.updates.subscribe((update) => {
      if (update.type === 'state') {
        row.rev = update.rev;
        row.states++;
      } else {
        const { rev } = update.event as { rev: number };
        row.events++;
        row.missing += Math.abs(rev - row.rev - 1);
        row.rev = rev;
        this.#tape.received++;
      }
      this.#show();
    });
  }

  /** away says that the link is down from now on, or up again. */
  away(is: boolean, cut: boolean): void {
    this.#tape.state = cut ? 'cut' : is ? 'away' : 'live';
  }

  #sum(key: 'events' | 'missing'): number {
    return [...this.#rows.values()].reduce((n, row) => n + row[key], 0);
  }

  #show(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      const values: Record<string, number> = {
        sent: this.#sent,
        stored: this.#stored,
        refused: this.#refused,
        waiting: this.waiting,
        events: this.events,
        missing: this.missing,
      };
      for (const [key, n] of Object.entries(values)) {
        const e = this.#shown[key] as HTMLElement;
        e.textContent = n.toLocaleString();
      }
      this.#card.dataset.waiting = String(this.waiting > 0);
      this.#card.dataset.missing = String(this.missing > 0);
      (this.#shown.revs as HTMLElement).textContent = [...this.#rows].map(([name, row]) => `${name} ${Math.max(row.rev, 0).toLocaleString()}`).join(' · ');
    });
  }
}
