package ownerbus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

const (
	// retryEvery is how soon an owner is tried again whose node does not listen yet.
	retryEvery = 20 * time.Millisecond
	// answerEvery bounds how often those who ask are answered.
	answerEvery = 100 * time.Millisecond
	// silentFor is how many times TellEvery a node may be silent.
	silentFor = 5
)

// Run tells other nodes what this one owns, and gives owners that have come what waits for them, until ctx is done or
// the bus is closed. It is called once. The goroutine that calls it is the only one that calls what Owners was given.
func (b *Bus) Run(ctx context.Context) error {
	leave, err := b.cfg.Bus.Join(everybody, b.hear)
	if errors.Is(err, bus.ErrClosed) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ownerbus: %w", err)
	}
	defer leave()
	if l, ok := b.cfg.Bus.(bus.Lossy); ok {
		defer l.Losses(b.lost)()
	}
	b.ask()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			b.announce(time.Now()) // what has been given up
			return ctx.Err()
		case <-b.ended:
			return nil
		case <-b.woken:
		case <-timer.C:
		}
		now := time.Now()
		b.silence(now)
		b.announce(now)
		b.settleLosses(now)
		b.settleRefusals(now)
		for _, r := range b.due() {
			b.settle(r, now)
		}
		timer.Reset(max(time.Until(b.next()), time.Millisecond))
	}
}

// due returns the routes with something to do.
func (b *Bus) due() []*route {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]*route, 0, len(b.waiting))
	for r := range b.waiting {
		all = append(all, r)
	}
	return all
}

// next returns when there is something to do again.
func (b *Bus) next() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := b.toldAt.Add(b.cfg.TellEvery)
	if b.tell || b.asked || b.repeat > 0 {
		next = b.toldAt.Add(answerEvery)
	}
	if again := b.losses.told.Add(lossEvery); len(b.losses.mine)+len(b.losses.others) > 0 && again.Before(next) {
		next = again
	}
	for _, r := range b.losses.refused {
		if at := r.due(); at.Before(next) {
			next = at
		}
	}
	for r := range b.waiting {
		if len(r.parked) > 0 && r.parked[0].until.Before(next) {
			next = r.parked[0].until
		}
		if r.here && r.retryAt.Before(next) {
			next = r.retryAt
		}
	}
	return next
}

// settle gives an owner what waits for it, and tells that it has come.
func (b *Bus) settle(r *route, now time.Time) {
	b.refuse(b.expire(r, now))
	b.mu.Lock()
	d, owner := r.destination(b.cfg.Node), r.newest
	if d == nil || r.retryAt.After(now) && !r.came {
		if len(r.parked) == 0 && !r.here {
			delete(b.waiting, r)
		}
		b.mu.Unlock()
		return
	}
	came := r.came
	r.came = false
	for r.here && r.newest == owner {
		some := r.parked
		r.parked = nil
		if len(some) == 0 {
			r.open.Store(d)
			delete(b.waiting, r)
			came, r.again = came || r.again, false
			break
		}
		b.mu.Unlock()
		left := b.send(d, some)
		b.mu.Lock()
		b.forget(some[:len(some)-len(left)])
		if b.closed {
			break
		}
		if r.parked = slices.Concat(left, r.parked); len(left) > 0 {
			r.retryAt = now.Add(retryEvery)
			break
		}
	}
	watchers := b.watchers
	b.mu.Unlock()
	if !came {
		return
	}
	for _, w := range watchers {
		w.moved(r.at)
	}
}

// send delivers envelopes in order, and returns those that are left when nobody listens.
func (b *Bus) send(d *destination, all []parked) (left []parked) {
	for i := range all {
		switch err := b.deliver(d, &all[i]); {
		case errors.Is(err, bus.ErrNobody):
			return all[i:]
		case err != nil:
			b.count.dropped.Add(1)
		}
	}
	return nil
}

// expire returns what has waited for too long, or for an owner that cannot come, and gives it up.
func (b *Bus) expire(r *route, now time.Time) []parked {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for n < len(r.parked) && !r.parked[n].until.After(now) {
		n++
	}
	if len(r.parked) > n && !r.here && !b.cfg.Reaches(r.pool, r.partition) {
		n = len(r.parked)
	}
	if n == 0 {
		return nil
	}
	b.count.expired.Add(int64(n))
	r.again = true
	all := r.parked[:n:n]
	b.forget(all)
	r.parked = slices.Clone(r.parked[n:])
	return all
}

const nobody = "nobody serves this entity just now"

// refuse tells edges that envelopes have not got to an owner: those who ask are answered, and links are to be attached anew.
func (b *Bus) refuse(all []parked) {
	type link struct {
		edge   string
		number uint64
	}
	lost := make(map[link]bool)
	for i := range all {
		e := all[i].env
		answer := &wire.Envelope{
			Flags: wire.Refused | wire.Reattach, Category: e.Category, ID: e.ID, Edge: e.Edge, Link: e.Link, Command: e.Command,
			Code: wire.CodeUnavailable, Message: nobody,
		}
		switch e.Kind {
		case wire.KindCall:
			answer.Kind = wire.KindResult
		case wire.KindView:
			answer.Kind = wire.KindSight
		case wire.KindCommand, wire.KindQuery:
			answer.Kind, answer.Flags = wire.KindReject, wire.Reattach
		case wire.KindAttach, wire.KindRefresh, wire.KindBacklog, wire.KindClaims, wire.KindPresence:
		default:
			continue // may be lost, or is sent again
		}
		if answer.Kind != 0 {
			_ = b.cfg.Bus.Send(all[i].lane, bus.Edge(e.Edge), answer) // an edge that is gone needs no answer
		}
		if of := (link{e.Edge, e.Link}); e.Link != 0 && !lost[of] {
			lost[of] = true
			_ = b.cfg.Bus.Send(all[i].lane, bus.Edge(e.Edge), &wire.Envelope{
				Kind: wire.KindTerminate, Flags: wire.Reconnect | wire.Reattach, Category: e.Category, ID: e.ID, Edge: e.Edge, Link: e.Link,
				Code: wire.EndUnavailable, Message: nobody,
			})
		}
	}
}

// Reaches reports whether this node reaches those who could elect an owner for the address.
func (b *Bus) Reaches(at bus.Address) bool {
	pool, n, ok := partition(at)
	return !ok || b.cfg.Reaches(pool, n)
}

// forget notes that envelopes wait no more. The caller holds b.mu.
func (b *Bus) forget(all []parked) {
	if b.closed {
		return
	}
	b.parked -= len(all)
	for i := range all {
		b.bytes -= all[i].bytes()
	}
}

// watcher is somebody who is told of owners that come.
type watcher struct{ moved func(at bus.Address) }

// Owners has moved called by Run whenever an owner has come.
func (b *Bus) Owners(moved func(at bus.Address)) (stop func()) {
	w := &watcher{moved}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watchers = append(slices.Clone(b.watchers), w)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.watchers = slices.DeleteFunc(slices.Clone(b.watchers), func(o *watcher) bool { return o == w })
	}
}
