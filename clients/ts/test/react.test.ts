// @vitest-environment jsdom
import { createElement, StrictMode, useState } from 'react';
import { flushSync } from 'react-dom';
import { createRoot, type Root } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { Entity, Options } from '../src/index.ts';
import { useEntity, useEntityState, useObservable } from '../src/react.ts';
import { apply, type Desk } from './desk.ts';
import { Server, token } from './server.ts';

const server = new Server();
beforeAll(() => server.start());
afterAll(() => server[Symbol.asyncDispose]());

// Counted is a WebSocket that is counted while it is open.
class Counted extends WebSocket {
  static made = 0;
  static open = 0;
  constructor(url: string, protocols: string[]) {
    super(url, protocols);
    Counted.made++;
    Counted.open++;
    this.once('close', () => Counted.open--);
  }
}

const options = (more: Partial<Options<Desk>> = {}): Options<Desk> => ({
  token: token('ann'),
  apply,
  transports: ['websocket'],
  WebSocket: Counted as unknown as NonNullable<Options<Desk>['WebSocket']>,
  ...more,
});

let root: Root;
let entity: Entity<Desk> | undefined;
let renders = 0;

beforeEach(() => {
  Object.assign(Counted, { made: 0, open: 0 });
  renders = 0;
  root = createRoot(document.createElement('div'));
});

afterEach(async () => {
  flushSync(() => root.unmount());
  await gone();
});

const gone = () => vi.waitFor(() => expect(Counted.open).toBe(0), { timeout: 5_000 });
const sees = (text: string) => vi.waitFor(() => expect(shown).toBe(text), { timeout: 5_000, interval: 5 });
let shown = '';

function Sum({ id, more }: { id: string; more?: Partial<Options<Desk>> }) {
  entity = useEntity<Desk>(server.url(id), options(more));
  const sum = useEntityState(entity, (s) => s.sum);
  renders++;
  shown = sum === undefined ? 'nothing' : `${id} ${sum}`;
  return shown;
}

const strict = (props: Parameters<typeof Sum>[0]) => createElement(StrictMode, null, createElement(Sum, props));

function Even() {
  const desk = useEntity<Desk>(server.url('even'), options());
  entity = desk;
  const even = useEntityState(
    desk,
    ({ sum }) => ({ even: sum % 2 === 0 }),
    (a, b) => a.even === b.even,
  );
  renders++;
  shown = String(even?.even);
  return shown;
}

let tick = () => {};
const asked: number[] = [];

function Page() {
  const [n, set] = useState(0);
  tick = () => set(n + 1);
  const page = useEntity<Desk>(
    server.url('late'),
    options({
      token: () => {
        asked.push(n);
        return token('ann', { exp: Math.floor(Date.now() / 1000) + 8 });
      },
    }),
  );
  shown = `${useObservable(page?.status)?.phase}`;
  return shown;
}

function Maybe() {
  const desk = useEntity<Desk>(undefined, options());
  return String(useEntityState(desk, (s) => s.sum));
}

test('a component shows the state, and its connection ends with it', async () => {
  flushSync(() => root.render(createElement(Sum, { id: 'shown' })));
  expect(shown).toBe('nothing');
  await sees('shown 0');
  await entity?.send('add', { by: 2 });
  await sees('shown 2');
  expect(Counted.made).toBe(1);
  const last = entity;
  flushSync(() => root.unmount());
  await gone();
  expect(last?.status.value.phase).toBe('closed');
});

test('StrictMode opens one connection, and leaves none', async () => {
  flushSync(() => root.render(strict({ id: 'strict' })));
  await sees('strict 0');
  expect(Counted.made).toBe(1);
  flushSync(() => root.unmount());
  await gone();
  expect(Counted.made).toBe(1);
});

test('another URL is another entity, and the old one is closed', async () => {
  flushSync(() => root.render(strict({ id: 'one' })));
  await sees('one 0');
  const one = entity;
  await one?.send('add', { by: 5 });
  await sees('one 5');
  flushSync(() => root.render(strict({ id: 'two' })));
  expect(shown).not.toBe('two 5'); // not for a moment
  await sees('two 0');
  expect(one?.status.value.phase).toBe('closed');
  expect(Counted.made).toBe(2);
  await vi.waitFor(() => expect(Counted.open).toBe(1));
});

test('a component renders when what it selects has changed, and only then', async () => {
  flushSync(() => root.render(createElement(Even)));
  await sees('true');
  const before = renders;
  for (let i = 0; i < 5; i++) await entity?.send('add', { by: 2 });
  expect(entity?.state.value?.sum).toBe(10);
  expect(renders).toBe(before);
  await entity?.send('add', { by: 1 });
  await sees('false');
  expect(renders).toBe(before + 1);
});

test('options of later renders open nothing; a token function is the last one given', async () => {
  flushSync(() => root.render(createElement(Page)));
  await sees('online');
  for (let i = 0; i < 3; i++) flushSync(() => tick());
  await vi.waitFor(() => expect(asked.length).toBeGreaterThan(1), { timeout: 10_000 });
  expect(asked).toEqual([0, 3]);
  expect(Counted.made).toBe(1);
});

test('without a URL, and on a server, there is no entity', async () => {
  flushSync(() => root.render(createElement(Maybe)));
  expect(renderToString(createElement(Sum, { id: 'server' }))).toBe('nothing');
  expect(Counted.made).toBe(0);
});
