package natsbus

import (
	"bytes"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// inbox is what arrives at one address on one lane. One goroutine, which is the subscription's, calls receive.
type inbox struct {
	bus     *Bus
	lane    string
	at      bus.Address
	all     bool // who have joined it are sent it
	subject string
	count   *arrivals
	take    func(*wire.Envelope)
	senders map[uint64]uint64 // the number of the last message of each
}

// arrivals counts the messages that come on a lane.
type arrivals struct{ messages, bytes atomic.Int64 }

// receive takes one message, which nobody else uses. What is no message of a bus is counted, and nothing more.
func (in *inbox) receive(m []byte, now time.Time) {
	in.count.messages.Add(1)
	in.count.bytes.Add(int64(len(m)))
	bad := 0
	holds, body, err := open(m)
	if err == nil {
		var node []byte
		var t trail
		if body, node, t, err = cutTrail(body); err == nil {
			in.follow(&t, node, holds == holdsMark)
		}
	}
	switch {
	case err == nil && holds == holdsBatch:
		bad = in.batch(body)
	case err == nil && holds == holdsPart:
		bad = in.part(body, now)
	case err == nil && holds == holdsMark && len(body) == 0:
	default:
		bad = 1
	}
	if bad > 0 {
		in.bus.garbage.add(int64(bad), now, "lane", in.lane, "address", string(in.at))
	}
}

func (in *inbox) batch(body []byte) (bad int) {
	n := 0
	for packed := range envelopes(body) {
		e, err := wire.DecodeEnvelope(packed)
		if err != nil {
			bad++
			continue
		}
		if n++; len(packed) < len(body)/2 {
			// Whoever keeps it does not keep all others with it.
			e.Claims, e.Data = bytes.Clone(e.Claims), bytes.Clone(e.Data)
		}
		in.deliver(e)
	}
	if n+bad == 0 {
		bad = 1
	}
	return bad
}

func (in *inbox) part(body []byte, now time.Time) (bad int) {
	p, err := decodePart(body)
	if err != nil {
		return 1
	}
	whole, torn := in.bus.parts.add(in.subject, &p, now)
	if torn > 0 {
		in.bus.dropped.add(int64(torn), now, "lane", in.lane, "address", string(in.at))
	}
	if whole == nil {
		return 0
	}
	e, err := wire.DecodeEnvelope(bytes.Join(whole, nil))
	if err != nil {
		return 1
	}
	in.deliver(e)
	return 0
}

func (in *inbox) deliver(e *wire.Envelope) {
	if !in.bus.closed.Load() {
		in.take(e)
	}
}

// complaint counts what goes wrong, and says so once a minute at most.
type complaint struct {
	log   *slog.Logger
	say   string
	count atomic.Int64

	mu   sync.Mutex
	said time.Time
	at   int64 // the count then
}

func (c *complaint) add(n int64, now time.Time, where ...any) {
	total := c.count.Add(n)
	c.mu.Lock()
	quiet := !c.said.IsZero() && now.Sub(c.said) < time.Minute
	since := total - c.at
	if !quiet {
		c.said, c.at = now, total
	}
	c.mu.Unlock()
	if !quiet {
		c.log.Warn(c.say, append([]any{"count", since}, where...)...)
	}
}
