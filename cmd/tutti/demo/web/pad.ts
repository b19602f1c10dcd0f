// The pad: a text that everybody writes at once, in a plain text field.
//
// What a person does to the field becomes an operation by comparing it with what was drawn; what
// others do becomes a change of the field that leaves caret, selection and scroll position where
// their text is. The field may lag behind Copy's text: browsers take long to lay out a long text,
// and while an input method composes a word the field must not be touched. Undoing takes back one's
// own edits only, however much others have written since.

import { type Event, Rejected, Unknown } from '@tutti-rt/client';
import { Carets } from './carets.ts';
import type { Edited } from './categories.ts';
import { Copy } from './copy.ts';
import { type At, type Desk, find, stateOf } from './desk.ts';
import { type Op, apply, compose, diff, fromPatches, inverse, isNothing, length, moved, pointAt, transform, unitAt } from './ot.ts';
import { personOf } from './people.ts';

const retryAfter = 500; // ms
const caretEvery = 120;
const oneEditWithin = 800; // typing that is undone at once
const mostUndo = 300;
const long = 20_000; // UTF-16 units: from here on the field is not drawn for every event

type Edit = Event<'edited', Edited>;

interface Held {
  text: string;
  rev: number;
  events: Edit[];
}

export class PadPanel {
  readonly #entity: At<'pad'>;
  readonly #desk: Desk;
  readonly #field = find<HTMLTextAreaElement>('#pad-text');
  readonly #status = find('#pad-status');
  readonly #size = find('#pad-size');
  readonly #carets: Carets;

  #copy = new Copy();
  #rev = 0; // of the shared text
  #sent = ''; // the edit on its way, as JSON
  #held: Held | null = null; // a fresh text that waits for the fate of the edit on its way
  #drawn = ''; // the text that the field shows
  #undrawn: Op | null = null; // the operation from there to the copy's text
  #drawTimer = 0;
  #composing = false; // an input method is at work
  #undo: Op[] = [];
  #redo: Op[] = [];
  #typedAt = 0;
  #caretTold = 0;
  #caretTimer = 0;

