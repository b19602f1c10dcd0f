package state_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/state"
)

// unconfirmed is a fault by which teller entities store only their first record: what they sent is taken, and they do not
// know it for good.
func unconfirmed(w *world) {
	w.journal.Inject(memjournal.Faults{Append: func(_ context.Context, _ journal.Partition, b journal.Batch) memjournal.Fault {
		for _, r := range b.Records {
			if r.Entity.Category == "teller" && r.Seq > 1 {
				return memjournal.Fault{Err: errors.New("disk")}
			}
		}
		return memjournal.Fault{}
	}})
}

func TestToldOnceThoughTheNodeWasDownForLong(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		unconfirmed(w)
		a := w.attach("teller", "1", "ann", conn1)
		a.command(1, "tell", `{"To":"x","Line":"one"}`)
		a.frames()
		w.shutdown()
		time.Sleep(48 * time.Hour)
		w.journal.Inject(memjournal.Faults{})
		w.start()
		time.Sleep(time.Minute)
		want(t, w.attach("lobby", "x", "bob", conn2).frames(), `welcome 2 2 acked 0`)
	}, lobbies(), tellers(tutti.Options{}))
}

func TestToldOnceThoughTheClockWasSet(t *testing.T) {
	var c setClock
	inWorld(t, state.Config{Clock: c.now}, func(t *testing.T, w *world) {
		time.Sleep(25 * time.Hour)
		unconfirmed(w)
		a := w.attach("teller", "1", "ann", conn1)
		a.command(1, "tell", `{"To":"x","Line":"one"}`)
		a.frames()
		time.Sleep(10 * time.Minute)
		c.set(48 * time.Hour)
		w.journal.Inject(memjournal.Faults{})
		time.Sleep(time.Hour)
		want(t, w.attach("lobby", "x", "bob", conn2).frames(), `welcome 2 2 acked 0`)
	}, lobbies(tutti.With(tutti.Options{Idle: time.Second})), tellers(tutti.Options{}))
}
