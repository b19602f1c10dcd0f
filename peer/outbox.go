package peer

import (
	"sync"
)

// outbox is what waits to be sent to one node: a queue for each channel. What does not fit is refused, and what
// waits when a connection ends is dropped.
type outbox struct {
	frames, bytes int // the bounds of each queue

	wake chan struct{} // holds one when something was put

	mu      sync.Mutex
	open    bool
	waiting uint32 // a bit for each channel that has frames
	queues  [Channels]queue
	turn    int    // the channel that is looked at first, after 0
	pong    []byte // to be sent
}

// queue holds frames, the first of which may have been sent in part.
type queue struct {
	frames [][]byte
	first  int // in frames
	sent   int // of the first
	bytes  int
}

func newOutbox(frames, bytes int) *outbox {
	return &outbox{frames: frames, bytes: bytes, wake: make(chan struct{}, 1)}
}

// put says whether the frame will be sent unless the connection breaks. A queue that is empty takes any frame.
func (o *outbox) put(channel uint8, data []byte) bool {
	o.mu.Lock()
	q := &o.queues[channel]
	waiting := len(q.frames) - q.first
	if !o.open || waiting >= o.frames || waiting > 0 && q.bytes+len(data) > o.bytes {
		o.mu.Unlock()
		return false
	}
	q.frames = append(q.frames, data)
	q.bytes += len(data)
	o.waiting |= 1 << channel
	o.mu.Unlock()
	o.signal()
	return true
}

// answer has stamp sent back. One that waits still is forgotten.
func (o *outbox) answer(stamp []byte) {
	o.mu.Lock()
	o.pong = stamp
	o.mu.Unlock()
	o.signal()
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// take appends to batch about limit bytes of what waits: channel 0 before all others, the others by turns.
func (o *outbox) take(batch []piece, limit int) []piece {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pong != nil {
		batch = append(batch, piece{kind: kindPong, data: o.pong})
		o.pong = nil
	}
	for limit > 0 && o.waiting != 0 {
		channel := 0
		if o.waiting&1 == 0 {
			for o.waiting&(1<<o.turn) == 0 {
				o.turn = (o.turn + 1) % Channels
			}
			channel, o.turn = o.turn, (o.turn+1)%Channels
		}
		q := &o.queues[channel]
		p := q.next()
		p.kind = byte(channel)
		if q.first == len(q.frames) {
			o.waiting &^= 1 << channel
		}
		limit -= pieceStart + len(p.data)
		batch = append(batch, p)
	}
	return batch
}

// next removes the next piece.
func (q *queue) next() piece {
	data := q.frames[q.first][q.sent:]
	if len(data) > maxPiece {
		q.sent += maxPiece
		q.bytes -= maxPiece
		return piece{more: true, data: data[:maxPiece]}
	}
	q.bytes -= len(data)
	q.sent = 0
	q.frames[q.first] = nil
	q.first++
	switch {
	case q.first == len(q.frames):
		q.frames, q.first = q.frames[:0], 0
	case q.first >= 64 && q.first >= len(q.frames)/2:
		n := copy(q.frames, q.frames[q.first:])
		clear(q.frames[n:])
		q.frames, q.first = q.frames[:n], 0
	}
	return piece{data: data}
}

// reset drops what waits, returns how many frames that was, and says whether more may be put.
func (o *outbox) reset(open bool) (dropped int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.queues {
		dropped += len(o.queues[i].frames) - o.queues[i].first
	}
	o.open, o.waiting, o.queues, o.pong = open, 0, [Channels]queue{}, nil
	return dropped
}

// queued returns how many bytes wait.
func (o *outbox) queued() (bytes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.queues {
		bytes += o.queues[i].bytes
	}
	return bytes
}

func (o *outbox) isOpen() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.open
}
