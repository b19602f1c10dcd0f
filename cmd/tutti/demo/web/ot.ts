// Operations on a text, for merging what several people write at once.
//
// An operation runs over the whole text it was made for and is a list of components: a number n > 0
// keeps n code points, n < 0 deletes -n of them, a string inserts itself. Positions count code
// points, as the protocol's patches do, never the UTF-16 units of JavaScript strings.

/** Op is an operation. */
export type Op = (number | string)[];
/** Patch replaces deleted code points by text. */
export type Patch = [at: number, deleted: number, inserted: string];

const surrogate = /[\ud800-\udfff]/;

/** length returns the number of code points of a string. */
export function length(s: string): number {
  if (!surrogate.test(s)) return s.length;
  let n = 0;
  for (const _ of s) n++;
  return n;
}

/** unitAt returns the UTF-16 index of code point number n of a string, counted from index from. */
export function unitAt(s: string, n: number, from = 0): number {
  if (!surrogate.test(s)) return Math.min(from + n, s.length);
  let i = from;
  for (; n > 0 && i < s.length; n--) i += (s.codePointAt(i) as number) > 0xffff ? 2 : 1;
  return i;
}

/** pointAt returns the number of the code point at a UTF-16 index. */
export function pointAt(s: string, unit: number): number {
  return length(s.slice(0, unit));
}

// push adds a component, joined with the last one where that is of its kind. Of an insertion and a
// deletion at one place the insertion comes first, so that equal operations look equal.
function push(op: Op, c: number | string): void {
  if (c === 0 || c === '') return;
  const last = op.at(-1);
  if (typeof c === 'string') {
    if (typeof last === 'string') op[op.length - 1] = last + c;
    else if (isDeletion(last) && typeof op.at(-2) === 'string') op[op.length - 2] += c;
    else if (isDeletion(last)) op.splice(-1, 0, c);
    else op.push(c);
  } else if (typeof last === 'number' && last > 0 === c > 0) op[op.length - 1] = last + c;
  else op.push(c);
}

// keeps reports whether a component keeps code points. An inserted '7' does not, though '7' > 0.
const isDeletion = (c: number | string | undefined) => typeof c === 'number' && c < 0;
const keeps = (c: number | string | undefined): c is number => typeof c === 'number' && c > 0;

/** isNothing reports whether an operation changes nothing. */
export function isNothing(op: Op): boolean {
  return op.every(keeps);
}

/** apply returns the text after an operation. */
export function apply(text: string, op: Op): string {
  const plain = !surrogate.test(text);
  let out = '';
  let i = 0;
  for (const c of op) {
    if (typeof c === 'string') out += c;
    else {
      const next = plain ? i + Math.abs(c) : unitAt(text, Math.abs(c), i);
      if (c > 0) out += text.slice(i, next);
      i = next;
    }
  }
  return out + text.slice(i);
}

// reader hands out the components of an operation in parts.
function reader(op: Op) {
  let i = 0;
  let c: number | string | undefined = op[0];
  const next = () => (c = op[++i]);
  return {
    get insert(): string | undefined {
      return typeof c === 'string' ? c : undefined;
    },
    get done(): boolean {
      return c === undefined;
    },
    get kept(): boolean {
      return keeps(c);
    },
    get left(): number {
      return c === undefined ? Infinity : typeof c === 'string' ? length(c) : Math.abs(c);
    },
    skip: next,
    // take consumes n code points and returns the component that they are.
    take(n: number): number | string {
      if (c === undefined) return n; // what an operation does not mention it keeps
      if (typeof c === 'string') {
        const cut = unitAt(c, n);
        const part = c.slice(0, cut);
        c = c.slice(cut);
        if (c === '') next();
        return part;
      }
      const part = c > 0 ? n : -n;
      c -= part;
      if (c === 0) next();
      return part;
    },
  };
}

