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

// largeBlob is a category whose view calls shown first.
func largeBlob(o tutti.Options, shown func()) *tutti.Category {
	return tutti.NewCategory("blob",
		tutti.OnCommand(func(t *tutti.Turn[blob], c line) error { t.Emit(lined(c)); return nil }),
		tutti.OnEvent(func(b *blob, e lined) { b.Text += e.Line }),
		tutti.View(func(b *blob, _ string) any { shown(); return b }),
		tutti.With(o),
	)
}

// grow makes the link's blob large: n events of 100,000 bytes.
func grow(l *testLink, n int) {
	for i := range n {
		l.command(uint64(i+1), "line", fmt.Sprintf(`{"Line":"%s"}`, strings.Repeat("x", 100_000)))
	}
	l.frames()
}

func TestTurnsGoOnWhileAViewIsEncoded(t *testing.T) {
	var gate chan struct{}
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		gate = make(chan struct{}, 10)
		gate <- struct{}{}
		a := w.attach("blob", "1", "ann", conn1)
		grow(a, 5)
		b := w.attach("blob", "1", "bob", conn2)
		synctest.Wait()
		for i := range 3 {
			a.command(uint64(i+6), "line", `{"Line":"y"}`)
		}
		want(t, a.frames(), `event 6 lined {"Line":"y"}`, `ack 6 at 6 `, `event 7 lined {"Line":"y"}`, `ack 7 at 7 `,
			`event 8 lined {"Line":"y"}`, `ack 8 at 8 `)
		gate <- struct{}{}
		if e := b.welcome(); e.Revision != 5 || e.Until != 8 {
			t.Errorf("welcome at %d until %d, want the state at 5, and 8", e.Revision, e.Until)
		}
	}, largeBlob(tutti.Options{}, func() { <-gate }))
}

func TestNobodyWaitsWhileASnapshotIsStored(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		disk, asked := make(chan struct{}), make(chan struct{}, 100)
		w.journal.Inject(memjournal.Faults{SaveSnapshot: func(context.Context, journal.Snapshot) error {
			asked <- struct{}{}
			<-disk
			return nil
		}})
		a := w.attach("blob", "1", "ann", conn1)
		grow(a, 10)
		<-asked
		a.command(11, "line", `{"Line":"y"}`)
		want(t, a.frames(), `event 11 lined {"Line":"y"}`, `ack 11 at 11 `)
		b := w.attach("blob", "1", "bob", conn2)
		if e := b.welcome(); e.Revision < 10 || len(e.Data) < 1_000_000 {
			t.Errorf("welcome at %d with %d bytes, want all of it", e.Revision, len(e.Data))
		}
		if s := w.node.Stats(); s.Saving != 1 || s.Snapshots.Count != 0 {
			t.Errorf("%d snapshots are being stored, %d have been, want one and none", s.Saving, s.Snapshots.Count)
		}
		close(disk)
		synctest.Wait()
		if s := w.node.Stats(); s.Saving != 0 || s.Snapshots.Count != 1 || s.SnapshotBytes < 500_000 {
			t.Errorf("%d snapshots are being stored, %d of %d bytes have been", s.Saving, s.Snapshots.Count, s.SnapshotBytes)
		}
	}, largeBlob(tutti.Options{SnapshotEvents: 10}, func() {}))
}

// TestLargeViewsAreShared has links come one after the other while little happens. Each is shown what is there, in a view
// and the events after it, and few views are made.
func TestLargeViewsAreShared(t *testing.T) {
	var made atomic.Int32
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("blob", "1", "ann", conn1)
		grow(a, 10)
		made.Store(0)
		next := uint64(11)
		come := func() uint64 {
			a.command(next, "line", `{"Line":"y"}`)
			a.frames()
			b := w.attach("blob", "1", "bob", conn2)
			e := b.welcome()
			if e.Until != next || e.Revision > next || len(e.Data) < 1_000_000 {
				t.Fatalf("welcome at %d until %d with %d bytes, want until %d", e.Revision, e.Until, len(e.Data), next)
			}
			b.detach(0)
			next++
			return e.Revision
		}
		for range 50 {
			if at := come(); at != 11 {
				t.Fatalf("the view is of revision %d, want the first one, of 11", at)
			}
		}
		if n := made.Load(); n != 1 {
			t.Errorf("%d views were made for 50 links, want 1", n)
		}
		// What would follow is too much.
		for range 2 {
			a.command(next, "line", fmt.Sprintf(`{"Line":"%s"}`, strings.Repeat("x", 100_000)))
			next++
		}
		a.frames()
		if at := come(); at != next-1 {
			t.Errorf("the view is of revision %d, want a new one of %d", at, next-1)
		}
		for range 1100 {
			a.command(next, "line", `{"Line":"y"}`)
			next++
			if next%100 == 0 {
				a.frames()
			}
		}
		a.frames()
		if at := come(); at != next-1 {
			t.Errorf("the view is of revision %d, want a new one of %d", at, next-1)
		}
		// One that comes back has seen more, and is not shown less.
		b := w.attach("blob", "1", "bob", conn2, cursor("other", next-1))
		if e := b.welcome(); e.Revision != next-1 {
			t.Errorf("a link with a cursor is shown revision %d, want %d", e.Revision, next-1)
		}
	}, largeBlob(tutti.Options{}, func() { made.Add(1) }))
}