  constructor(entity: At<'pad'>, desk: Desk) {
    this.#entity = entity;
    this.#desk = desk;
    this.#carets = new Carets(this.#field, find('#carets'), (m) => personOf(entity, m));
    this.#listen();
    entity.updates.subscribe((u) => (u.type === 'state' ? this.#fresh(u.state.text, u.rev) : this.#take(u.event)));
    entity.messages.subscribe(({ name, by, data }) => name === 'caret' && by && this.#carets.put(by, data?.at ?? -1, this.#copy.text));
    entity.members.subscribe(({ list }) => this.#carets.keep((m) => list.has(m)));
    entity.status.subscribe(() => {
      this.#flush();
      this.#showStatus();
    });
  }

  /** pending reports whether something of this person is not in everybody's text. */
  get pending(): boolean {
    return this.#copy.pending;
  }

  // From the entity.

  #fresh(text: string, rev: number): void {
    // Whether the fresh text has the edit on its way in it only that edit's answer says.
    this.#held = { text, rev, events: [] };
    if (!this.#copy.waiting) this.#release();
  }

  #take(event: Edit): void {
    const mine = event.mine && JSON.stringify(event.data.patches) === this.#sent;
    if (this.#held && !mine) return void this.#held.events.push(event);
    if (this.#held) this.#release();
    this.#rev = event.rev;
    const op = fromPatches(event.data.patches);
    if (mine) {
      this.#copy.agreed();
      this.#sent = '';
    } else {
      const here = this.#change(() => this.#copy.theirs(op));
      this.#rebaseUndo(here);
      this.#carets.edited(event.by ?? '', here, this.#copy.text);
    }
    this.#flush();
    this.#showStatus();
  }

  // release shows the fresh text that was held.
  #release(): void {
    if (!this.#held) return;
    const { text, rev, events } = this.#held;
    this.#held = null;
    this.#rev = rev;
    this.#rebaseUndo(this.#change(() => this.#copy.restart(text)));
    for (const event of events) this.#take(event);
    this.#flush();
    this.#showStatus();
  }

  #flush(): void {
    if (this.#held || stateOf(this.#entity.status.value) !== 'live') return;
    const patches = this.#copy.take();
    if (!patches) return;
    const expect = this.#rev;
    const sent = JSON.stringify(patches);
    this.#sent = sent;
    this.#desk.follow(this.#entity.send('edit', { patches }, { expect, trace: this.#desk.wantsTrace() })).then(
      () => {
        if (this.#sent === sent) {
          this.#copy.agreed(); // a fresh state has brought it, not an event
          this.#sent = '';
        }
        this.#settled(0);
      },
      (why: Error) => this.#refused(why, expect),
    );
  }

  #refused(why: Error, expect: number): void {
    if (this.#entity.status.value.phase === 'closed') return;
    this.#sent = '';
    switch (why instanceof Rejected ? why.code : why instanceof Unknown ? 'unknown' : '') {
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
        this.#desk.notify(`The pad refused the edit: ${why.message}`);
        this.#settled(0);
    }
  }

  #settled(delay: number): void {
    if (this.#held) return this.#release();
    if (delay > 0) setTimeout(() => this.#flush(), delay);
    else this.#flush();
    this.#showStatus();
  }

  // change lets the copy take an operation and shows it.
  #change(take: () => Op): Op {
    const op = take();
    if (isNothing(op)) return op;
    this.#undrawn = this.#undrawn ? compose(this.#undrawn, op) : op;
    const delay = this.#copy.text.length < long ? 0 : this.#copy.text.length / 2_000;
    if (delay === 0) this.#draw();
    else this.#drawTimer ||= setTimeout(() => this.#draw(), delay);
    return op;
  }

  // draw brings the field up to date, without moving what the person looks at.
  #draw(): void {
    clearTimeout(this.#drawTimer);
    this.#drawTimer = 0;
    if (!this.#undrawn || this.#composing) return;
    const f = this.#field;
    const [op, before, after] = [this.#undrawn, this.#drawn, this.#copy.text];
    const place = (unit: number) => unitAt(after, moved(op, pointAt(before, unit)));
    const [start, end, direction, top] = [place(f.selectionStart), place(f.selectionEnd), f.selectionDirection, f.scrollTop];
    f.value = shown(after);
    if (document.activeElement === f) f.setSelectionRange(start, end, direction);
    f.scrollTop = top;
    this.#drawn = after;
    this.#undrawn = null;
  }

  // From the person.

  #listen(): void {
    const f = this.#field;
    f.addEventListener('input', (e) => !(e as InputEvent).isComposing && this.#read());
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
    f.addEventListener('blur', () => this.#entity.signal('caret', null));
  }

  // read finds out what the person did to the field.
  #read(): void {
    const f = this.#field;
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

  #edit(op: Op): void {
    this.#copy.edit(op);
    this.#carets.edited('', op, this.#copy.text);
    this.#flush();
    this.#showStatus();
  }

  #remember(back: Op): void {
    const now = performance.now();
    const typing = now - this.#typedAt < oneEditWithin && this.#undo.length > 0;
    this.#typedAt = now;
    if (typing) this.#undo.push(compose(back, this.#undo.pop() ?? []));
    else this.#undo.push(back);
    if (this.#undo.length > mostUndo) this.#undo.shift();
  }

  // goBack undoes, or does again, the last edit.
  #goBack(forward: boolean): void {
    if (this.#composing) return;
    const op = (forward ? this.#redo : this.#undo).pop();
    if (!op) return;
    this.#draw();
    (forward ? this.#undo : this.#redo).push(inverse(op, this.#copy.text));
    this.#typedAt = 0;
    this.#edit(op);
    this.#drawn = this.#copy.text;
    this.#field.value = shown(this.#drawn);
    const at = unitAt(this.#copy.text, endOf(op));
    this.#field.setSelectionRange(at, at);
  }

  // rebaseUndo makes what can be undone fit the text after an operation of somebody else. The last
  // entry is for the present text, each earlier one for the text after the one behind it.
  #rebaseUndo(op: Op): void {
    for (const stack of [this.#undo, this.#redo]) {
      let theirs = op;
      for (let i = stack.length - 1; i >= 0; i--) [theirs, stack[i]] = transform(theirs, stack[i] as Op);
    }
  }

  // A caret is told when it moves by itself; where it is after an edit the edit says.
  #tellCaret(): void {
    clearTimeout(this.#caretTimer);
    const wait = this.#caretTold + caretEvery - performance.now();
    if (wait > 0) return void (this.#caretTimer = setTimeout(() => this.#tellCaret(), wait));
    this.#caretTold = performance.now();
    if (!this.#copy.pending && !this.#undrawn) this.#entity.signal('caret', { at: pointAt(this.#copy.text, this.#field.selectionEnd) });
  }

  #showStatus(): void {
    const away = stateOf(this.#entity.status.value) !== 'live';
    const [state, words] = !this.#copy.pending ? ['saved', 'Saved'] : away ? ['kept', 'Kept here until you are back'] : ['sending', 'Saving'];
    this.#status.dataset.state = state;
    if (this.#status.textContent !== words) this.#status.textContent = words;
    const n = length(this.#copy.text);
    this.#size.textContent = `${n.toLocaleString()} ${n === 1 ? 'character' : 'characters'}`;
  }
}

// A text field turns carriage returns into line feeds. Shown as a symbol they stay what they are.
const shown = (s: string) => s.replaceAll('\r', '\u240d');

const wellFormed = (s: string) => s.isWellFormed?.() ?? true;

// endOf returns where the last change of an operation ends in the new text.
function endOf(op: Op): number {
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
