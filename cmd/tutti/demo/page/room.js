// The chat room.

import { avatar } from './people.js';

const maxLines = 100;
const maxLine = 2000; // code points
const typingEvery = 2_000;
const typingFor = 3_500;

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export class RoomPanel {
  link = null;
  members = null;

  #mine = new Map(); // command id → the line's element, until it is stored
  #typing = new Map(); // member → timer
  #toldTyping = 0;
  #count = 0;
  #lastWho = null; // of the last stored line
  #stick = true; // to the newest line

  constructor(me) {
    this.me = me;
    this.log = document.querySelector('#lines');
    this.scroller = document.querySelector('#chat-scroll');
    this.countText = document.querySelector('#line-count');
    this.typingText = document.querySelector('#typing');
    this.newer = document.querySelector('#newer');
    this.left = document.querySelector('#say-left');
    this.form = document.querySelector('#say');
    this.input = this.form.elements.text;
    this.form.addEventListener('submit', (e) => {
      e.preventDefault();
      this.#say();
    });
    this.input.addEventListener('keydown', (e) => {
      if (e.key !== 'Enter' || e.shiftKey || e.isComposing) return;
      e.preventDefault();
      this.#say();
    });
    this.input.addEventListener('input', () => this.#written());
    this.newer.addEventListener('click', () => this.#toEnd());
    this.scroller.addEventListener('scroll', () => {
      this.#stick = this.#atEnd();
      if (this.#stick) this.newer.hidden = true;
    });
    new ResizeObserver(() => this.#stick && this.#toEnd()).observe(this.scroller);
  }

  get handlers() {
    return {
      snapshot: (state) => this.#snapshot(state),
      event: (frame) => this.#said(frame),
      message: (frame) => frame.name === 'typing' && this.#othersType(frame.by),
    };
  }

  #snapshot(state) {
    const waiting = [...this.#mine.values()];
    this.log.setAttribute('aria-busy', 'true'); // the past is not read out
    this.log.replaceChildren();
    this.#lastWho = null;
    for (const line of state.lines) this.#append(line, null);
    this.log.append(...waiting);
    this.log.removeAttribute('aria-busy');
    this.#setCount(state.count);
    this.#toEnd();
  }

  #said(frame) {
    if (frame.name !== 'said') return;
    const written = this.#mine.get(frame.mine);
    written?.remove();
    this.#mine.delete(frame.mine);
    this.#append(frame.data, frame.at, [...this.#mine.values()][0]);
    while (this.log.children.length > maxLines + this.#mine.size) this.log.firstElementChild.remove();
    this.#setCount(this.#count + 1);
    this.#stoppedTyping(frame.by);
    if (this.#stick || frame.mine) this.#toEnd();
    else this.newer.hidden = false;
  }

  #append({ who, text }, at, before = null) {
    const li = this.#line(who, text, at, who === this.#lastWho);
    this.#lastWho = who;
    this.log.insertBefore(li, before);
  }

  #line(who, text, at, again) {
    const li = document.createElement('li');
    li.className = 'line';
    li.classList.toggle('own', who === this.me.sub());
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

  #say() {
    const text = this.input.value.trim().toWellFormed?.() ?? this.input.value.trim();
    if (!text || [...text].length > maxLine) return;
    this.input.value = '';
    this.#written();
    this.#toldTyping = 0;
    this.#send(text);
  }

  #send(text) {
    const { id, done } = this.link.send('say', { text }, { trace: this.trace?.() });
    const li = this.#line(this.me.sub(), text, null, false);
    li.classList.add('waiting');
    this.#mine.set(id, li);
    this.log.append(li);
    this.#toEnd();
    done.then(
      (ack) => {
        // Where a fresh state brought the line, no event did.
        if (this.#mine.delete(id)) li.remove();
        this.traced?.(ack);
      },
      (why) => {
        this.#mine.delete(id);
        this.#failed(li, text, why);
      },
    );
  }

  #failed(li, text, why) {
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

  #written() {
    const left = maxLine - [...this.input.value.trim()].length;
    this.left.textContent = left < 200 ? String(left) : '';
    this.left.classList.toggle('over', left < 0);
    this.form.elements.send.disabled = this.input.value.trim() === '' || left < 0;
    this.input.style.height = 'auto';
    this.input.style.height = `${Math.min(this.input.scrollHeight, 140)}px`;
    const now = Date.now();
    if (this.input.value && now - this.#toldTyping > typingEvery) {
      this.#toldTyping = now;
      this.link.signal('typing', {});
    }
  }

  #othersType(member) {
    clearTimeout(this.#typing.get(member));
    this.#typing.set(member, setTimeout(() => this.#stoppedTyping(member), typingFor));
    this.#showTyping();
  }

  #stoppedTyping(member) {
    clearTimeout(this.#typing.get(member));
    if (this.#typing.delete(member)) this.#showTyping();
  }

  #showTyping() {
    const names = [...this.#typing.keys()].map((m) => this.members.person(m).name);
    const who = names.length > 2 ? `${names.length} people are` : names.length === 2 ? `${names.join(' and ')} are` : names.length === 1 ? `${names[0]} is` : '';
    this.typingText.textContent = who && `${who} typing`;
    this.typingText.classList.toggle('on', who !== '');
  }

  #setCount(n) {
    this.#count = n;
    this.countText.textContent = `${n.toLocaleString()} ${n === 1 ? 'line' : 'lines'}`;
  }

  #atEnd() {
    const s = this.scroller;
    return s.scrollHeight - s.scrollTop - s.clientHeight < 60;
  }

  #toEnd() {
    this.#stick = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.newer.hidden = true;
  }
}
