package state_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// setClock is a clock that is set by hand: it differs from the time that passes by that much.
type setClock struct{ by atomic.Int64 }

func (c *setClock) now() time.Time { return time.Now().Round(0).Add(time.Duration(c.by.Load())) }

// set sets it, and waits until the node has noticed.
func (c *setClock) set(by time.Duration) {
	c.by.Store(int64(by))
	time.Sleep(time.Second)
}

// steps runs a test with a clock that is set an hour forward, and one that is set an hour back.
func steps(t *testing.T, test func(t *testing.T, w *world, c *setClock, step time.Duration), categories ...*tutti.Category) {
	for _, step := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			var c setClock
			inWorld(t, state.Config{Clock: c.now}, func(t *testing.T, w *world) { test(t, w, &c, step) }, categories...)
		})
	}
}

// TestGraceIsNotOfTheClock sets the clock while a connection is away.
func TestGraceIsNotOfTheClock(t *testing.T) {
	steps(t, func(t *testing.T, w *world, c *setClock, step time.Duration) {
		a, b := w.attach("lobby", "1", "ann", conn1), w.attach("lobby", "1", "bob", conn2)
		b.detach(0)
		synctest.Wait()
		a.frames()
		c.set(step)
		time.Sleep(8 * time.Second)
		if got := a.frames(); len(got) != 0 {
			t.Errorf("after 9 s of 10: %q, want nothing", got)
		}
		time.Sleep(2 * time.Second)
		want(t, a.frames(), `event 3 gone {"Who":"bob"}`)
	}, lobbies())
}

// TestPresenceIsNotOfTheClock sets the clock while presence is gathered.
func TestPresenceIsNotOfTheClock(t *testing.T) {
	steps(t, func(t *testing.T, w *world, c *setClock, step time.Duration) {
		a := w.attach("lobby", "1", "ann", conn1, withPresence)
		a.welcome()
		time.Sleep(time.Second)
		w.mu.Lock()
		a.got = nil
		w.mu.Unlock()
		w.attach("lobby", "1", "bob", conn2)
		synctest.Wait()
		c.set(step)
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, e := range a.got {
			if e.Kind == wire.KindPresenceChange && strings.HasPrefix(string(e.Data), `{"count":2,"joined":[`) {
				return
			}
		}
		t.Error("a second after bob came nobody was told")
	}, lobbies())
}

// TestTimersAreOfTheClock has timers due in half an hour and in an hour and a half, at an entity in memory and at one
// that is not.
func TestTimersAreOfTheClock(t *testing.T) {
	const minutes = int(time.Minute / time.Millisecond)
	steps(t, func(t *testing.T, w *world, c *setClock, step time.Duration) {
		for _, id := range []string{"awake", "asleep"} {
			a := w.attach("sum", id, "ann", conn1)
			a.command(1, "later", fmt.Sprintf(`{"Key":"a","MS":%d,"By":1}`, 30*minutes))
			a.command(2, "later", fmt.Sprintf(`{"Key":"b","MS":%d,"By":10}`, 90*minutes))
			a.frames()
			if id == "asleep" {
				a.detach(wire.Leave)
			}
		}
		time.Sleep(10 * time.Minute) // of which one is passivated after five, and the other one, too
		c.set(step)
		var sums []string
		for range 4 {
			a, b := w.attach("sum", "awake", "ann", conn1), w.attach("sum", "asleep", "ann", conn1)
			sums = append(sums, string(a.welcome().Data), string(b.welcome().Data))
			b.detach(wire.Leave)
			time.Sleep(45 * time.Minute)
		}
		got := strings.Join(sums, " ")
		none, first, both := `{"n":0} {"n":0}`, `{"n":1} {"n":1}`, `{"n":11} {"n":11}`
		wanted := strings.Join([]string{first, both, both, both}, " ")
		if step < 0 { // at 0, 45, 90 and 135 min after it was set to 50 min before they were made
			wanted = strings.Join([]string{none, none, first, first}, " ")
		}
		if got != wanted {
			t.Errorf("sums %s, want %s", got, wanted)
		}
	}, sums())
}

// TestRepeatedTellIsNotOfTheClock sets the clock while a message waits to be sent again.
func TestRepeatedTellIsNotOfTheClock(t *testing.T) {
	steps(t, func(t *testing.T, w *world, c *setClock, step time.Duration) {
		busy := unreadable(w, "x")
		a := w.attach("teller", "1", "ann", conn1)
		a.command(1, "tell", `{"To":"x","Line":"one"}`)
		a.frames()
		c.set(step)
		busy.Store(false)
		time.Sleep(time.Minute)
		want(t, w.attach("lobby", "x", "bob", conn2).frames(), `welcome 2 2 acked 0`)
	}, lobbies(), tellers(tutti.Options{}))
}

// TestEphemeralSenderIsNotOfTheClock has an entity that tells, is forgotten, and tells again: its second message has
// a higher number all the same.
func TestEphemeralSenderIsNotOfTheClock(t *testing.T) {
	steps(t, func(t *testing.T, w *world, c *setClock, step time.Duration) {
		for _, text := range []string{"one", "two"} {
			a := w.attach("teller", "1", "ann", conn1)
			a.command(1, "tell", `{"To":"x","Line":"`+text+`"}`)
			a.frames()
			a.detach(wire.Leave)
			time.Sleep(time.Minute)
			c.set(step)
		}
		want(t, w.attach("lobby", "x", "bob", conn2).frames(), `welcome 3 3 acked 0`)
	}, lobbies(), tellers(tutti.Options{Ephemeral: true, Idle: time.Second}))
}

// TestEphemeralSenderOfAnEarlierClock has an entity tell while the clock is ahead, and again after a restart, when it is
// right again.
func TestEphemeralSenderOfAnEarlierClock(t *testing.T) {
	var c setClock
	c.by.Store(int64(time.Hour))
	inWorld(t, state.Config{Clock: c.now}, func(t *testing.T, w *world) {
		for _, text := range []string{"one", "two"} {
			a := w.attach("teller", "1", "ann", conn1)
			a.command(1, "tell", `{"To":"x","Line":"`+text+`"}`)
			a.frames()
			c.by.Store(0)
			w.restart()
		}
		want(t, w.attach("lobby", "x", "bob", conn2).frames(), `welcome 3 3 acked 0`)
	}, lobbies(), tellers(tutti.Options{Ephemeral: true}))
}

// TestSlowTurnIsNotOfTheClock sets the clock while a handler runs.
func TestSlowTurnIsNotOfTheClock(t *testing.T) {
	steps(t, func(t *testing.T, w *world, c *setClock, step time.Duration) {
		a := w.attach("sum", "1", "ann", conn1)
		a.command(1, "wait", `{"MS":3000}`)
		synctest.Wait()
		c.set(step)
		time.Sleep(5 * time.Second)
		if logged := w.logs.all(); !strings.Contains(logged, "took=3s") || !strings.Contains(logged, "the clock was set") {
			t.Errorf("logged %s, want a slow turn that took 3 s, and that the clock was set", logged)
		}
	}, sums())
}