/** compose returns the operation that does first a, then b. */
export function compose(a: Op, b: Op): Op {
  const out: Op = [];
  const [x, y] = [reader(a), reader(b)];
  while (!x.done || !y.done) {
    if (x.left !== Infinity && !x.kept && x.insert === undefined) push(out, x.take(x.left));
    else if (y.insert !== undefined) {
      push(out, y.insert);
      y.skip();
    } else {
      const n = Math.min(x.left, y.left);
      const kept = y.done || y.kept;
      const first = x.take(n);
      y.take(n);
      if (kept) push(out, first);
      else if (typeof first === 'number') push(out, -n); // an insertion that is deleted again is nothing
    }
  }
  return out;
}

/**
 * transform takes two operations made for the same text and returns [a2, b2] such that a then b2
 * gives the same text as b then a2. Where both insert at one place, a's text comes first.
 */
export function transform(a: Op, b: Op): [Op, Op] {
  const [a2, b2]: [Op, Op] = [[], []];
  const [x, y] = [reader(a), reader(b)];
  while (!x.done || !y.done) {
    if (x.insert !== undefined) {
      push(a2, x.insert);
      push(b2, length(x.insert));
      x.skip();
    } else if (y.insert !== undefined) {
      push(a2, length(y.insert));
      push(b2, y.insert);
      y.skip();
    } else {
      const n = Math.min(x.left, y.left);
      const [p, q] = [x.take(n) as number, y.take(n) as number]; // neither inserts
      if (p > 0 && q > 0) {
        push(a2, n);
        push(b2, n);
      } else if (q > 0) push(a2, -n);
      else if (p > 0) push(b2, -n);
    }
  }
  return [a2, b2];
}

/** moved returns where a position is after an operation. At an insertion it stays before it. */
export function moved(op: Op, position: number): number {
  let before = 0; // how far the operation is in the old text
  let after = 0; // and in the new one
  for (const c of op) {
    if (typeof c === 'string') {
      if (before >= position) break;
      after += length(c);
    } else if (position <= before + Math.abs(c)) return c > 0 ? after + position - before : after;
    else {
      before += Math.abs(c);
      if (c > 0) after += c;
    }
  }
  return after + position - before;
}

/** inverse returns the operation that takes op back; text is what op was made for. */
export function inverse(op: Op, text: string): Op {
  const out: Op = [];
  let i = 0;
  for (const c of op) {
    if (typeof c === 'string') push(out, -length(c));
    else {
      const next = unitAt(text, Math.abs(c), i);
      push(out, c > 0 ? c : text.slice(i, next));
      i = next;
    }
  }
  return out;
}

/** fromPatches returns the operation of patches, which are applied one after the other. */
export function fromPatches(patches: Patch[]): Op {
  return patches.reduce<Op>((op, [at, deleted, inserted]) => {
    const one: Op = [];
    push(one, at);
    push(one, inserted);
    push(one, -deleted);
    return compose(op, one);
  }, []);
}

/** toPatches returns the patches of an operation. */
export function toPatches(op: Op): Patch[] {
  const patches: Patch[] = [];
  let at = 0;
  let open: Patch | null = null; // the patch at this place
  for (const c of op) {
    if (keeps(c)) {
      at += c;
      open = null;
      continue;
    }
    if (!open) patches.push((open = [at, 0, '']));
    if (typeof c === 'string') {
      open[2] += c;
      at += length(c);
    } else open[1] -= c;
  }
  return patches;
}

/** diff returns an operation that makes one text of the other: one replaced stretch. */
export function diff(before: string, after: string): Op {
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before.charCodeAt(start) === after.charCodeAt(start)) start++;
  if (start > 0 && isHigh(before.charCodeAt(start - 1))) start--; // never between the halves of a pair
  let end = 0;
  while (end < most - start && before.charCodeAt(before.length - 1 - end) === after.charCodeAt(after.length - 1 - end)) end++;
  if (end > 0 && isLow(before.charCodeAt(before.length - end))) end--;
  const op: Op = [];
  push(op, pointAt(before, start));
  push(op, after.slice(start, after.length - end));
  push(op, -length(before.slice(start, before.length - end)));
  return op;
}

const isHigh = (c: number) => c >= 0xd800 && c <= 0xdbff;
const isLow = (c: number) => c >= 0xdc00 && c <= 0xdfff;
