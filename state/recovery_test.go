package state_test

import (
	"context"
	"errors"
	"slices"
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

// asleep waits until the node's budget has put every idle entity to sleep.
func asleep() {
	time.Sleep(2 * time.Second)
	synctest.Wait()
}

func TestWatchersGetEventsAfterPassivation(t *testing.T) {
	inWorld(t, state.Config{MemoryBudget: 1}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1)
		a.command(1, "line", `{"Line":"one"}`)
		a.frames()
		asleep()
		a.command(2, "line", `{"Line":"secret two"}`)
		a.command(3, "line", `{"Line":"three"}`)
		want(t, a.frames(), `ack 2 at 3 `, `event 4 lined {"Line":"three"} prev 2`, `ack 3 at 4 `)
	}, lobbies())
}

func TestExpectAfterPassivation(t *testing.T) {
	inWorld(t, state.Config{MemoryBudget: 1}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1, noWatch)
		for i := range 5 {
			a.command(uint64(i+1), "line", `{"Line":"x"}`)
		}
		a.frames()
		asleep()
		a.send(&wire.Envelope{Kind: wire.KindCommand, Flags: wire.HasExpect, Command: 6, Expect: 2, Name: "line", Data: []byte(`{"Line":"y"}`)})
		want(t, a.frames(), `reject 6 conflict`)
	}, lobbies())
}

func TestConnectAgainAfterLeavingAsleep(t *testing.T) {
	inWorld(t, state.Config{MemoryBudget: 1}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1)
		b := w.attach("lobby", "1", "bob", conn2)
		b.frames()
		a.frames()
		asleep()
		b.detach(wire.Leave)
		want(t, a.frames(), `event 3 gone {"Who":"bob"}`)
		b = w.attach("lobby", "1", "bob", conn2)
		want(t, a.frames(), `event 4 came {"Who":"bob"}`)
		want(t, b.frames(), `welcome 4 4 acked 0`)
	}, lobbies())
}

// gate rejects until it is opened.
type (
	gateCommand struct{}
	openCommand struct{}
)

func gates(options tutti.Options) *tutti.Category {
	return tutti.NewCategory("gate",
		tutti.OnCommand(func(t *tutti.Turn[sum], c openCommand) error { t.Emit(added{By: 1}); return nil }, tutti.Name("open")),
		tutti.OnCommand(func(t *tutti.Turn[sum], c gateCommand) error {
			if t.State().N == 0 {
				return tutti.Reject("closed", "the gate is closed")
			}
			t.Emit(added{By: 10})
			return nil
		}, tutti.Name("pass")),
		tutti.OnEvent(func(s *sum, e added) { s.N += e.By }),
		tutti.With(options),
	)
}

func TestOneOutcomeOfACommand(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("gate", "1", "ann", conn1)
		a.command(1, "pass", `{}`)
		want(t, a.frames(), `welcome 0 {"n":0} acked 0`, `reject 1 closed`)
		b := w.attach("gate", "1", "bob", conn2)
		b.command(1, "open", `{}`) // a snapshot, which knows of the rejection
		b.frames()
		w.restart()
		var seen []string
		for range 2 {
			a = w.attach("gate", "1", "ann", conn1)
			a.command(1, "pass", `{}`)
			frames := a.frames()
			seen = append(seen, frames[len(frames)-1])
			a.detach(0)
		}
		if seen[0] != seen[1] {
			t.Errorf("the same command was answered %q and then %q", seen[0], seen[1])
		}
	}, gates(tutti.Options{SnapshotEvents: 1}))
}

func TestDisconnectAloneAfterACrash(t *testing.T) {
	leavers := tutti.NewCategory("leaver",
		tutti.OnDisconnect(func(t *tutti.Turn[lobby]) error { t.Emit(gone{t.Claims().Subject}); return nil }),
		tutti.OnEvent(func(l *lobby, e gone) { l.Lines = append(l.Lines, "-"+e.Who) }),
	)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		w.attach("leaver", "1", "ann", conn1).frames()
		w.restart()
		time.Sleep(time.Minute)
		want(t, w.attach("leaver", "1", "bob", conn2).frames(), `welcome 1 {"Lines":["-ann"]} acked 0`)
	}, leavers)
}

func TestToldIsLoggedBeforeItIsConfirmed(t *testing.T) {
	var fails, unreadable atomic.Bool
	fails.Store(true)
	receivers := tutti.NewCategory("receiver",
		tutti.OnCommand(func(t *tutti.Turn[lobby], c line) error { t.Emit(lined(c)); return nil }),
		tutti.OnEvent(func(l *lobby, e lined) {
			if fails.Load() {
				unreadable.Store(true)
				panic("cannot apply now")
			}
			l.Lines = append(l.Lines, e.Line)
		}),
	)
	senders := tutti.NewCategory("sender",
		tutti.OnCommand(func(t *tutti.Turn[sum], c line) error {
			t.Tell(tutti.Entity{Category: "receiver", ID: "1"}, line{c.Line})
			return nil
		}),
		tutti.OnEvent(func(s *sum, e added) {}),
	)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		w.journal.Inject(memjournal.Faults{Entity: func(_ context.Context, e journal.Entity) error {
			if e.Category == "receiver" && unreadable.Load() {
				return errors.New("disk busy")
			}
			return nil
		}})
		a := w.attach("sender", "1", "ann", conn1)
		a.command(1, "line", `{"Line":"x"}`)
		a.frames()
		fails.Store(false)
		unreadable.Store(false)
		time.Sleep(time.Minute)
		want(t, w.attach("receiver", "1", "bob", conn2).frames(), `welcome 1 {"Lines":["x"]} acked 0`)
	}, receivers, senders)
}

