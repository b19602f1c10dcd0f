// Which tab of this browser may use SSE or long polls.

/**
 * Streams keeps tabs out of each other's way: a browser opens six connections to a host over HTTP/1.1, shared by all of
 * its tabs, and one tab's entities need four of them for streams and the others for commands. The tab that took them last
 * has them.
 */
export class Streams {
  readonly #channel = new BroadcastChannel('tutti.streams');

  /** taken is called when another tab takes them. */
  constructor(taken: () => void) {
    this.#channel.onmessage = taken;
  }

  take(): void {
    this.#channel.postMessage('taken');
  }
}
