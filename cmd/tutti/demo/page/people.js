// Who is here: the members of one entity, as presence frames tell.

import { hue } from './identity.js';

export class Members {
  #byMember = new Map();
  #fresh = false;
  count = 0;

  constructor(changed) {
    this.changed = changed;
  }

  // The first presence frame of a link lists everybody.
  welcome() {
    this.#fresh = true;
  }

  take(frame) {
    if (this.#fresh) this.#byMember.clear();
    this.#fresh = false;
    for (const m of [...(frame.joined ?? []), ...(frame.updated ?? [])]) {
      this.#byMember.set(m.member, { ...this.#byMember.get(m.member), ...m });
    }
    for (const member of frame.left ?? []) this.#byMember.delete(member);
    this.count = frame.count ?? this.#byMember.size;
    this.changed?.(this);
  }

  // person returns what is known of a member.
  person(member) {
    const m = this.#byMember.get(member);
    return { member, name: String(m?.who ?? 'somebody') };
  }

  has(member) {
    return this.#byMember.has(member);
  }

  all() {
    return [...this.#byMember.keys()].map((m) => this.person(m));
  }
}

/** avatar returns an element with somebody's initials in their color. */
export function avatar({ name }) {
  const e = document.createElement('span');
  e.className = 'avatar';
  e.style.setProperty('--hue', hue(name));
  e.textContent = initials(name);
  e.setAttribute('aria-hidden', 'true');
  return e;
}

function initials(name) {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  return words.slice(0, 2).map((w) => [...w][0].toUpperCase()).join('') || '?';
}

/** PeoplePanel shows avatars in the header and the list behind them. */
export class PeoplePanel {
  constructor(me) {
    this.me = me;
    this.button = document.querySelector('#people-button');
    this.faces = document.querySelector('#faces');
    this.list = document.querySelector('#people-list');
    this.count = document.querySelector('#people-count');
    const form = document.querySelector('#rename');
    form.elements.name.value = me.name;
    form.addEventListener('submit', (e) => {
      e.preventDefault();
      me.rename(form.elements.name.value.trim());
    });
  }

  show(members, mine) {
    const all = members.all().sort((a, b) => (b.member === mine) - (a.member === mine) || a.name.localeCompare(b.name));
    this.faces.replaceChildren(...all.slice(0, 4).map(avatar));
    const n = members.count;
    this.count.textContent = String(n);
    this.button.setAttribute('aria-label', `${n} ${n === 1 ? 'person is' : 'people are'} here`);
    this.list.replaceChildren(
      ...all.map((p) => {
        const li = document.createElement('li');
        const name = document.createElement('span');
        name.className = 'person-name';
        name.textContent = p.name;
        li.append(avatar(p), name);
        if (p.member === mine) {
          const you = document.createElement('span');
          you.className = 'you';
          you.textContent = 'you';
          li.append(you);
        }
        return li;
      }),
    );
    if (n > all.length) {
      const li = document.createElement('li');
      li.className = 'more';
      li.textContent = `and ${n - all.length} more`;
      this.list.append(li);
    }
  }
}