func tellers(options tutti.Options) *tutti.Category {
	return tutti.NewCategory("teller",
		tutti.OnCommand(func(t *tutti.Turn[sum], c tellC) error {
			t.Tell(tutti.Entity{Category: "lobby", ID: c.To}, line{c.Line})
			return nil
		}, tutti.Name("tell")),
		tutti.OnEvent(func(s *sum, e added) {}),
		tutti.With(options),
	)
}

func TestEphemeralSenderTellsAfterItsSleep(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		for _, text := range []string{"one", "two"} {
			a := w.attach("teller", "1", "ann", conn1)
			a.command(1, "tell", `{"To":"x","Line":"`+text+`"}`)
			a.frames()
			a.detach(wire.Leave)
			time.Sleep(time.Hour)
		}
		want(t, w.attach("lobby", "x", "bob", conn2).frames(), `welcome 3 3 acked 0`)
	}, lobbies(), tellers(tutti.Options{Ephemeral: true}))
}

func TestTimerFiresThoughTheJournalWasBusy(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		a.command(1, "later", `{"Key":"a","MS":20000,"By":5}`)
		a.frames()
		a.detach(wire.Leave)
		synctest.Wait()
		w.restart()
		w.journal.Inject(memjournal.Faults{Entity: func(context.Context, journal.Entity) error { return errors.New("busy") }})
		time.Sleep(26 * time.Second)
		w.journal.Inject(memjournal.Faults{})
		time.Sleep(7 * time.Second)
		want(t, w.attach("sum", "1", "bob", conn2).frames(), `welcome 1 {"n":5} acked 0`)
	}, sums())
}

func TestResentCommandWhileTheMailboxIsFull(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		a.command(1, "add", `{"By":1}`)
		a.frames()
		a.detach(0)
		b := w.attach("sum", "1", "bob", conn2)
		b.frames()
		b.command(1, "wait", `{"MS":1000}`)
		synctest.Wait()
		a = w.attach("sum", "1", "ann", conn1)
		b.command(2, "add", `{"By":1}`)
		b.command(3, "add", `{"By":1}`)
		a.command(1, "add", `{"By":1}`)
		time.Sleep(2 * time.Second)
		got := a.frames()
		if slices.ContainsFunc(got, func(f string) bool { return strings.HasPrefix(f, "reject 1") }) {
			t.Errorf("a command that was carried out got %q", got)
		}
	}, sums(tutti.With(tutti.Options{Mailbox: 3})))
}

func TestResentCommandWhileTheEntityCannotBeRead(t *testing.T) {
	inWorld(t, state.Config{MemoryBudget: 1}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		a.command(1, "add", `{"By":1}`)
		a.frames()
		a.detach(0)
		a = w.attach("sum", "1", "ann", conn1)
		a.frames()
		asleep()
		w.journal.Inject(memjournal.Faults{Entity: func(context.Context, journal.Entity) error { return errors.New("busy") }})
		a.command(1, "add", `{"By":1}`)
		a.command(2, "add", `{"By":1}`)
		want(t, a.frames(), `terminate unavailable`)
		w.journal.Inject(memjournal.Faults{})
		time.Sleep(10 * time.Second)
		a = w.attach("sum", "1", "ann", conn1)
		a.command(1, "add", `{"By":1}`)
		a.command(2, "add", `{"By":1}`)
		want(t, a.frames(), `welcome 1 {"n":1} acked 1`, `ack 1 at 1 {"n":1}`, `event 2 added {"By":1}`, `ack 2 at 2 {"n":2}`)
	}, sums())
}

func TestStartAfterACrashInTheFirstStart(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		w.shutdown()
		w.journal = memjournal.New()
		w.journal.Inject(memjournal.Faults{Acquire: func(_ context.Context, p journal.Partition) error {
			if p.Number > 1 {
				return errors.New("the machine is about to stop")
			}
			return nil
		}})
		c := state.Config{Categories: w.categories, Journal: w.journal, Bus: w.bus, Partitions: 4}
		node, err := state.New(c)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		_ = node.Run(ctx)
		w.journal.Inject(memjournal.Faults{})
		if node, err = state.New(c); err != nil {
			t.Fatal(err)
		}
		ctx, stop = context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := node.Run(ctx); err != nil {
			t.Errorf("the second start: %v", err)
		}
		c.Partitions = 8
		if node, err = state.New(c); err != nil {
			t.Fatal(err)
		}
		if err := node.Run(t.Context()); err == nil {
			t.Error("a node with other partitions runs")
		}
		w.start()
	}, sums())
}

func TestCommandOlderThanItsOutcome(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		for i := range 600 {
			a.command(uint64(2*i+1), "add", `{"By":1}`)
		}
		a.frames()
		w.restart()
		a = w.attach("sum", "1", "ann", conn1)
		a.command(1199-2*255, "add", `{"By":1}`)
		a.command(1199-2*255+1, "add", `{"By":1}`)
		want(t, a.frames(), `welcome 600 {"n":600} acked 1199`, `ack 689 at 345 {"n":345}`, `reject 690 forgotten`)
		a.command(1, "add", `{"By":1}`)
		want(t, a.frames(), `terminate bad_frame`)
	}, sums(tutti.With(tutti.Options{SnapshotEvents: 50})))
}
