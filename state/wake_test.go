package state_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// TestManyWakesAreActivatedAFewAtATime starts a node when the timers of many entities have been due for long, on a
// journal that is slow to read.
func TestManyWakesAreActivatedAFewAtATime(t *testing.T) {
	const entities, most = 2000, 4 * 64 // of four partitions
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		for i := range entities {
			l := w.attach("sum", fmt.Sprint(i), "ann", conn1, noWatch)
			l.command(1, "later", `{"Key":"k","MS":60000,"By":7}`)
			l.detach(wire.Leave)
		}
		synctest.Wait()
		w.shutdown()
		time.Sleep(time.Hour)
		disk := make(chan struct{})
		w.journal.Inject(memjournal.Faults{Entity: func(context.Context, journal.Entity) error {
			<-disk
			return nil
		}})
		w.start()
		time.Sleep(time.Second)
		synctest.Wait()
		if s := w.node.Stats(); s.Running == 0 || s.Running > most {
			t.Errorf("%d entities are being activated at once, want some and at most %d", s.Running, most)
		}
		close(disk)
		time.Sleep(time.Second)
		synctest.Wait()
		for i := range entities {
			l := w.attach("sum", fmt.Sprint(i), "ann", conn1, noWatch)
			l.query(1, "get", "null")
			if got := fmt.Sprint(l.frames()); !strings.Contains(got, `"n":7`) {
				t.Fatalf("entity %d: %s, want that its timer has fired", i, got)
			}
			l.detach(wire.Leave)
		}
	}, sums())
}
