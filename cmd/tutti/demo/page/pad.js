// The pad: a text that everybody writes at once, in a plain text field.
//
// What a person does to the field becomes an operation by comparing it with what was drawn; what
// others do becomes a change of the field that leaves caret, selection and scroll position where
// their text is. The field may lag behind Copy's text: browsers take long to lay out a long text,
// and while an input method composes a word the field must not be touched. Undoing takes back one's
// own edits only, however much others have written since.

import { Carets } from './carets.js';
import { Copy } from './copy.js';
import { apply, compose, diff, fromPatches, inverse, isNothing, length, moved, pointAt, transform, unitAt } from './ot.js';

const retryAfter = 500; // ms
const caretEvery = 120;
const oneEditWithin = 800; // typing that is undone at once
const mostUndo = 300;
const long = 20_000; // UTF-16 units: from here on the field is not drawn for every event

export class PadPanel {
  link = null;
  members = null;

  #copy = new Copy();
  #rev = 0; // of the shared text
  #sentID = 0; // the edit on its way
  #held = null; // {text, rev, frames}: a fresh text that waits for the fate of the edit on its way
  #drawn = ''; // the text that the field shows
  #undrawn = null; // the operation from there to the copy's text
  #drawTimer = 0;
  #composing = false; // an input method is at work
  #undo = [];
  #redo = [];
  #typedAt = 0;
  #caretTold = 0;
  #caretTimer = 0;

  constructor(notify) {
    this.notify = notify;
    this.field = document.querySelector('#pad-text');
    this.status = document.querySelector('#pad-status');
    this.size = document.querySelector('#pad-size');
    this.carets = new Carets(this.field, document.querySelector('#carets'), (m) => this.members.person(m));
    this.#listen();
  }

