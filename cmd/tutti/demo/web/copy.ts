// One person's copy of a text that several people write at once.
//
// Every edit is a command that expects the revision it was made for, so the entity applies it only
// to the very text that its positions mean, and answers 'conflict' otherwise. One edit is on its way
// at a time; what is written meanwhile gathers behind it. An edit of somebody else that comes first
// is put under both by operational transformation: the own edits become what they would have been,
// had the other one been there before. So the copy is always
//
//	text = shared text, then the edit on its way, then the edits behind it
//
// and whoever wins the race, everybody ends at the entity's text.

import { type Op, type Patch, apply, compose, diff, isNothing, length, toPatches, transform } from './ot.ts';

const mostBytes = 48_000; // of one command's patches; the platform takes 64 KiB
const patchBytes = 32; // of one patch beside what it inserts, at most

export class Copy {
  text = ''; // what this person sees
  #shared = ''; // what everybody has agreed on
  #sent: Op | null = null; // the operation on its way
  #behind: Op | null = null;

  /** pending reports whether anything is not agreed on yet. */
  get pending(): boolean {
    return this.#sent !== null || this.#behind !== null;
  }

  /** waiting reports whether an edit is on its way. */
  get waiting(): boolean {
    return this.#sent !== null;
  }

  /** edit records an operation of this person. */
  edit(op: Op): void {
    if (isNothing(op)) return;
    this.text = apply(this.text, op);
    this.#behind = this.#behind ? compose(this.#behind, op) : op;
  }

  /** take returns the patches to send now, or null when there are none or some are on their way. */
  take(): Patch[] | null {
    if (this.#sent || !this.#behind) return null;
    const [now, later] = portion(this.#behind);
    this.#behind = isNothing(later) ? null : later;
    if (isNothing(now)) return null; // written and deleted again
    this.#sent = now;
    return toPatches(now);
  }

  /** agreed says that the edit on its way has become part of the shared text. */
  agreed(): void {
    if (this.#sent) this.#shared = apply(this.#shared, this.#sent);
    this.#sent = null;
  }

  /** refused says that the edit on its way changed nothing; take returns it again. */
  refused(): void {
    this.#behind = this.#sent && this.#behind ? compose(this.#sent, this.#behind) : (this.#sent ?? this.#behind);
    this.#sent = null;
  }

  /** theirs takes an operation of somebody else, and returns what it does to this person's text. */
  theirs(op: Op): Op {
    this.#shared = apply(this.#shared, op);
    let here = op;
    if (this.#sent) [here, this.#sent] = transform(here, this.#sent);
    if (this.#behind) [here, this.#behind] = transform(here, this.#behind);
    this.text = apply(this.text, here);
    return here;
  }

  /** restart takes a fresh shared text, as if one operation of somebody else had led to it. */
  restart(shared: string): Op {
    return this.theirs(diff(this.#shared, shared));
  }

  /** giveUp drops all that is not agreed on, and returns what that does to this person's text. */
  giveUp(): Op {
    const op = diff(this.text, this.#shared);
    this.text = this.#shared;
    this.#sent = this.#behind = null;
    return op;
  }
}

// portion splits an operation into one that fits a command and one that does the rest after it.
function portion(op: Op): [Op, Op] {
  const now: Op = [];
  const later: Op = [];
  let room = mostBytes;
  for (const c of op) {
    const full = room <= 0;
    if (typeof c === 'string') {
      const part = full ? '' : fitting(c, room);
      add(now, part);
      add(later, length(part));
      add(later, c.slice(part.length));
      room = part === c ? room - bytes(part) - patchBytes : 0;
    } else if (c > 0) {
      add(now, c);
      add(later, c);
    } else {
      add(now, full ? -c : c);
      add(later, full ? c : 0);
      room -= patchBytes;
    }
  }
  return [now, later];
}

function add(op: Op, c: number | string): void {
  if (c !== 0 && c !== '') op.push(c);
}

// fitting returns the longest start of a text that has at most so many bytes as JSON, or nearly.
function fitting(s: string, most: number): string {
  let n = Math.min(s.length, most);
  while (n > 1 && bytes(s.slice(0, n)) > most) n = Math.floor(n * 0.8);
  return (s.codePointAt(n - 1) ?? 0) > 0xffff ? s.slice(0, n + 1) : s.slice(0, n); // never half a pair
}

const encoder = new TextEncoder();
const bytes = (s: string) => encoder.encode(JSON.stringify(s)).length;
