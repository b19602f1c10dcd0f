package state_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// inPartition returns n ids of the category in partition 0.
func inPartition(category string, n int) []string {
	var ids []string
	for i := 0; len(ids) < n; i++ {
		if id := fmt.Sprint("p", i); wire.Partition(category, id, 4) == 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

// TestManyAttendedEntitiesDoNotHideIdleOnes has more attended entities, which stay, than one pass
// of passivation looks at, and one that may go.
func TestManyAttendedEntitiesDoNotHideIdleOnes(t *testing.T) {
	inWorld(t, state.Config{MemoryBudget: 1}, func(t *testing.T, w *world) {
		ids := inPartition("sum", 10_002)
		for _, id := range ids[1:] {
			w.attach("sum", id, "ann", conn1, noWatch)
		}
		synctest.Wait()
		asleep()
		a := w.attach("sum", ids[0], "ann", conn1)
		a.command(1, "add", `{"By":1}`)
		a.frames()
		a.detach(wire.Leave)
		asleep()
		if s := w.node.Stats(); s.Entities != 10_001 {
			t.Errorf("entities = %d, want those with links alone: 10001", s.Entities)
		}
	}, sums())
}

// TestAnswersThatWaitAreBounded holds up the journal while large answers wait for it.
func TestAnswersThatWaitAreBounded(t *testing.T) {
	var asked atomic.Int64
	answer := strings.Repeat("x", 1<<20)
	large := tutti.NewCategory("large",
		tutti.OnQuery(func(t *tutti.Turn[sum], q get) (string, error) { asked.Add(1); return answer, nil }),
		tutti.OnCommand(func(t *tutti.Turn[sum], c add) error { t.Emit(added{By: 1}); return nil }),
		tutti.OnEvent(func(s *sum, e added) {}),
	)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("large", "1", "ann", conn1)
		a.frames()
		disk := make(chan struct{})
		w.journal.Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault {
			<-disk
			return memjournal.Fault{}
		}})
		a.command(1, "add", `{"By":1}`)
		synctest.Wait()
		for i := range 110 {
			a.query(uint64(i+2), "get", "null")
		}
		synctest.Wait()
		if n := asked.Load(); n > 70 {
			t.Errorf("%d answers of 1 MiB wait for the journal", n)
		}
		close(disk)
		if n := len(a.frames()); n != 112 {
			t.Errorf("%d frames, want an event, an ack and 110 answers", n)
		}
	}, large)
}

// TestSnapshotsOfLargeStatesForget has connections come and go at an entity whose snapshots are made by its shadow.
func TestSnapshotsOfLargeStatesForget(t *testing.T) {
	big := tutti.NewCategory("blob",
		tutti.OnCommand(func(t *tutti.Turn[blob], c line) error { t.Emit(lined(c)); return nil }),
		tutti.OnEvent(func(b *blob, e lined) { b.Text += e.Line }),
		tutti.With(tutti.Options{SnapshotEvents: 2}),
	)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("blob", "1", "ann", conn1, noWatch)
		for i := range 6 {
			a.command(uint64(i+1), "line", fmt.Sprintf(`{"Line":%q}`, strings.Repeat("x", 60_000)))
		}
		for i := range 100 {
			b := w.attach("blob", "1", "bob", fmt.Sprintf("connection-%07d", i), noWatch)
			b.command(1, "line", `{"Line":"y"}`)
			b.frames()
			b.detach(wire.Leave)
		}
		time.Sleep(25 * time.Hour)
		for i := range 20 {
			a.command(uint64(i+7), "line", `{"Line":"z"}`)
			synctest.Wait()
		}
		a.frames()
		l, err := w.journal.Acquire(t.Context(), journal.Partition{Pool: "default", Number: wire.Partition("blob", "1", 4)})
		if err != nil {
			t.Fatal(err)
		}
		s, ok, err := l.Snapshot(t.Context(), journal.Entity{Category: "blob", ID: "1"})
		if err != nil || !ok || s.Mark.Revision < 110 || len(s.Notes) > 2000 {
			t.Errorf("snapshot at %d with %d bytes of notes, %v, %v; want those of one connection", s.Mark.Revision, len(s.Notes), ok, err)
		}
	}, big)
}
