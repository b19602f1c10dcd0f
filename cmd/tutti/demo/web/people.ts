// Who is here.
import { find } from './desk.ts';
import { hue, type Me } from './identity.ts';

interface Here {
  readonly count: number;
  readonly list: ReadonlyMap<string, { readonly who?: string }>;
}

/** Present is an entity whose members show their names. */
interface Present {
  readonly member: string;
  readonly members: { readonly value: Here; subscribe(fn: (here: Here) => void): () => void };
}

export interface Person {
  member: string;
  name: string;
}

/** personOf returns what is known of a member. */
export function personOf(entity: Pick<Present, 'members'>, member: string): Person {
  return { member, name: String(entity.members.value.list.get(member)?.who ?? 'somebody') };
}

/** avatar returns an element with somebody's initials in their color. */
export function avatar({ name }: { name: string }): HTMLElement {
  const e = document.createElement('span');
  e.className = 'avatar';
  e.style.setProperty('--hue', String(hue(name)));
  e.textContent = initials(name);
  e.setAttribute('aria-hidden', 'true');
  return e;
}

function initials(name: string): string {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  return words.slice(0, 2).map((w) => [...w][0]?.toUpperCase()).join('') || '?';
}

/** PeoplePanel shows avatars in the header and the list behind them. */
export class PeoplePanel {
  readonly #button = find('#people-button');
  readonly #faces = find('#faces');
  readonly #list = find('#people-list');
  readonly #count = find('#people-count');

  constructor(entity: Present, me: Me) {
    const name = find<HTMLInputElement>('#name');
    name.value = me.name;
    find<HTMLFormElement>('#rename').addEventListener('submit', (e) => {
      e.preventDefault();
      void me.rename(name.value.trim());
    });
    entity.members.subscribe(({ count, list }) => {
      this.#show([...list.keys()].map((m) => personOf(entity, m)), count, entity.member);
    });
  }

  #show(everybody: Person[], n: number, mine: string): void {
    const all = everybody.sort((a, b) => Number(b.member === mine) - Number(a.member === mine) || a.name.localeCompare(b.name));
    this.#faces.replaceChildren(...all.slice(0, 4).map(avatar));
    this.#count.textContent = String(n);
    this.#button.setAttribute('aria-label', `${n} ${n === 1 ? 'person is' : 'people are'} here`);
    this.#list.replaceChildren(
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
      this.#list.append(li);
    }
  }
}
