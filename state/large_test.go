package state_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/state"
)

type blob struct{ Text string }

func TestLargeStateIsWelcomedFromItsShadow(t *testing.T) {
	big := tutti.NewCategory("blob",
		tutti.OnCommand(func(t *tutti.Turn[blob], c line) error { t.Emit(lined(c)); return nil }),
		tutti.OnEvent(func(b *blob, e lined) { b.Text += e.Line }),
		tutti.With(tutti.Options{SnapshotEvents: 3}),
	)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("blob", "1", "ann", conn1)
		chunk := strings.Repeat("x", 60_000)
		for i := range 20 {
			a.command(uint64(i+1), "line", fmt.Sprintf(`{"Line":"%s%d"}`, chunk, i))
		}
		a.frames()
		b := w.attach("blob", "1", "bob", conn2)
		e := b.welcome()
		if e.Revision != 20 || e.Until != 20 || len(e.Data) < 1_200_000 {
			t.Errorf("welcome at %d until %d with %d bytes", e.Revision, e.Until, len(e.Data))
		}
		b.command(1, "line", `{"Line":""}`)
		b.frames()
		w.restart()
		a = w.attach("blob", "1", "bob", conn2)
		if e := a.welcome(); e.Revision != 21 || e.Acked != 1 {
			t.Errorf("after the restart %d acked %d", e.Revision, e.Acked)
		}
	}, big)
}

func TestWelcomeComesFirst(t *testing.T) {
	big := tutti.NewCategory("blob",
		tutti.OnCommand(func(t *tutti.Turn[blob], c line) error { t.Emit(lined(c)); return nil }),
		tutti.OnEvent(func(b *blob, e lined) { b.Text += e.Line }),
	)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("blob", "1", "ann", conn1)
		a.command(1, "line", fmt.Sprintf(`{"Line":"%s"}`, strings.Repeat("x", 600_000)))
		a.frames()
		disk := make(chan struct{})
		w.journal.Inject(memjournal.Faults{Entity: func(context.Context, journal.Entity) error { <-disk; return nil }})
		b := w.attach("blob", "1", "bob", conn2)
		b.command(1, "line", `{"Line":"y"}`)
		b.command(2, "none", `{}`)
		a.command(2, "line", `{"Line":"z"}`)
		want(t, a.frames(), `event 2 lined {"Line":"z"}`, `ack 2 at 2 `)
		close(disk)
		got := b.frames()
		if len(got) == 0 || !strings.HasPrefix(got[0], "welcome 2 ") {
			t.Fatalf("the first frame is not the welcome: %.200q", got)
		}
		want(t, got[1:], `event 3 lined {"Line":"y"}`, `ack 1 at 3 `, `reject 2 unknown_command`)
	}, big)
}

// TestTooMuchBeforeTheWelcome: what comes before the welcome is kept for after it, up to a bound; beyond it the link ends, and whoever else is
// there notices nothing.
func TestTooMuchBeforeTheWelcome(t *testing.T) {
	const bound = 1024
	big := tutti.NewCategory("blob",
		tutti.OnCommand(func(t *tutti.Turn[blob], c line) error { t.Emit(lined(c)); return nil }),
		tutti.OnEvent(func(b *blob, e lined) { b.Text += e.Line }),
	)
	for _, messages := range []int{bound, bound + 1} {
		inWorld(t, state.Config{}, func(t *testing.T, w *world) {
			a := w.attach("blob", "1", "ann", conn1)
			a.command(1, "line", fmt.Sprintf(`{"Line":"%s"}`, strings.Repeat("x", 600_000)))
			a.frames()
			disk := make(chan struct{})
			w.journal.Inject(memjournal.Faults{Entity: func(context.Context, journal.Entity) error { <-disk; return nil }})
			b := w.attach("blob", "1", "bob", conn2)
			for i := range messages {
				b.command(uint64(i+1), "none", `{}`)
				if i%100 == 0 {
					synctest.Wait()
				}
			}
			synctest.Wait()
			close(disk)
			got := b.frames()
			if messages <= bound {
				if len(got) != 1+messages || !strings.HasPrefix(got[0], "welcome 1 ") || got[messages] != fmt.Sprintf("reject %d unknown_command", messages) {
					t.Errorf("%d messages before the welcome get %d frames, want the welcome and an answer to each", messages, len(got))
				}
			} else {
				want(t, got, `terminate unavailable`)
			}
			a.command(2, "line", `{"Line":"z"}`)
			want(t, a.frames(), `event 2 lined {"Line":"z"}`, `ack 2 at 2 `)
		}, big)
	}
}

// TestSnapshotsGoOn has events that replace each other: what they add up to says nothing of the state's size.
func TestSnapshotsGoOn(t *testing.T) {
	last := tutti.NewCategory("blob",
		tutti.OnCommand(func(t *tutti.Turn[blob], c line) error { t.Emit(lined(c)); return nil }),
		tutti.OnEvent(func(b *blob, e lined) { b.Text = e.Line }),
		tutti.With(tutti.Options{SnapshotEvents: 10, SnapshotBytes: 100 << 20}),
	)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("blob", "1", "ann", conn1)
		text := strings.Repeat("x", 60_000)
		for i := range 100 {
			a.command(uint64(i+1), "line", fmt.Sprintf(`{"Line":"%s"}`, text))
			a.frames()
		}
		if s := w.node.Stats(); s.Snapshots.Count < 9 || s.SnapshotBytes < 9*60_000 {
			t.Errorf("%d snapshots of %d bytes in all after 100 events, want one after each 10", s.Snapshots.Count, s.SnapshotBytes)
		}
	}, last)
}
