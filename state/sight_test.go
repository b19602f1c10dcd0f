package state_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

func TestViewIsOfTheAudience(t *testing.T) {
	inWorld(t, state.Config{MemoryBudget: 1}, func(t *testing.T, w *world) {
		staff := claims(tutti.Claims{Subject: "ann", Extra: map[string]any{"role": "staff"}})
		says(t, w.look("lobby/1", "bob"), `0 0`)
		w.call("lobby/1", "bob", "line", `{"Line":"one"}`)
		w.call("lobby/1", "bob", "line", `{"Line":"secret two"}`)
		for range 2 {
			says(t, w.look("lobby/1", "bob"), `2 2`)
			says(t, w.look("lobby/1", "ann", staff), `2 2`)
			asleep()
		}
		a := w.attach("lobby", "1", "bob", conn1)
		first := w.got(w.post(wire.KindView, "lobby/1", "bob"))
		if e := a.welcome(); e.Epoch != first.Epoch || first.Epoch == "" {
			t.Errorf("epoch of the view is %q, of the link %q", first.Epoch, e.Epoch)
		}
		if second := w.got(w.post(wire.KindView, "lobby/1", "ann", staff)); second.Epoch == first.Epoch {
			t.Error("two audiences have one epoch")
		}
	}, lobbies())
}

func TestViewThatTheClientHasIsNotMade(t *testing.T) {
	views := 0
	counting := tutti.View(func(s *sum, audience string) any { views++; return s.N })
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		w.call("sum/1", "ann", "add", `{"By":2}`)
		e := w.got(w.post(wire.KindView, "sum/1", "ann"))
		cursor := e.Epoch + ":1"
		views = 0
		says(t, w.look("sum/1", "ann", having(cursor)), "has 1")
		says(t, w.look("sum/1", "ann", having("x:1 "+cursor)), "has 1")
		says(t, w.look("sum/1", "ann", having("*")), "has 1")
		time.Sleep(2 * time.Second) // views are dropped
		says(t, w.look("sum/1", "ann", having(cursor)), "has 1")
		if views != 0 {
			t.Errorf("%d views were made for a client that has it", views)
		}
		says(t, w.look("sum/1", "ann", having("x:1 "+e.Epoch+":0")), `1 2`)
		w.call("sum/1", "ann", "add", `{"By":3}`)
		says(t, w.look("sum/1", "ann", having(cursor)), `2 5`)
	}, sums(counting))
}

func TestViewWaitsForWhatIsNotDurable(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		disk := make(chan struct{})
		w.journal.Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault {
			<-disk
			return memjournal.Fault{}
		}})
		w.post(wire.KindCall, "sum/1", "ann", naming("add", `{"By":2}`))
		n := w.post(wire.KindView, "sum/1", "ann")
		says(t, w.answer(n), "nothing")
		close(disk)
		says(t, w.answer(n), `1 {"n":2}`)
	}, sums())
}

// The view of a large state reflects all that was acknowledged before, and is made once for many who ask.
func TestViewOfLargeStateIsShared(t *testing.T) {
	views := 0
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("blob", "1", "ann", conn1, noWatch)
		grow(a, 12)
		a.frames()
		views = 0
		var numbers []uint64
		for range 20 {
			numbers = append(numbers, w.post(wire.KindView, "blob/1", "bob"))
		}
		var first *wire.Envelope
		copies := make(map[*byte]bool)
		for _, n := range numbers {
			e := w.got(n)
			if first == nil {
				first = e
			}
			if e == nil || e.Revision != first.Revision || len(e.Data) < 256<<10 {
				t.Fatalf("got %.40q, want what the first one got", said(e))
			}
			copies[&e.Data[0]] = true
		}
		if views > 2 || len(copies) > 2 {
			t.Errorf("%d views in %d copies were made for 20 who asked at once, want one for the first and one for the others", views, len(copies))
		}
		before := views
		w.look("blob/1", "bob")
		says(t, w.look("blob/1", "bob", having(fmt.Sprintf("%s:%d", first.Epoch, first.Revision))), fmt.Sprintf("has %d", first.Revision))
		if views != before {
			t.Error("a view that is there was made anew")
		}
		w.call("blob/1", "ann", "line", `{"Line":"the end"}`)
		e := w.got(w.post(wire.KindView, "blob/1", "bob"))
		if e.Revision != first.Revision+1 || !strings.Contains(string(e.Data), "the end") {
			t.Errorf("after a call the view is of revision %d, want %d with what it changed", e.Revision, first.Revision+1)
		}
	}, largeBlob(tutti.Options{}, func() { views++ }))
}
