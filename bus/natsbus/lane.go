package natsbus

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// lane is one connection to NATS, and what waits to leave over it.
type lane struct {
	name     string
	conn     *nats.Conn
	subjects subjects
	queue    *queue
	sender   uint64 // tells this connection's messages from others'
	trails   trails
	ended    chan struct{}
	down     atomic.Bool // not connected

	envelopes atomic.Int64 // sent
	messages  atomic.Int64 // that they left in
	bytes     atomic.Int64 // of those
	came      arrivals
	full      atomic.Int64 // refused
	lost      atomic.Int64 // envelopes that were taken and have not left
}

func newLane(name, node string, s subjects, queueBytes int) *lane {
	l := &lane{name: name, subjects: s, sender: rand.Uint64(), ended: make(chan struct{})}
	l.trails = newTrails(node, l.sender)
	l.queue = newQueue(queueBytes, batchBytes)
	l.queue.key = func(to target) string {
		if to.all {
			return s.all(to.at)
		}
		return s.one(to.at)
	}
	return l
}

// packing holds buffers in which envelopes get their binary form.
var packing = sync.Pool{New: func() any { return new([]byte) }}

// send queues an envelope.
func (l *lane) send(to target, e *wire.Envelope) error {
	if l.down.Load() {
		return fmt.Errorf("%w: lane %s is not connected", bus.ErrNobody, l.name)
	}
	buf := packing.Get().(*[]byte)
	packed := e.Append((*buf)[:0])
	kept := false
	var err error
	if len(packed) > MaxEnvelopeBytes {
		err = fmt.Errorf("the envelope has %d bytes, and may have %d", len(packed), MaxEnvelopeBytes)
	} else {
		kept, err = l.queue.put(to, packed)
	}
	if !kept && cap(packed) <= batchBytes {
		*buf = packed
		packing.Put(buf)
	}
	if errors.Is(err, bus.ErrFull) {
		l.full.Add(1)
	}
	return err
}

// run sends what is queued until the queue is closed and empty.
func (l *lane) run() {
	defer close(l.ended)
	var number uint64
	var scratch []byte
	look := time.NewTimer(time.Hour)
	defer look.Stop()
	looks := false
	for open := true; open; {
		select {
		case _, open = <-l.queue.filled:
			runtime.Gosched() // whoever is about to send more goes first: it leaves in the same message
		case <-look.C:
			looks = false
			l.mark()
		}
		for w, b := l.queue.take(); b != nil; w, b = l.queue.take() {
			var err error
			if b.large {
				if b.sent == 0 {
					number++
					b.number = number
				}
				scratch, err = l.sendPart(w.subject, b, scratch)
			} else {
				b.data, err = l.publish(w.subject, b.data)
			}
			switch {
			case err != nil:
				b.sent = len(b.data)
				l.lost.Add(int64(b.count))
			case !b.large || b.sent == len(b.data):
				l.envelopes.Add(int64(b.count))
			}
			if b.large && b.sent < len(b.data) && !l.queue.ending() {
				time.Sleep(partPause) // and what comes meanwhile goes before the next part
			}
			l.queue.done(w, b)
			looks = l.lookAtSilence(look, looks)
		}
		scratch = nil
		looks = l.lookAtSilence(look, looks)
	}
}

// lookAtSilence says how far the lane got where it has fallen silent, when look is due, which may be while there is always something to send. It sets
// look where it is wanted and not set, and returns whether it is.
func (l *lane) lookAtSilence(look *time.Timer, set bool) bool {
	select {
	case <-look.C:
		set = false
		l.mark()
	default:
	}
	if !set && len(l.trails.recent) > 0 {
		look.Reset(markEvery)
		set = true
	}
	return set
}

// sendPart sends the next piece of a large envelope.
func (l *lane) sendPart(subject string, b *block, scratch []byte) ([]byte, error) {
	most := min(partBytes, int(l.conn.MaxPayload())-overhead)
	p := part{sender: l.sender, number: b.number, offset: uint64(b.sent), total: uint64(len(b.data))}
	p.data = b.data[b.sent:min(len(b.data), b.sent+most)]
	m := p.append(newMessage(scratch, holdsPart))
	b.sent += len(p.data)
	return l.publish(subject, m)
}

// overhead is what a message may have beside what it holds.
const overhead = 64 + trailBytes

// publish ends a message with its trail, and sends it. It returns the message, whose memory may be used again.
func (l *lane) publish(subject string, m []byte) ([]byte, error) {
	m = l.trails.next(subject).append(m)
	seal(m)
	err := l.conn.Publish(subject, m)
	if err == nil {
		l.messages.Add(1)
		l.bytes.Add(int64(len(m)))
	}
	return m, err
}

// close lets what is queued leave, and closes the connection.
func (l *lane) close() {
	const grace = 500 * time.Millisecond
	l.queue.close()
	<-l.ended
	if !l.down.Load() {
		_ = l.conn.FlushTimeout(grace) // what has not left by then may be lost, like anything
	}
	l.conn.Close()
}
