/** TuttiError is every error that the client makes. */
export class TuttiError extends Error {
  override get name(): string {
    return 'TuttiError';
  }
}

/** Rejected is the "no" to a command or query: it changed nothing. */
export class Rejected extends TuttiError {
  override get name(): string {
    return 'Rejected';
  }
  /** One of the protocol's codes or the application's own. */
  readonly code: string;
  constructor(code: string, message?: string) {
    super(message || code);
    this.code = code;
  }
}

/** Unknown says that a command was sent and may have had its effect or not. */
export class Unknown extends TuttiError {
  override get name(): string {
    return 'Unknown';
  }
}

/** Closed says that the entity handle is closed, and that what it was asked for has not been sent. */
export class Closed extends TuttiError {
  override get name(): string {
    return 'Closed';
  }
}

/** Overflow says that a reader of events was so slow that some had to be left out. */
export class Overflow extends TuttiError {
  override get name(): string {
    return 'Overflow';
  }
}

/** Terminated is the server's last word on a link. */
export class Terminated extends TuttiError {
  override get name(): string {
    return 'Terminated';
  }
  readonly code: string;
  /** Whether the client comes back by itself. */
  readonly reconnect: boolean;
  /** How long it waits first, where the server said so, in ms. */
  readonly after: number | undefined;
  constructor(code: string, message: string | undefined, reconnect: boolean, after?: number) {
    super(message || code);
    this.code = code;
    this.reconnect = reconnect;
    this.after = after;
  }
}

/** Refused is an HTTP answer other than the one that was hoped for. */
export class Refused extends TuttiError {
  override get name(): string {
    return 'Refused';
  }
  readonly status: number;
  /** The reject code of the problem body, where it has one. */
  readonly code: string | undefined;
  /** What Retry-After said, in ms. */
  readonly after: number | undefined;
  /** The server itself answered, with a problem body, and not something on the way to it. */
  readonly byServer: boolean;
  constructor(status: number, message: string, byServer: boolean, code?: string, after?: number) {
    super(message);
    this.status = status;
    this.byServer = byServer;
    this.code = code;
    this.after = after;
  }

  /** Nobody serves the entity, and the request has done nothing. */
  get unserved(): boolean {
    return this.byServer && this.status === 503 && this.code === 'unavailable' && !!this.after;
  }
}

/** Lost is a link that ended without a word. */
export class Lost extends TuttiError {
  override get name(): string {
    return 'Lost';
  }
  /** Not even an answer: whatever the transport, nothing gets through. */
  readonly unreachable: boolean;
  constructor(message: string, unreachable = false, cause?: unknown) {
    super(message, { cause });
    this.unreachable = unreachable;
  }
}

/** refusal reads the error out of a response. */
export async function refusal(response: Response): Promise<Refused> {
  const byServer = fromServer(response.headers);
  let problem: { title?: string; detail?: string; code?: string } = {};
  try {
    if (byServer) problem = await response.json();
    else await response.body?.cancel();
  } catch {
    // a body that is cut off says nothing
  }
  return new Refused(
    response.status,
    problem.detail ?? problem.title ?? `status ${response.status}`,
    byServer,
    problem.code,
    retryAfter(response.headers.get('retry-after')),
  );
}

/** fromServer returns whether it was the server that refused, and not something on the way to it. */
export const fromServer = (headers: Headers): boolean =>
  !!headers.get('content-type')?.startsWith('application/problem+json');

/** retryAfter returns what the header says in ms: seconds or a date, an hour at most. */
function retryAfter(header: string | null): number | undefined {
  if (!header) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), 3_600_000);
}
