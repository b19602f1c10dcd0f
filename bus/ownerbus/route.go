package ownerbus

import (
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/internal/listener"
	"github.com/tutti-rt/tutti/wire"
)

// route is where the owner of a partition is. The bus's mutex guards it, but for open.
type route struct {
	at        bus.Address
	pool      string
	partition int
	// open is where envelopes go to without waiting for anything; nil while there is no owner, or others wait for it.
	open atomic.Pointer[destination]

	newest claim // of all that are known
	here   bool  // it stands
	ended  bool  // it has been withdrawn, and is not to come back
	came   bool  // nobody has been told of it yet
	since  time.Time
	heard  time.Time // of its node

	mine     *listener.Listener // while this node owns the partition, as it thinks itself
	claimed  claim              // of mine
	attended bool               // this node listens at the partition's addresses at it

	parked  []parked
	again   bool      // something has waited for too long: those who sent it are to send it again once there is an owner
	retryAt time.Time // when the owner's node did not listen yet
}

// destination is an owner: here, or at another node.
type destination struct {
	local *listener.Listener
	first bus.Address
	last  bus.Address
}

// parked is an envelope that waits for an owner.
type parked struct {
	lane  string
	env   *wire.Envelope
	until time.Time
	hops  int // 0: it was sent at this node; 1: it has come to the partition's address here; 2: to that for what has been passed on
}

func (p *parked) bytes() int { return envelopeBytes + len(p.env.Data) + len(p.env.Claims) }

// envelopeBytes is what an envelope takes without its data.
const envelopeBytes = 512

// destination returns where the owner is, or nil when there is none.
func (r *route) destination(node string) *destination {
	switch {
	case !r.here:
		return nil
	case r.newest.node != node:
		return &destination{first: physical(r.at, r.newest.node), last: last(r.at, r.newest.node)}
	case r.mine != nil && r.claimed == r.newest:
		return &destination{local: r.mine}
	}
	return nil
}

// learn takes a claim that stands. It reports whether an owner has come.
func (r *route) learn(c claim, now time.Time) bool {
	d := c.compare(r.newest)
	if d < 0 || d == 0 && r.ended {
		return false
	}
	r.heard = now
	if d == 0 && r.here {
		return false
	}
	r.newest, r.here, r.ended, r.came, r.again = c, true, false, true, false
	r.retryAt = time.Time{}
	r.open.Store(nil) // until what waits has been sent
	return true
}

// lose notes that the owner is not there any more, and with ended that this ownership never will be again.
func (r *route) lose(now time.Time, ended bool) {
	if r.here {
		r.since = now
	}
	r.here, r.came, r.ended = false, false, r.ended || ended
	r.open.Store(nil)
}
