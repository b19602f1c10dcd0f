package state_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/state"
)

type tellMany struct {
	To string
	N  int
}

func manyTellers() *tutti.Category {
	return tutti.NewCategory("many",
		tutti.OnCommand(func(t *tutti.Turn[sum], c tellMany) error {
			for i := range c.N {
				t.Tell(tutti.Entity{Category: "lobby", ID: c.To}, line{fmt.Sprint(i)})
			}
			return nil
		}),
		tutti.OnEvent(func(s *sum, e added) {}),
	)
}

// unreadable is a fault by which one entity cannot be read while it is on.
func unreadable(w *world, id string) *atomic.Bool {
	var on atomic.Bool
	on.Store(true)
	w.journal.Inject(memjournal.Faults{Entity: func(_ context.Context, e journal.Entity) error {
		if e.ID == id && on.Load() {
			return errors.New("busy")
		}
		return nil
	}})
	return &on
}

func TestDeadReceiverHoldsUpNoOther(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		on := unreadable(w, "dead")
		a := w.attach("many", "1", "ann", conn1)
		a.command(1, "tell_many", `{"To":"dead","N":500}`)
		a.command(2, "tell_many", `{"To":"well","N":200}`)
		a.frames()
		time.Sleep(time.Second)
		want(t, w.attach("lobby", "well", "bob", conn2).frames(), `welcome 201 201 acked 0`)
		on.Store(false)
		time.Sleep(2 * time.Minute)
		want(t, w.attach("lobby", "dead", "bob", conn2).frames(), `welcome 501 501 acked 0`)
	}, manyTellers(), lobbies())
}

func TestTooManyTells(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		unreadable(w, "dead")
		a := w.attach("many", "1", "ann", conn1)
		a.command(1, "tell_many", `{"To":"dead","N":10000}`)
		a.command(2, "tell_many", `{"To":"dead","N":10000}`)
		want(t, a.frames(), `welcome 0 {"n":0} acked 0`, `ack 1 at 0 `, `reject 2 overloaded`)
	}, manyTellers(), lobbies())
}

// TestForgetfulReceiver has a receiver forget a sender that still waits for another receiver.
func TestForgetfulReceiver(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		unreadable(w, "dead")
		a := w.attach("many", "1", "ann", conn1)
		a.command(1, "tell_many", `{"To":"well","N":1}`)
		a.command(2, "tell_many", `{"To":"dead","N":1}`)
		a.frames()
		time.Sleep(48 * time.Hour)
		w.restart()
		time.Sleep(2 * time.Minute)
		want(t, w.attach("lobby", "well", "bob", conn2).frames(), `welcome 2 2 acked 0`)
	}, manyTellers(), lobbies())
}

type tick struct{ At time.Time }

func TestTimerIsNotEarly(t *testing.T) {
	var early time.Duration
	clocks := tutti.NewCategory("clock",
		tutti.OnCommand(func(t *tutti.Turn[sum], c get) error {
			at := t.Now().Add(1500 * time.Microsecond)
			t.Schedule("k", at, tick{at})
			return nil
		}),
		tutti.OnTimer(func(t *tutti.Turn[sum], c tick) error {
			early = c.At.Sub(t.Now())
			return nil
		}),
		tutti.OnEvent(func(s *sum, e added) {}),
	)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("clock", "1", "ann", conn1)
		a.command(1, "get", `null`)
		time.Sleep(time.Second)
		a.frames()
		if early > 0 {
			t.Errorf("the timer came %v early", early)
		}
	}, clocks)
}

// TestFailingTimerIsTriedLessAndLessOften has a timer whose event cannot be applied, so that the
// entity is read anew each time.
func TestFailingTimerIsTriedLessAndLessOften(t *testing.T) {
	var tries []time.Time
	clocks := tutti.NewCategory("clock",
		tutti.OnCommand(func(t *tutti.Turn[sum], c get) error {
			t.Schedule("k", t.Now(), tick{})
			return nil
		}),
		tutti.OnTimer(func(t *tutti.Turn[sum], c tick) error {
			tries = append(tries, t.Now())
			t.Emit(burst{})
			return nil
		}),
		tutti.OnEvent(func(s *sum, e burst) { panic("cannot apply") }),
	)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("clock", "1", "ann", conn1)
		a.command(1, "get", `null`)
		time.Sleep(10 * time.Minute)
		a.frames()
		if n := len(tries); n < 10 || n > 20 {
			t.Errorf("tried %d times in ten minutes, want between 10 and 20", n)
		}
	}, clocks)
}

// TestTimerSetAnewIsNotLate sets a timer anew whose handler has failed for long and that is tried seldom.
func TestTimerSetAnewIsNotLate(t *testing.T) {
	failing := true
	var fired time.Time
	clocks := tutti.NewCategory("clock",
		tutti.OnCommand(func(t *tutti.Turn[sum], c get) error {
			t.Schedule("k", t.Now(), tick{})
			return nil
		}),
		tutti.OnTimer(func(t *tutti.Turn[sum], c tick) error {
			if failing {
				return errors.New("planned")
			}
			fired = t.Now()
			return nil
		}),
	)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("clock", "1", "ann", conn1)
		a.command(1, "get", `null`)
		time.Sleep(4 * time.Minute) // it is tried after 123 s, 183 s and 243 s
		a.frames()
		failing = false
		set := time.Now()
		a.command(2, "get", `null`)
		time.Sleep(time.Second)
		a.frames()
		if fired.IsZero() || fired.Sub(set) > time.Second {
			t.Errorf("a second after it was set anew it has fired at %v, want after %v", fired, set)
		}
	}, clocks)
}
