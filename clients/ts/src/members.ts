import type { Presence, Who } from './category.ts';
import type { MemberFrame, PresenceFrame } from './frames.ts';
import { Source } from './observable.ts';

/** Member is a connection at the entity, as others see it. */
export interface Member<C> {
  readonly member: string;
  /** What the category shows of its claims. */
  readonly who?: Who<C>;
  /** Its presence data. */
  readonly data?: Presence<C>;
}

/** Members are who is here. */
export interface Members<C> {
  /** How many there are; the list may be shorter. */
  readonly count: number;
  /** By member id, in the order in which they came: 200 of them at most. */
  readonly list: ReadonlyMap<string, Member<C>>;
}

/** Roster keeps who is here, as the presence frames say. */
export class Roster<C> {
  readonly members = new Source<Members<C>>({ count: 0, list: new Map() });
  #list = new Map<string, Member<C>>();
  #count = 0;
  #whole = false; // the list has come after the last welcome
  #stale = false;

  /** welcome says that the next frame lists everybody. */
  welcome(): void {
    this.#whole = false;
  }

  take(frame: PresenceFrame): void {
    if (!this.#stale) this.#list = this.#whole ? new Map(this.#list) : new Map();
    else if (!this.#whole) this.#list.clear();
    this.#whole = true;
    this.#stale = true;
    this.#count = frame.count;
    for (const member of frame.left ?? []) this.#list.delete(member);
    for (const m of frame.joined ?? []) this.#list.set(m.member, m as MemberFrame & Member<C>);
    for (const m of frame.updated ?? []) {
      const before = this.#list.get(m.member);
      // What is absent of an update is gone, except who somebody is.
      this.#list.set(m.member, { ...(before && 'who' in before ? { who: before.who } : {}), ...m } as Member<C>);
    }
  }

  publish(): void {
    if (!this.#stale) return;
    this.#stale = false;
    this.members.set({ count: this.#count, list: this.#list });
  }
}
