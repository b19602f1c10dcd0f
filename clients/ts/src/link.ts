import type { Refused } from './errors.ts';
import type { ServerFrame } from './frames.ts';

/** Transport is a way on which frames travel. */
export type Transport = 'websocket' | 'sse' | 'longpoll';

/** Dial is what a link is made with. */
export interface Dial {
  /** The entity's URL, http or https, with the parameters of this link. */
  readonly url: URL;
  /** The present token. */
  readonly token: () => string;
  readonly fetch: typeof globalThis.fetch;
  readonly WebSocket: WebSocketConstructor | undefined;
  /** A WebSocket shows a ticket and not the token. */
  readonly tickets: boolean;
}

/** Hears is told what a link receives. */
export interface Hears {
  /** Something has come from the server. */
  heard(): void;
  /** Frames have come; posted ones in the answer to a POST, beside the stream. */
  frames(frames: ServerFrame[], posted: boolean): void;
  /** Nobody serves what was posted, and nothing of it was done. Returns whether nothing of it is to be sent again. */
  unserved(lines: string[], why: Refused): boolean;
  /** The link is over, by itself: once, and nothing comes after it. Refused, Lost or another error says why. */
  ended(error: Error): void;
  /** The server has said how long to wait before coming back, in ms. */
  pace(ms: number): void;
}

/** Link is one network attachment of a connection. */
export interface Link {
  /** Sends a frame, together with others of the same moment. */
  send(line: string): void;
  /** Frames that are not worth waiting for are better not sent. */
  readonly busy: boolean;
  /** Settles when everything has been handed on. */
  drained(): Promise<void>;
  /** Ends the link; it then says nothing more. */
  close(): void;
}

export type OpenLink = (dial: Dial, hears: Hears) => Link;

/** WebSocketConstructor is the WebSocket of browsers, and of the ws package. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** WebSocketLike is what the client uses of a WebSocket. */
export interface WebSocketLike {
  readonly bufferedAmount: number;
  readonly protocol: string;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(data: string): void;
  close(code?: number): void;
}

export const bearer = (token: string): Record<string, string> => (token ? { authorization: `Bearer ${token}` } : {});

/** batches splits lines into bodies of at most 256 frames and about 256 KiB. */
export function* batches(lines: string[]): Generator<string> {
  let body: string[] = [];
  let size = 0;
  for (const line of lines) {
    if (body.length === 256 || (size > 0 && size + line.length > 256 << 10)) {
      yield body.join('\n');
      body = [];
      size = 0;
    }
    body.push(line);
    size += line.length;
  }
  if (body.length > 0) yield body.join('\n');
}
