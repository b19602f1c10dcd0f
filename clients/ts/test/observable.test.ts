import { expect, test } from 'vitest';
import { Pipe } from '../src/feed.ts';
import { Overflow } from '../src/index.ts';
import { Source } from '../src/observable.ts';

test('an observable tells the present value at once and then each new one', () => {
  const source = new Source(1);
  const seen: number[] = [];
  const stop = source.subscribe((v) => seen.push(v));
  source.set(2);
  source.set(2);
  source.set(3);
  stop();
  source.set(4);
  expect(seen).toEqual([1, 2, 3]);
  expect(source.value).toBe(4);
});

test('one function may subscribe twice, and unsubscribe while it is told', () => {
  const source = new Source(0);
  let calls = 0;
  const fn = () => void calls++;
  const first = source.subscribe(fn);
  source.subscribe(fn);
  first();
  source.set(1);
  expect(calls).toBe(3);
  const stop = source.subscribe((v) => v === 2 && stop());
  source.set(2);
  source.set(3);
  expect(calls).toBe(5);
});

test('a slow reader of an observable gets the latest value, and the end', async () => {
  const source = new Source(0);
  const seen: number[] = [];
  const reading = (async () => {
    for await (const v of source) seen.push(v);
  })();
  await null;
  for (let i = 1; i <= 5; i++) source.set(i);
  await new Promise((r) => setTimeout(r));
  source.set(6);
  source.end();
  await reading;
  expect(seen.at(0)).toBe(0);
  expect(seen.at(-1)).toBe(6);
  expect(seen.length).toBeLessThan(6);
});

test('a reader that stops leaves nothing behind, also while it waits', async () => {
  const source = new Source(0);
  for await (const v of source) if (v === 0) break;
  const iterator = source[Symbol.asyncIterator]();
  await iterator.next();
  const waiting = iterator.next();
  await iterator.return?.();
  expect(await waiting).toEqual({ done: true, value: undefined });
  expect(await iterator.next()).toEqual({ done: true, value: undefined });
});

test('a feed loses nothing of what its reader can take', async () => {
  const pipe = new Pipe<number>();
  pipe.push(0); // nobody is there
  const iterator = pipe[Symbol.asyncIterator]();
  for (let i = 1; i <= 1000; i++) pipe.push(i);
  for (let i = 1; i <= 1000; i++) expect(await iterator.next()).toEqual({ done: false, value: i });
  const waiting = iterator.next();
  pipe.push(1001);
  pipe.end();
  expect((await waiting).value).toBe(1001);
  expect((await iterator.next()).done).toBe(true);
});

test('a feed tells a reader that is too slow', async () => {
  const pipe = new Pipe<number>();
  const iterator = pipe[Symbol.asyncIterator]();
  for (let i = 0; i <= 1000; i++) pipe.push(i);
  await expect(iterator.next()).rejects.toBeInstanceOf(Overflow);
  expect((await iterator.next()).done).toBe(true);
});

test('a subscriber that fails harms nobody else', async () => {
  const pipe = new Pipe<number>();
  const seen: number[] = [];
  const thrown: unknown[] = [];
  const catching = (error: unknown) => thrown.push(error);
  process.on('uncaughtException', catching);
  pipe.subscribe(() => {
    throw new Error('of the application');
  });
  pipe.subscribe((v) => seen.push(v));
  pipe.push(1);
  await new Promise((r) => setTimeout(r));
  process.off('uncaughtException', catching);
  expect(seen).toEqual([1]);
  expect(thrown).toMatchObject([{ message: 'of the application' }]);
});

test('whoever is told last is told the latest, also when another one changes it while being told', () => {
  const source = new Source(0);
  source.subscribe((v) => v === 1 && source.set(2));
  const seen: number[] = [];
  source.subscribe((v) => seen.push(v));
  source.set(1);
  expect(seen.at(-1)).toBe(2);
});

test('each of several questions for the next one is answered', async () => {
  const source = new Source(0);
  const values = source[Symbol.asyncIterator]();
  await values.next();
  const pipe = new Pipe<number>();
  const items = pipe[Symbol.asyncIterator]();
  const all = Promise.all([values.next(), values.next(), items.next(), items.next(), items.next()]);
  source.set(1);
  pipe.push(1);
  await new Promise((r) => setTimeout(r));
  source.set(2);
  pipe.push(2);
  pipe.end();
  expect((await all).map((r) => r.value)).toEqual([1, 2, 1, 2, undefined]);
});
