import { Lost, Refused, refusal, Terminated } from './errors.ts';
import { parseFrames } from './frames.ts';
import { batches, bearer, type Dial, type Hears, type Link, type WebSocketLike } from './link.ts';

const subprotocol = 'tutti.v1';
const busyBytes = 1 << 20;
/** Close codes after which there is no coming back, where no terminate frame said so. */
const final = [1002, 1003, 1007, 4400, 4403, 4404, 4409, 4413];

/** openWebSocket opens a WebSocket. */
export function openWebSocket(dial: Dial, hears: Hears): Link {
  let socket: WebSocketLike | undefined;
  let over = false;
  let open = false;
  let lines: string[] = [];

  const end = (error: Error) => {
    if (over) return;
    close();
    hears.ended(error);
  };
  const close = () => {
    over = true;
    try {
      socket?.close(1000);
    } catch {
      // it was never open
    }
  };
  const flush = () => {
    if (over || !open) return;
    const taken = lines;
    lines = [];
    for (const body of batches(taken)) socket?.send(body);
  };
  const connect = (proof: string) => {
    if (over || !dial.WebSocket) return;
    const url = new URL(dial.url);
    url.protocol = url.protocol.replace('http', 'ws');
    let s: WebSocketLike;
    try {
      s = new dial.WebSocket(url.href, proof ? [subprotocol, proof] : [subprotocol]);
    } catch (error) {
      return end(new Lost('a WebSocket is not allowed here', false, error));
    }
    socket = s;
    s.onopen = () => {
      open = true;
      if (over) return close();
      if (s.protocol !== subprotocol) return end(new Refused(426, `the server does not speak ${subprotocol}`, false));
      hears.heard();
      flush();
    };
    s.onmessage = ({ data }: { data: unknown }) => {
      if (over) return;
      hears.heard();
      try {
        hears.frames(parseFrames(String(data)), false);
      } catch (error) {
        end(new Lost('a frame is no JSON', false, error));
      }
    };
    s.onerror = () => {}; // a close follows
    s.onclose = ({ code, reason }: { code: number; reason: string }) => {
      const message = reason || `the WebSocket closed with ${code}`;
      end(final.includes(code) ? new Terminated(`closed with ${code}`, message, false) : new Lost(message));
    };
  };

  if (dial.tickets && dial.token()) ticket(dial).then((t) => connect(`ticket.${t}`), end);
  else connect(dial.token() && `bearer.${dial.token()}`);

  return {
    send(line) {
      if (lines.push(line) === 1) queueMicrotask(flush);
    },
    get busy() {
      return (socket?.bufferedAmount ?? 0) > busyBytes;
    },
    drained: async () => {},
    close,
  };
}

/** ticket gets what may show up in the logs of proxies. */
async function ticket({ url, token, fetch }: Dial): Promise<string> {
  let response: Response;
  try {
    const tickets = new URL(`${url.pathname.slice(0, url.pathname.lastIndexOf('/v1/'))}/v1/tickets`, url);
    response = await fetch(tickets, {
      method: 'POST',
      headers: bearer(token()),
      credentials: 'omit',
      cache: 'no-store',
    });
  } catch (error) {
    throw new Lost('no answer to the request for a ticket', true, error);
  }
  if (!response.ok) throw await refusal(response);
  return (await response.json()).ticket;
}
