package ownerbus_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/bus/ownerbus"
	"github.com/tutti-rt/tutti/wire"
)

// TestNothingWaitsForAnOwnerThatCannotCome cuts a node off while commands wait for an owner.
func TestNothingWaitsForAnOwnerThatCannotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cut atomic.Bool
		b := run(t, ownerbus.Config{Bus: localbus.New(), Node: "a", Reaches: func(string, int) bool { return !cut.Load() }})
		var got []*wire.Envelope
		stop, err := b.Listen(bus.Edge("e"), func(e *wire.Envelope) { got = append(got, e) })
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		at := bus.Owner("p", 1)
		for _, e := range []*wire.Envelope{
			{Kind: wire.KindCommand, Edge: "e", Link: 7, Command: 3}, {Kind: wire.KindCall, Edge: "e", Command: 4}, {Kind: wire.KindSignal, Edge: "e", Link: 7},
		} {
			if err := b.Send("default", at, e); err != nil {
				t.Fatalf("Send before the cut = %v, want that it waits", err)
			}
		}
		time.Sleep(time.Second)
		if len(got) != 0 {
			t.Fatalf("edges are told %v before the cut", got)
		}
		cut.Store(true)
		b.Gone("another")
		synctest.Wait()
		type answer struct {
			kind    wire.Kind
			link    uint64
			command uint64
		}
		want := map[answer]bool{{wire.KindReject, 7, 3}: true, {wire.KindTerminate, 7, 0}: true, {wire.KindResult, 0, 4}: true}
		for _, e := range got {
			if a := (answer{e.Kind, e.Link, e.Command}); !want[a] || e.Code != "unavailable" || !e.Has(wire.Reattach) {
				t.Errorf("the edge is told %+v", e)
			} else {
				delete(want, a)
			}
		}
		if len(want) > 0 || b.Stats().Parked != 0 {
			t.Errorf("nobody tells %v, and %d wait", want, b.Stats().Parked)
		}
		if err := b.Send("default", at, &wire.Envelope{Kind: wire.KindCommand, Edge: "e"}); !errors.Is(err, bus.ErrNobody) {
			t.Errorf("Send while cut off = %v, want ErrNobody", err)
		}
	})
}
