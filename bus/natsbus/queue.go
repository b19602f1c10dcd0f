package natsbus

import (
	"sync"

	"github.com/tutti-rt/tutti/bus"
)

const (
	// keptMessages bounds how many empty messages a queue keeps to be filled again.
	keptMessages = 32
	// keptSubjects bounds of how many addresses a queue remembers the subject.
	keptSubjects = 4096
)

// queue is what waits in a lane to be sent: for each address in order, and the addresses in turn.
type queue struct {
	most   int // bytes
	batch  int // bytes of a message of several envelopes
	filled chan struct{}
	key    func(target) string        // the subject of a target
	check  func(subject string) error // why nobody would get what is sent to it, as far as that is known

	mu       sync.Mutex
	bytes    int
	closed   bool
	by       map[target]*waiting
	turn     []*waiting // those with something in them
	subjects map[target]string
	free     []*block
}

// target is where envelopes go to.
type target struct {
	at  bus.Address
	all bool // who have joined it
}

// waiting is what waits for one target.
type waiting struct {
	to      target
	subject string
	blocks  []*block
}

// block is one message, or the binary form of an envelope that needs several.
type block struct {
	data   []byte
	large  bool
	count  int    // envelopes
	bytes  int    // of them
	sent   int    // bytes of a large one
	number uint64 // of a large one, among those of the lane
}

func newQueue(most, batch int) *queue {
	return &queue{
		most: most, batch: batch, filled: make(chan struct{}, 1),
		by: make(map[target]*waiting), subjects: make(map[target]string),
	}
}

// put adds the binary form of an envelope. It reports whether it keeps packed, as it does with what needs several messages.
func (q *queue) put(to target, packed []byte) (kept bool, err error) {
	size := len(packed) + headBytes + 10 // in a message of its own
	large := size > q.batch
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return false, bus.ErrClosed
	case q.bytes > 0 && q.bytes+len(packed) > q.most: // one alone may be larger than the bound
		return false, bus.ErrFull
	}
	w := q.by[to]
	if w == nil {
		subject := q.subject(to)
		if !to.all {
			if err := q.check(subject); err != nil {
				return false, err
			}
		}
		w = &waiting{to: to, subject: subject}
		q.by[to] = w
		q.turn = append(q.turn, w)
	}
	var b *block
	if large {
		b = &block{data: packed, large: true}
		w.blocks = append(w.blocks, b)
	} else {
		b = q.room(w, size)
		b.data = appendEnvelope(b.data, packed)
	}
	b.count++
	b.bytes += len(packed)
	q.bytes += len(packed)
	select {
	case q.filled <- struct{}{}:
	default: // it is known
	}
	return large, nil
}

// room returns the message that the next envelope of that size goes into. The caller holds q.mu.
func (q *queue) room(w *waiting, size int) *block {
	if n := len(w.blocks); n > 0 && !w.blocks[n-1].large && len(w.blocks[n-1].data)+size <= q.batch {
		return w.blocks[n-1]
	}
	b := &block{}
	if n := len(q.free); n > 0 {
		b, q.free = q.free[n-1], q.free[:n-1]
	}
	*b = block{data: newMessage(b.data, holdsBatch)}
	w.blocks = append(w.blocks, b)
	return b
}

// subject returns that of a target. The caller holds q.mu.
func (q *queue) subject(to target) string {
	s, ok := q.subjects[to]
	if !ok {
		if len(q.subjects) >= keptSubjects {
			clear(q.subjects)
		}
		s = q.key(to)
		q.subjects[to] = s
	}
	return s
}

// take returns what is to be sent next. The caller gives it back with done.
func (q *queue) take() (*waiting, *block) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.turn) == 0 {
		q.turn = nil
		return nil, nil
	}
	w := q.turn[0]
	q.turn[0] = nil
	q.turn = q.turn[1:]
	b := w.blocks[0]
	if !b.large { // a large one stays until all of it has left
		q.advance(w)
	}
	return w, b
}

// advance removes the first block, and gives the target its turn after the others if it has another one. The caller holds q.mu.
func (q *queue) advance(w *waiting) {
	w.blocks[0] = nil
	w.blocks = w.blocks[1:]
	if len(w.blocks) > 0 {
		q.turn = append(q.turn, w)
		return
	}
	delete(q.by, w.to)
}

// done gives back a block, of which all that will leave has left, or of a large one the next piece.
func (q *queue) done(w *waiting, b *block) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if b.large && b.sent < len(b.data) {
		q.turn = append(q.turn, w)
		return
	}
	q.bytes -= b.bytes
	if b.large {
		q.advance(w)
	} else if len(q.free) < keptMessages {
		q.free = append(q.free, b)
	}
}

// close refuses what comes from now on; what waits is still taken.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.filled)
	}
}

// ending reports whether the queue is closed.
func (q *queue) ending() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

func (q *queue) waitingBytes() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}
