// What docs/protocol.md promises about the order of frames, for whatever client received them.
import assert from 'node:assert/strict';

/** Sequence takes the frames of one connection as they come, over all of its links. */
export class Sequence {
  frames = [];
  #waiting = [];
  #acked = new Set();

  /** take takes one frame, or several with line breaks between them. */
  take(text) {
    for (const line of String(text).split('\n')) this.frame(JSON.parse(line));
  }

  frame(frame) {
    if (frame.type === 'welcome') {
      assert.match(frame.epoch, /^[A-Za-z0-9_-]{1,32}$/);
      assert.equal('state' in frame, !frame.resumed, 'a state, or every event after the cursor');
      if (frame.resumed) assert.equal(`${frame.epoch}:${frame.rev}`, this.cursor, 'resumed from the cursor');
      if (this.member) assert.equal(frame.member, this.member, 'the member is the same after reconnects');
      [this.epoch, this.rev, this.member] = [frame.epoch, frame.rev, frame.member];
    }
    if (frame.type === 'event') {
      assert.ok(frame.rev > this.rev, `event ${frame.rev} came after ${this.rev}`);
      assert.equal(frame.prev ?? frame.rev - 1, this.rev, `no gap before event ${frame.rev}`);
      assert.ok(frame.by !== this.member || !this.#acked.has(frame.cmd), `event ${frame.rev} came after the ack of ${frame.cmd}`);
      this.rev = frame.rev;
    }
    if (frame.type === 'ack') this.#acked.add(frame.id);
    this.frames.push(frame);
    this.#waiting = this.#waiting.filter((w) => !w());
  }

  get cursor() {
    return `${this.epoch}:${this.rev}`;
  }

  of(type) {
    return this.frames.filter((f) => f.type === type);
  }

  get texts() {
    return this.of('event').map((e) => e.data.text);
  }

  /** until returns the nth frame that f holds for, once it has come. */
  until(f, n = 1) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`did not come: ${f}\n${this.frames.map((x) => JSON.stringify(x)).join('\n')}`)), 20_000);
      const look = () => {
        const found = this.frames.filter(f)[n - 1];
        if (!found) return false;
        clearTimeout(late);
        resolve(found);
        return true;
      };
      if (!look()) this.#waiting.push(look);
    });
  }

  welcomed(n = 1) {
    return this.until((f) => f.type === 'welcome', n);
  }

  /** heard waits for the event of a line. */
  heard(text) {
    return this.until((f) => f.type === 'event' && f.data.text === text);
  }

  acked(id) {
    return this.until((f) => ['ack', 'reject'].includes(f.type) && f.id === id);
  }
}

export const say = (id, text) => JSON.stringify({ type: 'command', id, name: 'say', data: { text } });
