/** Reason says why a token is wanted: none yet, soon no longer valid, or no longer taken by the server. */
export type Reason = 'first' | 'expiring' | 'expired';

/** Token is a JWT, or what gets one. */
export type Token = string | ((reason: Reason) => string | Promise<string>);

const margin = 5_000; // ms before it expires in which a token is replaced, at least
const longest = 86_400_000; // ms that one timer takes
const again = 1_000; // ms to wait when there is no fresh one

/** Tokens keeps the present token, and gets fresh ones in time. */
export class Tokens {
  readonly #from: Token;
  #token: string | undefined;
  #reason: Reason = 'first';
  #asked: Promise<string> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(from: Token) {
    this.#from = from;
  }

  /** present returns the token last got. */
  get present(): string {
    return this.#token ?? '';
  }

  /** renewable says whether another token can be had. */
  get renewable(): boolean {
    return typeof this.#from === 'function';
  }

  /** get returns a token that is valid as far as one can tell here. */
  async get(): Promise<string> {
    if (this.#token && this.#left(this.#token) <= 0) this.expired();
    return this.#token ?? this.#fresh();
  }

  /** expired says that the server takes the present token no longer. */
  expired(): void {
    if (this.renewable && this.#token) {
      this.#token = undefined;
      this.#reason = 'expired';
    }
  }

  /** keep hands a fresh token to use before the present one expires, again and again until stop. */
  keep(use: (token: string) => void): void {
    this.stop();
    const before = this.#token;
    if (!this.renewable || !before) return;
    const left = this.#left(before);
    // The server has just taken it: if it looks expired, the clocks differ, and the server will say when it is.
    if (left === Number.POSITIVE_INFINITY || left <= 0) return;
    this.#later(Math.max(left - Math.max(left / 10, margin), again), use);
  }

  #later(wait: number, use: (token: string) => void): void {
    this.#timer = setTimeout(
      async () => {
        const timer = this.#timer;
        if (wait > longest) return this.keep(use);
        const before = this.#token;
        this.#reason = 'expiring';
        try {
          const token = await this.#fresh();
          if (timer !== this.#timer) return;
          if (token !== before) use(token);
          this.keep(use);
        } catch {
          if (timer === this.#timer) this.#later(again, use);
        }
      },
      Math.min(wait, longest),
    );
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** forget has the next one asked for anew: the last question may never be answered. */
  forget(): void {
    this.#asked = undefined;
  }

  #fresh(): Promise<string> {
    if (this.#asked) return this.#asked;
    const asked: Promise<string> = Promise.resolve()
      .then(() => (typeof this.#from === 'function' ? this.#from(this.#reason) : this.#from))
      .then((token) => {
        this.#token = token;
        return token;
      })
      .finally(() => {
        if (this.#asked === asked) this.#asked = undefined;
      });
    this.#asked = asked;
    return asked;
  }

  /** left returns for how many ms a token says it is valid. Nothing is verified: it is the client's own. */
  #left(token: string): number {
    try {
      const payload = token.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/') ?? '';
      const exp = JSON.parse(atob(payload)).exp;
      return typeof exp === 'number' ? exp * 1000 - Date.now() : Number.POSITIVE_INFINITY;
    } catch {
      return Number.POSITIVE_INFINITY;
    }
  }
}
