/** Storage is what the client needs of localStorage or sessionStorage. */
export interface Storage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/** read returns what is stored; storage that fails is as good as none. */
export function read(storage: Storage | undefined, key: string): string | undefined {
  try {
    return storage?.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

/** write stores where that is possible. */
export function write(storage: Storage | undefined, key: string, value: string): void {
  try {
    storage?.setItem(key, value);
  } catch {
    // full or forbidden: the client forgets with the page
  }
}
