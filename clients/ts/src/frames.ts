// The frames of the server, as docs/protocol.md has them.

export interface Welcome {
  type: 'welcome';
  member: string;
  epoch: string;
  rev: number;
  resumed: boolean;
  acked: number;
  known: boolean;
  state?: unknown;
  heartbeat: number;
}

export interface EventFrame {
  type: 'event';
  rev: number;
  prev?: number;
  name: string;
  data: unknown;
  at: number;
  by?: string;
  cmd?: number;
}

/** Microseconds is a time on the wire. */
export type Microseconds = number;

/** The hops of one command inside the platform. */
export interface Hops {
  edge: Microseconds;
  bus: Microseconds;
  mailbox: Microseconds;
  handler: Microseconds;
  journal: Microseconds;
  fanout: Microseconds;
}

export interface AckFrame {
  type: 'ack';
  id: number;
  rev: number;
  reply?: unknown;
  trace?: Hops & { at?: Microseconds };
}

export interface RejectFrame {
  type: 'reject';
  id: number;
  code: string;
  message?: string;
  /** The client says so: the server has not seen what it was sent last. */
  untaken?: true;
}

export interface AnswerFrame {
  type: 'answer';
  id: number;
  rev: number;
  data?: unknown;
}

export interface MessageFrame {
  type: 'message';
  name: string;
  data: unknown;
  by?: string;
}

export interface MemberFrame {
  member: string;
  who?: unknown;
  data?: unknown;
}

export interface PresenceFrame {
  type: 'presence';
  count: number;
  joined?: MemberFrame[];
  left?: string[];
  updated?: MemberFrame[];
}

export interface StatusFrame {
  type: 'status';
  state: string;
}

export interface PongFrame {
  type: 'pong';
  t: unknown;
  edge_us?: Microseconds;
  state_us?: Microseconds;
  /** When the ping came to the edge, Unix µs of its clock. */
  at?: Microseconds;
}

export interface TerminateFrame {
  type: 'terminate';
  code: string;
  message?: string;
  reconnect: boolean;
  after?: number;
}

export type ServerFrame =
  | Welcome
  | EventFrame
  | AckFrame
  | RejectFrame
  | AnswerFrame
  | MessageFrame
  | PresenceFrame
  | StatusFrame
  | PongFrame
  | TerminateFrame;

/** parseFrames reads frames that stand one a line. */
export function parseFrames(text: string): ServerFrame[] {
  return text
    .split('\n')
    .filter((line) => line.trim())
    .map((line) => JSON.parse(line) as ServerFrame);
}
