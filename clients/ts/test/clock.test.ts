import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Clock, reportable } from '../src/clock.ts';

/** ping takes one ping through a clock: all in µs, the edge's clock being ahead by skew. */
function ping(clock: Clock, at: number, skew: number, up: number, inside: number, down: number) {
  const frame = { type: 'pong' as const, t: 1, at: at + up + skew, edge_us: inside / 2, state_us: inside / 2 };
  return clock.pong(at, at + up + inside + down, frame);
}

test('a delay on one way shows on that way alone', () => {
  const clock = new Clock();
  for (let i = 0; i < 5; i++) ping(clock, i * 1e6, 7_000_000, 1_000, 400, 1_000);
  const slowUp = ping(clock, 6e6, 7_000_000, 51_000, 400, 1_000);
  expect(slowUp).toMatchObject({ up: 51_000, down: 1_000, roundTrip: 52_400, edge: 200, state: 200 });
  expect(ping(clock, 7e6, 7_000_000, 1_000, 400, 51_000)).toMatchObject({ up: 1_000, down: 51_000 });
});

test('without the clock of the edge the ways are taken to be alike', () => {
  const clock = new Clock();
  expect(clock.pong(0, 3_000, { type: 'pong', t: 1, edge_us: 500, state_us: 500 })).toMatchObject({
    up: 1000,
    down: 1000,
  });
});

test('a clock that is set is forgotten with the pings of before', () => {
  const clock = new Clock();
  for (let i = 0; i < 5; i++) ping(clock, i * 1e6, 0, 100, 0, 100);
  for (let i = 5; i < 20; i++) ping(clock, i * 1e6, 9_000_000, 1_000, 0, 1_000);
  expect(ping(clock, 21e6, 9_000_000, 5_000, 0, 1_000)).toMatchObject({ up: 5_000, down: 1_000 });
});

test('no part is ever negative, and together they are the whole', () => {
  const us = fc.integer({ min: 0, max: 1_000_000 });
  fc.assert(
    fc.property(fc.array(fc.tuple(us, us, us, fc.integer({ min: -1e9, max: 1e9 })), { minLength: 1 }), (pings) => {
      const clock = new Clock();
      for (const [up, inside, down, skew] of pings) {
        const l = ping(clock, 0, skew, up, inside, down);
        expect(Math.min(l.up, l.down)).toBeGreaterThanOrEqual(0);
        expect(l.up + l.down + l.edge + l.state).toBeCloseTo(l.roundTrip);
      }
    }),
  );
});

test('what an edge would not take is not reported', () => {
  expect([reportable(undefined), reportable(0), reportable(1499.6), reportable(60e6), reportable(60e6 + 0.4)]).toEqual([
    undefined,
    0,
    1500,
    60e6,
    undefined,
  ]);
});
