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

import { apply, compose, diff, fromPatches, isNothing, toPatches, transform } from './ot.js';

const longestInsert = 4_000; // code points of one patch
const longestEdit = 48_000; // bytes of one command's patches; the platform takes 64 KiB

export class Copy {
  text = ''; // what this person sees
  #shared = ''; // what everybody has agreed on
  #sent = null; // the operation on its way
  #behind = null;

  /** pending reports whether anything is not agreed on yet. */
  get pending() {
    return this.#sent !== null || this.#behind !== null;
  }

  /** waiting reports whether an edit is on its way. */
  get waiting() {
    return this.#sent !== null;
  }

  /** edit records an operation of this person. */
  edit(op) {
    if (isNothing(op)) return;
    this.text = apply(this.text, op);
    this.#behind = this.#behind ? compose(this.#behind, op) : op;
  }

  /** take returns the patches to send now, or null when there are none or some are on their way. */
  take() {
    if (this.#sent || !this.#behind) return null;
    const [now, later] = portion(toPatches(this.#behind));
    if (now.length === 0) {
      this.#behind = null; // written and deleted again
      return null;
    }
    this.#sent = fromPatches(now);
    this.#behind = later.length > 0 ? fromPatches(later) : null;
    return now;
  }

  /** agreed says that the edit on its way has become part of the shared text. */
  agreed() {
    this.#shared = apply(this.#shared, this.#sent);
    this.#sent = null;
  }

  /** refused says that the edit on its way changed nothing; take returns it again. */
  refused() {
    this.#behind = this.#behind ? compose(this.#sent, this.#behind) : this.#sent;
    this.#sent = null;
  }

  /** theirs takes an operation of somebody else, and returns what it does to this person's text. */
  theirs(op) {
    this.#shared = apply(this.#shared, op);
    let here = op;
    if (this.#sent) [here, this.#sent] = transform(here, this.#sent);
    if (this.#behind) [here, this.#behind] = transform(here, this.#behind);
    this.text = apply(this.text, here);
    return here;
  }

  /** restart takes a fresh shared text, as if one operation of somebody else had led to it. */
  restart(shared) {
    return this.theirs(diff(this.#shared, shared));
  }

  /** giveUp drops all that is not agreed on, and returns what that does to this person's text. */
  giveUp() {
    const op = diff(this.text, this.#shared);
    this.text = this.#shared;
    this.#sent = this.#behind = null;
    return op;
  }
}

// portion splits patches into those that fit one command and the rest.
function portion(patches) {
  const small = patches.flatMap(([at, deleted, inserted]) => {
    const points = inserted.length > longestInsert ? [...inserted] : null;
    if (!points) return [[at, deleted, inserted]];
    const parts = [];
    for (let i = 0; i < points.length; i += longestInsert) {
      parts.push([at + i, i === 0 ? deleted : 0, points.slice(i, i + longestInsert).join('')]);
    }
    return parts;
  });
  let size = 0;
  let n = 0;
  while (n < small.length && (n === 0 || size + weight(small[n]) <= longestEdit)) size += weight(small[n++]);
  return [small.slice(0, n), small.slice(n)];
}

// weight is how many bytes a patch has as JSON, at most.
function weight(patch) {
  const json = JSON.stringify(patch);
  return /^[\x20-\x7e]*$/.test(json) ? json.length + 1 : json.length * 3 + 1;
}
