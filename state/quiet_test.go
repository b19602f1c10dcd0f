package state_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// TestEntitiesWithoutEventsHaveSnapshots has an entity record much without an event: timers that are set again and again.
func TestEntitiesWithoutEventsHaveSnapshots(t *testing.T) {
	clocks := tutti.NewCategory("clock",
		tutti.OnCommand(func(t *tutti.Turn[sum], c later) error {
			t.Schedule("k", t.Now().Add(3600e9), due{})
			return nil
		}),
		tutti.OnTimer(func(t *tutti.Turn[sum], d due) error { return nil }),
		tutti.With(tutti.Options{SnapshotEvents: 10}),
	)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		l := w.attach("clock", "1", "ann", conn1, noWatch)
		for i := range 25 {
			l.command(uint64(i+1), "later", fmt.Sprintf(`{"MS":%d}`, i))
			synctest.Wait()
		}
		log, err := w.journal.Acquire(t.Context(), journal.Partition{Pool: "default", Number: wire.Partition("clock", "1", 4)})
		if err != nil {
			t.Fatal(err)
		}
		s, ok, err := log.Snapshot(t.Context(), journal.Entity{Category: "clock", ID: "1"})
		if err != nil || !ok || s.Mark.Seq < 20 {
			t.Errorf("snapshot after record %d, %v, %v; want one after 20 of 25 records", s.Mark.Seq, ok, err)
		}
	}, clocks)
}
