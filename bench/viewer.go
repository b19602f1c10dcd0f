package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// viewer is a link that follows the events of one entity and checks that none is missing.
type viewer struct {
	link   *link
	number int
	// seen is called for each event, in order.
	seen func(rev uint64, data []byte, at time.Time)
	// fresh is called with each state that comes instead of events; it may be nil.
	fresh func(state []byte) error

	rev       atomic.Uint64 // of the last event or welcome
	events    atomic.Uint64 // got
	lost      atomic.Uint64 // skipped without a word
	repeated  atomic.Uint64 // got again, which clients have to bear and a node has no reason to send
	conflated atomic.Uint64 // skipped by a fresh state
	ending    atomic.Bool
}

// watch brings a viewer to the entity.
func watch(ctx context.Context, t Target, entity, conn string, number int) (*viewer, error) {
	l, welcome, err := dial(ctx, t, entity, fmt.Sprintf("bench-%d", number%16), conn, true)
	if err != nil {
		return nil, err
	}
	v := &viewer{link: l, number: number}
	v.rev.Store(welcome.Revision)
	return v, nil
}

// follow reads until end is called.
func (v *viewer) follow() error {
	for {
		if err := v.link.read(v.take); err != nil {
			if v.ending.Load() && (errors.Is(err, net.ErrClosed) || errors.Is(err, errClosed)) {
				return nil // over TLS the node may answer before the connection is closed
			}
			return fmt.Errorf("viewer %d: %w", v.number, err)
		}
	}
}

// take takes one frame.
func (v *viewer) take(frame []byte, at time.Time) error {
	rev, data, ok := event(frame)
	if !ok {
		return v.other(frame)
	}
	last := v.rev.Load()
	if rev <= last {
		v.repeated.Add(1)
		return nil
	}
	v.lost.Add(rev - last - 1) // these categories hide nothing
	v.rev.Store(rev)
	v.events.Add(1)
	if v.seen != nil {
		v.seen(rev, data, at)
	}
	return nil
}

func (v *viewer) other(frame []byte) error {
	f, err := wire.DecodeServerFrame(frame)
	if err != nil {
		return err
	}
	switch f.Type {
	case wire.TypeWelcome:
		if last := v.rev.Load(); f.Revision > last {
			v.conflated.Add(f.Revision - last)
			v.rev.Store(f.Revision)
		}
		if v.fresh != nil {
			return v.fresh(f.Data)
		}
	case wire.TypeTerminate:
		return fmt.Errorf("terminated: %s: %s", f.Code, f.Message)
	}
	return nil
}

// reach waits until the viewer has the revision, at most until the time given.
func (v *viewer) reach(rev uint64, until time.Time) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for v.rev.Load() < rev {
		if time.Now().After(until) {
			return false
		}
		<-tick.C
	}
	return true
}

// end makes follow return.
func (v *viewer) end() {
	v.ending.Store(true)
	v.link.close()
}
