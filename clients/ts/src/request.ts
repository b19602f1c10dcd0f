import { fromServer } from './errors.ts';

const pause = 20; // ms, about; twice as long each time
const tries = 5;

/**
 * request makes a request, again and again while an edge refuses it because it stops: nothing has been done then, and where several edges
 * share a name, another one is asked.
 */
export async function request(
  fetch: typeof globalThis.fetch,
  url: URL,
  init: RequestInit,
  most = tries,
): Promise<Response> {
  for (let n = 1; ; n++) {
    const response = await fetch(url, init);
    if (n === most || !stops(response)) return response;
    await response.body?.cancel();
    await new Promise((resolve) => setTimeout(resolve, pause * 2 ** n * (0.5 + Math.random() / 2)));
  }
}

/** stops returns whether an edge, and nobody on the way to one, has said that it stops. */
const stops = ({ status, headers }: Response): boolean =>
  status === 503 && headers.get('retry-after') === '0' && fromServer(headers);
