// Copies of one text, kept by several people over links of any speed, end at the entity's text.
import assert from 'node:assert/strict';
import test from 'node:test';
import { forAll, patches, plainly, text } from './random.mjs';
import { load } from './source.mjs';

const [{ Copy }, { fromPatches }] = await Promise.all([load('copy.ts'), load('ot.ts')]);

// Entity applies an edit only to the revision that it expects, as the platform does.
class Entity {
  text = '';
  rev = 0;
  people = [];

  take(person, { expect, patches: all }) {
    if (expect !== this.rev) return person.inbox.push({ refused: true });
    this.text = plainly(this.text, all);
    this.rev++;
    for (const p of this.people) p.inbox.push({ rev: this.rev, patches: all, mine: p === person });
  }
}

// Person has a copy and two queues, which are as slow as the test likes.
class Person {
  copy = new Copy();
  rev = 0;
  inbox = [];
  outbox = [];

  send() {
    const all = this.copy.take();
    if (all) this.outbox.push({ expect: this.rev, patches: all });
  }

  hear() {
    const frame = this.inbox.shift();
    if (!frame) return;
    if (frame.fresh !== undefined) this.copy.restart(frame.fresh);
    else if (frame.refused) this.copy.refused();
    else if (frame.mine) this.copy.agreed();
    else this.copy.theirs(fromPatches(frame.patches));
    this.rev = frame.rev ?? this.rev;
    this.send();
  }
}

test('everybody ends at the same text', () => {
  forAll(400, (rnd) => {
    const entity = new Entity();
    const people = [new Person(), new Person(), new Person()];
    entity.people = people;
    for (let step = 0; step < 60; step++) {
      const p = people[rnd(people.length)];
      const what = rnd(6);
      if (what < 2) {
        const [all, want] = patches(rnd, p.copy.text);
        p.copy.edit(fromPatches(all));
        assert.equal(p.copy.text, want, 'one’s own edits show at once');
        p.send();
      } else if (what < 4) p.hear();
      else if (p.outbox.length > 0) entity.take(p, p.outbox.shift());
    }
    for (let quiet = false; !quiet; ) {
      quiet = true;
      for (const p of people) {
        while (p.inbox.length > 0) p.hear();
        if (p.outbox.length > 0) entity.take(p, p.outbox.shift());
        quiet &&= p.inbox.length === 0 && p.outbox.length === 0;
      }
    }
    for (const p of people) {
      assert.equal(p.copy.text, entity.text);
      assert.ok(!p.copy.pending, 'nothing is left behind');
    }
  });
});

test('nothing that one person alone wrote is lost', () => {
  forAll(200, (rnd) => {
    const entity = new Entity();
    const [ann, ben] = (entity.people = [new Person(), new Person()]);
    let letters = 0;
    for (let step = 0; step < 80; step++) {
      const p = rnd(2) ? ann : ben;
      const what = rnd(4);
      if (what === 0) {
        const mark = p === ann ? 'A' : 'B';
        p.copy.edit(fromPatches([[rnd([...p.copy.text].length + 1), 0, mark]]));
        letters++;
        p.send();
      } else if (what < 3) p.hear();
      else if (p.outbox.length > 0) entity.take(p, p.outbox.shift());
    }
    while ([ann, ben].some((p) => p.inbox.length + p.outbox.length > 0)) {
      for (const p of [ann, ben]) {
        p.hear();
        if (p.outbox.length > 0) entity.take(p, p.outbox.shift());
      }
    }
    assert.equal(entity.text.length, letters);
    assert.equal(ann.copy.text, ben.copy.text);
  });
});

test('a fresh text keeps what is not agreed on', () => {
  const copy = new Copy();
  copy.restart('one two three');
  copy.edit(fromPatches([[13, 0, ' four']]));
  copy.edit(fromPatches([[0, 3, 'ONE']]));
  copy.take();
  copy.edit(fromPatches([[18, 0, '!']]));
  copy.restart('one 2 three');
  assert.equal(copy.text, 'ONE 2 three four!');
  copy.refused();
  assert.equal(plainly('one 2 three', copy.take()), 'ONE 2 three four!');
});

test('a long text goes in portions that fit a command', () => {
  forAll(20, (rnd) => {
    const long = Array.from({ length: 3000 }, () => text(rnd, 40)).join('');
    const copy = new Copy();
    copy.edit(fromPatches([[0, 0, long]]));
    let shared = '';
    for (let all; (all = copy.take()); copy.agreed()) {
      assert.ok(Buffer.byteLength(JSON.stringify({ patches: all })) < 64 << 10);
      shared = plainly(shared, all);
    }
    assert.equal(shared, long);
    assert.ok(!copy.pending);
  });
});

test('giving up returns to what is agreed on', () => {
  const copy = new Copy();
  copy.restart('abc');
  copy.edit(fromPatches([[1, 1, 'X']]));
  copy.take();
  copy.edit(fromPatches([[3, 0, 'Y']]));
  copy.giveUp();
  assert.equal(copy.text, 'abc');
  assert.ok(!copy.pending);
});
