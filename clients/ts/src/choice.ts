import type { Transport } from './link.ts';
import { read, type Storage, write } from './storage.ts';

const remembered = 3_600_000; // ms for which a way that worked is taken first
const shortLife = 10_000; // ms; links that end sooner, several in a row, are no good
const mostShort = 3;
const proven = 4; // attempts that a transport has which worked before

/**
 * Choice says which transport to take. It goes through the list, from what worked last, and begins again when
 * nothing gets through.
 */
export class Choice {
  readonly #storage: Storage | undefined;
  readonly #key: string;
  #list: readonly Transport[];
  #at: number;
  #tried = 0;
  #short = 0;
  #failures = 0; // of the present one, in a row
  #memory: string | undefined; // what worked, and until when to believe it

  constructor(list: readonly Transport[], origin: string, storage: Storage | undefined) {
    this.#storage = storage;
    this.#key = `tutti.transport.${origin}`;
    this.#list = list;
    this.#memory = read(storage, this.#key);
    this.#at = this.#recalled();
  }

  get present(): Transport {
    return this.#list[this.#at] as Transport;
  }

  /** best is the one to prefer. */
  get best(): Transport {
    return this.#list[0] as Transport;
  }

  /** hasFallback says whether there is another one that would tell more of why it fails. */
  get hasFallback(): boolean {
    return this.#list.some((transport) => transport !== 'websocket');
  }

  /** use replaces the list. */
  use(list: readonly Transport[]): void {
    this.#list = list;
    this.#at = 0;
    this.#tried = 0;
  }

  /** welcomed notes that a transport works. */
  welcomed(transport: Transport): void {
    this.#at = Math.max(this.#list.indexOf(transport), 0);
    this.#tried = 0;
    this.#failures = 0;
    if (this.#list.length === 1) return;
    this.#memory = `${transport} ${Date.now() + remembered}`;
    write(this.#storage, this.#key, this.#memory);
  }

  /** answered notes that the server itself was reached, and said no. */
  answered(): void {
    this.#tried = 0;
    this.#at = this.#recalled();
  }

  /** ended takes for how long, in ms, a link lived that had been welcomed. */
  ended(lived: number): void {
    this.#short = lived < shortLife ? this.#short + 1 : 0;
    if (this.#short >= mostShort) {
      this.#short = 0;
      this.#at = (this.#at + 1) % this.#list.length;
    }
  }

  /**
   * failed notes that the present transport does not work. It returns whether another one is to be tried at once;
   * if not, it was the last one, or nothing would get through anyway.
   */
  failed(unreachable: boolean): boolean {
    // What worked has more than one attempt: it may be the server that is away.
    if (++this.#failures < proven && this.#at === this.#recalled() && this.#memory) return false;
    this.#failures = 0;
    if (unreachable || ++this.#tried >= this.#list.length) {
      this.#tried = 0;
      this.#at = this.#recalled();
      return false;
    }
    this.#at = (this.#at + 1) % this.#list.length;
    return true;
  }

  #recalled(): number {
    const [transport, until] = this.#memory?.split(' ') ?? [];
    return Number(until) > Date.now() ? Math.max(this.#list.indexOf(transport as Transport), 0) : 0;
  }
}
