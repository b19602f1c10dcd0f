import type { Hops, Microseconds, PongFrame } from './frames.ts';

/** Latency is where the time of one ping went, all in µs. */
export interface Latency {
  /** The whole way to the entity's state node and back. */
  readonly roundTrip: Microseconds;
  /** From the client to the edge. */
  readonly up: Microseconds;
  /** From the edge to the client. */
  readonly down: Microseconds;
  /** What the edge and the state node say they took. */
  readonly edge: Microseconds;
  readonly state: Microseconds;
}

/** Trace is where the time of one command went, all in µs. */
export type Trace = { readonly up: Microseconds; readonly down: Microseconds } & Readonly<Hops>;

/** now returns this machine's clock, Unix µs. */
export function now(): Microseconds {
  return (performance.timeOrigin + performance.now()) * 1000;
}

/** reportable returns a measured time as a ping may tell it: an edge ends the link for what is longer than a minute. */
export function reportable(us: Microseconds | undefined): Microseconds | undefined {
  return us !== undefined && us <= 60e6 ? Math.round(us) : undefined;
}

const kept = 12;

interface Sample {
  network: Microseconds;
  offset: Microseconds;
}

/**
 * Clock estimates how far the edge's clock is ahead of this machine's. In the fastest of the last round trips
 * there was the least to wait for, and the way there took about as long as the way back.
 */
export class Clock {
  #samples: Sample[] = [];

  /** pong takes one round trip: sent and received are times of this machine. */
  pong(sent: Microseconds, received: Microseconds, { at, edge_us: edge = 0, state_us: state = 0 }: PongFrame): Latency {
    const roundTrip = received - sent;
    const network = Math.max(roundTrip - edge - state, 0);
    if (at !== undefined) {
      this.#samples = [...this.#samples.slice(1 - kept), { network, offset: at - sent - network / 2 }];
    }
    return { roundTrip, edge, state, ...this.#split(sent, network, at) };
  }

  /** trace takes the hops of a command that was sent and acknowledged at these times. */
  trace(sent: Microseconds, received: Microseconds, { at, ...hops }: Hops & { at?: Microseconds }): Trace {
    const inside = Object.values(hops).reduce((sum, us) => sum + us, 0);
    return { ...this.#split(sent, Math.max(received - sent - inside, 0), at), ...hops };
  }

  /** reset forgets an edge: another one has another clock. */
  reset(): void {
    this.#samples = [];
  }

  /** split divides the time on the network between the way there and the way back. */
  #split(sent: Microseconds, network: Microseconds, at: Microseconds | undefined): Pick<Latency, 'up' | 'down'> {
    let best: Sample | undefined;
    for (const s of this.#samples) if (!best || s.network < best.network) best = s;
    const there = best && at !== undefined ? at - best.offset - sent : network / 2;
    const up = Math.min(Math.max(there, 0), network);
    return { up, down: network - up };
  }
}