func TestIdleShadowGoes(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("blob", "1", "ann", conn1)
		grow(a, 10)
		w.attach("blob", "1", "bob", conn2).welcome()
		synctest.Wait()
		if n := w.node.Stats().MemoryBytes; n < 3_000_000 {
			t.Errorf("%d bytes with a shadow and its view, want three times the state", n)
		}
		time.Sleep(30 * time.Second)
		if n := w.node.Stats().MemoryBytes; n < 1_000_000 || n > 1_500_000 {
			t.Errorf("%d bytes when idle, want those of the state", n)
		}
		c := w.attach("blob", "1", "cid", "connection-cid-000")
		if e := c.welcome(); e.Revision != 10 || len(e.Data) < 1_000_000 {
			t.Errorf("welcome afterwards at %d with %d bytes", e.Revision, len(e.Data))
		}
	}, largeBlob(tutti.Options{}, func() {}))
}

// TestSharedViewsAreNotTooFar has a category whose links may follow few events, or few bytes of them: more is not left to
// follow a view.
func TestSharedViewsAreNotTooFar(t *testing.T) {
	for name, c := range map[string]struct {
		options tutti.Options
		events  int
		bytes   int
	}{
		"events": {tutti.Options{BacklogEvents: 20}, 50, 10},
		"bytes":  {tutti.Options{BacklogBytes: 20_000}, 5, 5_000},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, state.Config{}, func(t *testing.T, w *world) {
				a := w.attach("blob", "1", "ann", conn1)
				grow(a, 10)
				w.attach("blob", "1", "bob", conn2).welcome()
				for i := range c.events {
					a.command(uint64(11+i), "line", fmt.Sprintf(`{"Line":"%s"}`, strings.Repeat("y", c.bytes)))
				}
				a.frames()
				b := w.attach("blob", "1", "cid", "connection-cid-000")
				e := b.welcome()
				b.send(&wire.Envelope{Kind: wire.KindBacklog, Revision: e.Revision, Until: e.Until})
				if got := fmt.Sprint(b.frames()); !strings.Contains(got, "far false") {
					t.Errorf("a link that was shown revision %d of %d gets %.200s", e.Revision, e.Until, got)
				}
			}, largeBlob(c.options, func() {}))
		})
	}
}

// TestNobodyWaitsWhileManySnapshotsAreStored has a disk that takes none of the snapshots of many large entities.
func TestNobodyWaitsWhileManySnapshotsAreStored(t *testing.T) {
	const entities = 70
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		disk := make(chan struct{})
		w.journal.Inject(memjournal.Faults{SaveSnapshot: func(context.Context, journal.Snapshot) error { <-disk; return nil }})
		for i := range entities {
			grow(w.attach("blob", fmt.Sprint(i), "ann", conn1), 5)
		}
		b := w.attach("sum", "1", "bob", conn2)
		b.command(1, "add", `{"By":1}`)
		want(t, b.frames(), `welcome 0 {"n":0} acked 0`, `event 1 added {"By":1}`, `ack 1 at 1 {"n":1}`)
		close(disk)
		synctest.Wait()
		if s := w.node.Stats(); s.Saving != 0 || s.Snapshots.Count < entities {
			t.Errorf("%d snapshots are being stored, %d have been, want none and %d", s.Saving, s.Snapshots.Count, entities)
		}
	}, largeBlob(tutti.Options{SnapshotEvents: 5}, func() {}), sums())
}
