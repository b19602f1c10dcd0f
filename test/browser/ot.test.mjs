// Properties of the operations that the pad's page merges with, on random texts and edits.
import assert from 'node:assert/strict';
import test from 'node:test';
import { forAll as each, patches, text } from './random.mjs';
import { load } from './source.mjs';

const { apply, compose, diff, fromPatches, inverse, isNothing, length, moved, pointAt, toPatches, transform, unitAt } = await load('ot.ts');

const rounds = 3000;

function forAll(property) {
  each(rounds, (rnd) => property(rnd, text(rnd, 12)));
}

test('patches become an operation and patches again', () => {
  forAll((rnd, s) => {
    const [p, want] = patches(rnd, s);
    const op = fromPatches(p);
    assert.equal(apply(s, op), want);
    assert.equal(apply(s, fromPatches(toPatches(op))), want);
  });
});

test('composing is doing one after the other', () => {
  forAll((rnd, s) => {
    const [p, middle] = patches(rnd, s);
    const [q, end] = patches(rnd, middle);
    assert.equal(apply(s, compose(fromPatches(p), fromPatches(q))), end);
  });
});

test('transformed operations converge', () => {
  forAll((rnd, s) => {
    const [a, b] = [fromPatches(patches(rnd, s)[0]), fromPatches(patches(rnd, s)[0])];
    const [a2, b2] = transform(a, b);
    assert.equal(apply(apply(s, a), b2), apply(apply(s, b), a2));
  });
});

test('the first of two insertions at one place is the left one', () => {
  const [a, b] = [fromPatches([[1, 0, 'A']]), fromPatches([[1, 0, 'B']])];
  const [, b2] = transform(a, b);
  assert.equal(apply(apply('xy', a), b2), 'xABy');
});

test('an inverse takes back', () => {
  forAll((rnd, s) => {
    const op = fromPatches(patches(rnd, s)[0]);
    assert.equal(apply(apply(s, op), inverse(op, s)), s);
  });
});

test('a difference leads from one text to the other and never splits a pair', () => {
  forAll((rnd, s) => {
    const other = rnd(2) ? patches(rnd, s)[1] : text(rnd, 12);
    const op = diff(s, other);
    assert.equal(apply(s, op), other);
    assert.equal(isNothing(op), s === other);
    for (const c of op) assert.ok(typeof c !== 'string' || c.isWellFormed(), JSON.stringify(op));
  });
  assert.deepEqual(diff('😀', '😁'), ['😁', -1]);
  assert.deepEqual(diff('a😀', 'a𝐀'), [1, '𝐀', -1]);
});

test('positions move with the text around them', () => {
  const op = fromPatches([[2, 0, '😀x'], [6, 2, '']]); // ab|cdefg → ab😀xcdg
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 7].map((p) => moved(op, p)), [0, 1, 2, 5, 6, 6, 6, 7]);
  assert.equal(moved([], 3), 3);
  forAll((rnd, s) => {
    // The text before an unchanged place stays before it.
    const at = rnd(length(s) + 1);
    const head = fromPatches(patches(rnd, s.slice(0, unitAt(s, at)))[0]);
    const tail = s.slice(unitAt(s, at));
    if (tail) assert.equal(apply(s, head).slice(unitAt(apply(s, head), moved(head, at + 1) - 1)), tail);
  });
});

test('code points and UTF-16 units', () => {
  assert.equal(length('a😀b'), 3);
  assert.equal(unitAt('a😀b', 2), 3);
  assert.equal(pointAt('a😀b', 3), 2);
});
