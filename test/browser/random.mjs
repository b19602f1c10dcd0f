// Random texts and edits for properties, the same for the same seed.

const letters = ['a', 'b', 'c', '\n', 'é', '😀', '😁', '𝄞', '\u2028', '\0', '7', '0'];

// random returns a source of numbers from 0 to n-1 (mulberry32).
export function random(seed) {
  return (n) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

export function text(rnd, most) {
  return Array.from({ length: rnd(most + 1) }, () => letters[rnd(letters.length)]).join('');
}

// patches draws patches that fit a text, and applies them the plain way.
export function patches(rnd, s) {
  let after = s;
  const all = Array.from({ length: 1 + rnd(3) }, () => {
    const points = [...after].length;
    const at = rnd(points + 1);
    const one = [at, rnd(Math.min(4, points - at + 1)), text(rnd, 3)];
    after = plainly(after, [one]);
    return one;
  });
  return [all, after];
}

// plainly applies patches as the entity does, slowly.
export function plainly(s, all) {
  const points = [...s];
  for (const [at, deleted, inserted] of all) points.splice(at, deleted, ...inserted);
  return points.join('');
}

export function forAll(rounds, property) {
  for (let seed = 0; seed < rounds; seed++) {
    try {
      property(random(seed));
    } catch (e) {
      e.message = `seed ${seed}: ${e.message}`;
      throw e;
    }
  }
}
