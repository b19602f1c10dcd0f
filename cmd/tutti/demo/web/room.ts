// The chat room.

import type { Event } from '@tutti-rt/client';
import type { Room, Said } from './categories.ts';
import { type At, type Desk, find } from './desk.ts';
import type { Me } from './identity.ts';
import { avatar, personOf } from './people.ts';

const maxLines = 100;
const maxLine = 2000; // code points
const typingEvery = 2_000;
const typingFor = 3_500;

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export class RoomPanel {
  readonly #entity: At<'room'>;
  readonly #desk: Desk;
  readonly #me: Me;
  readonly #log = find('#lines');
  readonly #scroller = find('#chat-scroll');
  readonly #countText = find('#line-count');
  readonly #typingText = find('#typing');
  readonly #newer = find('#newer');
  readonly #left = find('#say-left');
  readonly #form = find<HTMLFormElement>('#say');
  readonly #input = find<HTMLTextAreaElement>('#text');
  readonly #button = find<HTMLButtonElement>('#say button[name=send]');

  readonly #mine = new Map<HTMLElement, string>(); // lines on their way, and their text
  readonly #typing = new Map<string, number>(); // timers, by member
  #toldTyping = 0;
  #count = 0;
  #lastWho: string | null = null; // of the last stored line
  #stick = true; // to the newest line

  constructor(entity: At<'room'>, me: Me, desk: Desk) {
    this.#entity = entity;
    this.#me = me;
    this.#desk = desk;
    this.#form.addEventListener('submit', (e) => {
      e.preventDefault();
      this.#say();
    });
    this.#input.addEventListener('keydown', (e) => {
      if (e.key !== 'Enter' || e.shiftKey || e.isComposing) return;
      e.preventDefault();
      this.#say();
    });
    this.#input.addEventListener('input', () => this.#written());
    this.#newer.addEventListener('click', () => this.#toEnd());
    this.#scroller.addEventListener('scroll', () => {
      this.#stick = this.#atEnd();
      if (this.#stick) this.#newer.hidden = true;
    });
    new ResizeObserver(() => this.#stick && this.#toEnd()).observe(this.#scroller);
    entity.updates.subscribe((u) => (u.type === 'state' ? this.#fresh(u.state) : this.#said(u.event)));
    entity.messages.subscribe(({ name, by }) => name === 'typing' && by && this.#othersType(by));
  }

  #fresh(state: Room): void {
    const waiting = [...this.#mine.keys()];
    this.#log.setAttribute('aria-busy', 'true'); // the past is not read out
    this.#log.replaceChildren();
    this.#lastWho = null;
    for (const line of state.lines ?? []) this.#append(line, null);
    this.#log.append(...waiting);
    this.#log.removeAttribute('aria-busy');
    this.#setCount(state.count);
    this.#toEnd();
  }

  #said({ data, at, by, mine }: Event<'said', Said>): void {
    if (mine) this.#arrived(data.text);
    this.#append(data, at, this.#mine.keys().next().value);
    while (this.#log.children.length > maxLines + this.#mine.size) this.#log.firstElementChild?.remove();
    this.#setCount(this.#count + 1);
    if (by) this.#stoppedTyping(by);
    if (this.#stick || mine) this.#toEnd();
    else this.#newer.hidden = false;
  }

  // arrived takes away the line of one's own that has come back. Of those with one text it does not matter which.
  #arrived(text: string): void {
    for (const [li, own] of this.#mine) {
      if (own !== text) continue;
      this.#mine.delete(li);
      return li.remove();
    }
  }

  #append({ who, text }: Said, at: number | null, before: HTMLElement | null = null): void {
    const li = this.#line(who, text, at, who === this.#lastWho);
    this.#lastWho = who;
    this.#log.insertBefore(li, before);
  }

  #line(who: string, text: string, at: number | null, again: boolean): HTMLElement {
    const li = document.createElement('li');
    li.className = 'line';
    li.classList.toggle('own', who === this.#me.sub());
    li.classList.toggle('again', again);
    const face = avatar({ name: who });
    const head = document.createElement('span');
    head.className = 'line-who';
    head.textContent = who;
    const body = document.createElement('span');
    body.className = 'line-text';
    body.textContent = text;
    if (at) {
      const time = document.createElement('time');
      const date = new Date(at);
      time.dateTime = date.toISOString();
      time.textContent = clock.format(date);
      head.append(time);
      body.title = date.toLocaleString();
    }
    li.append(face, head, body);
    return li;
  }

  #say(): void {
    const text = this.#input.value.trim().toWellFormed?.() ?? this.#input.value.trim();
    if (!text || [...text].length > maxLine) return;
    this.#input.value = '';
    this.#written();
    this.#toldTyping = 0;
    this.#send(text);
  }

  #send(text: string): void {
    const sent = this.#desk.follow(this.#entity.send('say', { text }, { trace: this.#desk.wantsTrace() }));
    const li = this.#line(this.#me.sub(), text, null, false);
    li.classList.add('waiting');
    this.#mine.set(li, text);
    this.#log.append(li);
    this.#toEnd();
    sent.then(
      () => {
        // Where a fresh state brought the line, no event did.
        if (this.#mine.delete(li)) li.remove();
      },
      (why: Error) => {
        this.#mine.delete(li);
        this.#failed(li, text, why);
      },
    );
  }

  #failed(li: HTMLElement, text: string, why: Error): void {
    li.classList.replace('waiting', 'failed');
    const again = document.createElement('button');
    again.type = 'button';
    again.className = 'again-button';
    again.textContent = 'Not sent. Try again';
    again.title = why.message;
    again.addEventListener('click', () => {
      li.remove();
      this.#send(text);
    });
    li.append(again);
  }

  #written(): void {
    const left = maxLine - [...this.#input.value.trim()].length;
    this.#left.textContent = left < 200 ? String(left) : '';
    this.#left.classList.toggle('over', left < 0);
    this.#button.disabled = this.#input.value.trim() === '' || left < 0;
    this.#input.style.height = 'auto';
    this.#input.style.height = `${Math.min(this.#input.scrollHeight, 140)}px`;
    const now = Date.now();
    if (this.#input.value && now - this.#toldTyping > typingEvery) {
      this.#toldTyping = now;
      this.#entity.signal('typing', {});
    }
  }

  #othersType(member: string): void {
    clearTimeout(this.#typing.get(member));
    this.#typing.set(member, setTimeout(() => this.#stoppedTyping(member), typingFor));
    this.#showTyping();
  }

  #stoppedTyping(member: string): void {
    clearTimeout(this.#typing.get(member));
    if (this.#typing.delete(member)) this.#showTyping();
  }

  #showTyping(): void {
    const names = [...this.#typing.keys()].map((m) => personOf(this.#entity, m).name);
    const who = names.length > 2 ? `${names.length} people are` : names.length === 2 ? `${names.join(' and ')} are` : names.length === 1 ? `${names[0]} is` : '';
    this.#typingText.textContent = who && `${who} typing`;
    this.#typingText.classList.toggle('on', who !== '');
  }

  #setCount(n: number): void {
    this.#count = n;
    this.#countText.textContent = `${n.toLocaleString()} ${n === 1 ? 'line' : 'lines'}`;
  }

  #atEnd(): boolean {
    const s = this.#scroller;
    return s.scrollHeight - s.scrollTop - s.clientHeight < 60;
  }

  #toEnd(): void {
    this.#stick = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#newer.hidden = true;
  }
}