  get handlers() {
    return {
      snapshot: (state, frame) => this.#take({ fresh: state.text, rev: frame.rev }),
      event: (frame) => this.#take({ frame, rev: frame.rev }),
      message: (frame) => frame.name === 'caret' && this.carets.put(frame.by, frame.data?.at ?? -1, this.#copy.text),
      change: () => {
        this.#flush();
        this.#showStatus();
      },
    };
  }

  get pending() {
    return this.#copy.pending;
  }

  /** forget removes the carets of those who left. */
  forget() {
    this.carets.keep((m) => this.members.has(m));
  }

  // From the entity.

  #take({ fresh, frame, rev }) {
    if (fresh !== undefined) {
      // Whether the fresh text has the edit on its way in it only that edit's answer says.
      this.#held = { text: fresh, rev, frames: [] };
      if (!this.#copy.waiting) this.#release();
      return;
    }
    const mine = frame.mine && frame.mine === this.#sentID;
    if (this.#held && !mine) return this.#held.frames.push(frame);
    if (this.#held) this.#release();
    this.#rev = rev;
    if (frame.name !== 'edited') return;
    const op = fromPatches(frame.data.patches);
    if (mine) {
      this.#copy.agreed();
      this.#sentID = 0;
    } else {
      const here = this.#change(() => this.#copy.theirs(op));
      this.#rebaseUndo(here);
      this.carets.edited(frame.by, here, this.#copy.text);
    }
    this.#flush();
    this.#showStatus();
  }

  // release shows the fresh text that was held.
  #release() {
    const { text, rev, frames } = this.#held;
    this.#held = null;
    this.#rev = rev;
    this.#rebaseUndo(this.#change(() => this.#copy.restart(text)));
    for (const frame of frames) this.#take({ frame, rev: frame.rev });
    this.#flush();
    this.#showStatus();
  }

  #flush() {
    if (this.#held || this.link?.state !== 'live') return;
    const patches = this.#copy.take();
    if (!patches) return;
    const expect = this.#rev;
    const { id, done } = this.link.send('edit', { patches }, { expect, trace: this.trace?.() });
    this.#sentID = id;
    done.then(
      (ack) => {
        this.traced?.(ack);
        if (this.#sentID === id) {
          this.#copy.agreed(); // a fresh state has brought it, not an event
          this.#sentID = 0;
        }
        this.#settled(0);
      },
      (why) => this.#refused(why, expect),
    );
  }

  #refused(why, expect) {
    if (why.code === 'ended') return;
    this.#sentID = 0;
    switch (why.code) {
      case 'conflict': // somebody was faster: what they wrote came first and is merged by now
        this.#copy.refused();
        return this.#settled(this.#rev === expect && !this.#held ? retryAfter : 0);
      case 'overloaded':
      case 'unavailable':
      case 'rate_limited':
      case 'internal':
        this.#copy.refused();
        return this.#settled(retryAfter);
      case 'forgotten':
      case 'unknown': // better twice than never: people see it, and can delete
        this.#copy.refused();
        return this.#settled(0);
      default:
        this.#change(() => this.#copy.giveUp());
        this.#undo = [];
        this.#redo = [];
        this.notify(`The pad refused the edit: ${why.message}`);
        this.#settled(0);
    }
  }

  #settled(delay) {
    if (this.#held) return this.#release();
    if (delay > 0) setTimeout(() => this.#flush(), delay);
    else this.#flush();
    this.#showStatus();
  }

  // change lets the copy take an operation and shows it.
  #change(take) {
    const op = take();
    if (isNothing(op)) return op;
    this.#undrawn = this.#undrawn ? compose(this.#undrawn, op) : op;
    const delay = this.#copy.text.length < long ? 0 : this.#copy.text.length / 2_000;
    if (delay === 0) this.#draw();
    else this.#drawTimer ||= setTimeout(() => this.#draw(), delay);
    return op;
  }

  // draw brings the field up to date, without moving what the person looks at.
  #draw() {
    clearTimeout(this.#drawTimer);
    this.#drawTimer = 0;
    if (!this.#undrawn || this.#composing) return;
    const f = this.field;
    const [op, before, after] = [this.#undrawn, this.#drawn, this.#copy.text];
    const place = (unit) => unitAt(after, moved(op, pointAt(before, unit)));
    const [start, end, direction, top] = [place(f.selectionStart), place(f.selectionEnd), f.selectionDirection, f.scrollTop];
    f.value = shown(after);
    if (document.activeElement === f) f.setSelectionRange(start, end, direction);
    f.scrollTop = top;
    this.#drawn = after;
    this.#undrawn = null;
  }

  // From the person.

  #listen() {
    const f = this.field;
    f.addEventListener('input', (e) => !e.isComposing && this.#read());
    f.addEventListener('compositionstart', () => (this.#composing = true));
    f.addEventListener('compositionend', () => {
      this.#composing = false;
      this.#read();
      this.#draw();
    });
    f.addEventListener('keydown', (e) => {
      if (!(e.ctrlKey || e.metaKey) || e.altKey) return;
      const key = e.key.toLowerCase();
      if (key === 'z' || key === 'y') {
        e.preventDefault();
        this.#goBack(key === 'y' || e.shiftKey);
      }
    });
    f.addEventListener('beforeinput', (e) => {
      if (e.inputType !== 'historyUndo' && e.inputType !== 'historyRedo') return;
      e.preventDefault();
      this.#goBack(e.inputType === 'historyRedo');
    });
    document.addEventListener('selectionchange', () => document.activeElement === f && this.#tellCaret());
    f.addEventListener('blur', () => this.link.signal('caret', null));
  }

  // read finds out what the person did to the field.
  #read() {
    const f = this.field;
    if (!wellFormed(f.value)) {
      const at = f.selectionStart;
      f.value = f.value.toWellFormed();
      f.setSelectionRange(at, at);
    }
    let op = diff(shown(this.#drawn), f.value);
    if (isNothing(op)) return;
    this.#drawn = apply(this.#drawn, op);
    if (this.#undrawn) [this.#undrawn, op] = transform(this.#undrawn, op);
    this.#remember(inverse(op, this.#copy.text));
    this.#redo = [];
    this.#edit(op);
  }

  #edit(op) {
    this.#copy.edit(op);
    this.carets.edited('', op, this.#copy.text);
    this.#flush();
    this.#showStatus();
  }

  #remember(back) {
    const now = performance.now();
    const typing = now - this.#typedAt < oneEditWithin && this.#undo.length > 0;
    this.#typedAt = now;
    if (typing) this.#undo.push(compose(back, this.#undo.pop()));
    else this.#undo.push(back);
    if (this.#undo.length > mostUndo) this.#undo.shift();
  }

  // goBack undoes, or does again, the last edit.
  #goBack(forward) {
    if (this.#composing) return;
    const op = (forward ? this.#redo : this.#undo).pop();
    if (!op) return;
    this.#draw();
    (forward ? this.#undo : this.#redo).push(inverse(op, this.#copy.text));
    this.#typedAt = 0;
    this.#edit(op);
    this.#drawn = this.#copy.text;
    this.field.value = shown(this.#drawn);
    const at = unitAt(this.#copy.text, endOf(op));
    this.field.setSelectionRange(at, at);
  }

  // rebaseUndo makes what can be undone fit the text after an operation of somebody else. The last
  // entry is for the present text, each earlier one for the text after the one behind it.
  #rebaseUndo(op) {
    for (const stack of [this.#undo, this.#redo]) {
      let theirs = op;
      for (let i = stack.length - 1; i >= 0; i--) [theirs, stack[i]] = transform(theirs, stack[i]);
    }
  }

  // A caret is told when it moves by itself; where it is after an edit the edit says.
  #tellCaret() {
    clearTimeout(this.#caretTimer);
    const wait = this.#caretTold + caretEvery - performance.now();
    if (wait > 0) return (this.#caretTimer = setTimeout(() => this.#tellCaret(), wait));
    this.#caretTold = performance.now();
    if (!this.#copy.pending && !this.#undrawn) this.link.signal('caret', { at: pointAt(this.#copy.text, this.field.selectionEnd) });
  }

  #showStatus() {
    const away = this.link.state !== 'live';
    const [state, words] = !this.#copy.pending ? ['saved', 'Saved'] : away ? ['kept', 'Kept here until you are back'] : ['sending', 'Saving'];
    this.status.dataset.state = state;
    if (this.status.textContent !== words) this.status.textContent = words;
    const n = length(this.#copy.text);
    this.size.textContent = `${n.toLocaleString()} ${n === 1 ? 'character' : 'characters'}`;
  }
}

// A text field turns carriage returns into line feeds. Shown as a symbol they stay what they are.
const shown = (s) => s.replaceAll('\r', '\u240d');

const wellFormed = (s) => s.isWellFormed?.() ?? true;

// endOf returns where the last change of an operation ends in the new text.
function endOf(op) {
  let at = 0;
  let end = 0;
  for (const c of op) {
    if (typeof c === 'string') at += length(c);
    else if (c > 0) {
      at += c;
      continue;
    }
    end = at;
  }
  return end;
}
