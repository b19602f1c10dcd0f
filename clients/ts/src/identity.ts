import { read, type Storage, write } from './storage.ts';

const block = 256;

/**
 * Identity is the secret name of the connection, and the ids of its commands and queries. With storage both go on
 * when the page is loaded again.
 */
export class Identity {
  readonly conn: string;
  readonly #storage: Storage | undefined;
  readonly #key: string;
  #next: number;
  #reserved: number;

  constructor(url: string, conn: string | undefined, storage: Storage | undefined) {
    this.#storage = storage;
    this.#key = `tutti.conn.${url}`;
    const [stored, next] = read(storage, this.#key)?.split(' ') ?? [];
    const again = stored && (!conn || conn === stored) ? Number(next) : 0;
    this.conn = conn ?? (again > 0 && stored ? stored : random());
    // A name that was used before, by who knows whom: its ids rise with the clock.
    this.#next = again > 0 ? again : conn ? Date.now() * 1000 : 1;
    this.#reserved = this.#next;
    this.#keep();
  }

  /** take returns the next id. Ids are reserved in blocks, so that storage is written seldom. */
  take(): number {
    const id = this.#next++;
    if (id >= this.#reserved) {
      this.#reserved = id + block;
      this.#keep();
    }
    return id;
  }

  /** forget has the next page begin with another name. */
  forget(): void {
    write(this.#storage, this.#key, '');
  }

  #keep(): void {
    write(this.#storage, this.#key, `${this.conn} ${this.#reserved}`);
  }

  /** processed says that the platform has had this id. */
  processed(id: number): void {
    this.#next = Math.max(this.#next, id + 1);
  }
}

/** random returns a name that nobody guesses; randomUUID is not there on pages without TLS. */
function random(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
}
