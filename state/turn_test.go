package state_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

type sum struct {
	N int `json:"n"`
}

type (
	add    struct{ By int }
	boom   struct{}
	poison struct{}
	peek   struct{}
	get    struct{}
	added  struct{ By int }
	burst  struct{}
	wait   struct{ MS int }
	later  struct {
		Key string
		MS  int
		By  int
	}
	due struct{ By int }
)

func sums(more ...tutti.Declaration) *tutti.Category {
	return tutti.NewCategory("sum", append([]tutti.Declaration{
		tutti.OnCommand(func(t *tutti.Turn[sum], c add) error {
			if c.By == 0 {
				return tutti.Reject("invalid", "by is 0")
			}
			t.Emit(added(c))
			t.ReplyWith(func(s *sum) any { return *s })
			return nil
		}),
		tutti.OnCommand(func(t *tutti.Turn[sum], c boom) error {
			t.Emit(added{By: 1000})
			panic("boom")
		}),
		tutti.OnCommand(func(t *tutti.Turn[sum], c poison) error {
			t.Emit(burst{})
			return nil
		}),
		tutti.OnCommand(func(t *tutti.Turn[sum], c peek) error {
			t.Reply(t.State().N)
			return nil
		}),
		tutti.OnCommand(func(t *tutti.Turn[sum], c wait) error {
			time.Sleep(time.Duration(c.MS) * time.Millisecond)
			return nil
		}),
		tutti.OnCommand(func(t *tutti.Turn[sum], c later) error {
			t.Schedule(c.Key, t.Now().Add(time.Duration(c.MS)*time.Millisecond), due{By: c.By})
			return nil
		}),
		tutti.OnTimer(func(t *tutti.Turn[sum], d due) error {
			t.Emit(added(d))
			return nil
		}),
		tutti.OnQuery(func(t *tutti.Turn[sum], q get) (sum, error) { return *t.State(), nil }),
		tutti.OnEvent(func(s *sum, e added) { s.N += e.By }),
		tutti.OnEvent(func(s *sum, e burst) {
			s.N = -1
			panic("cannot apply")
		}),
		tutti.Relay("typing"),
	}, more...)...)
}

const conn1, conn2 = "connection-0000001", "connection-0000002"

func want(t *testing.T, got []string, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("frames differ (-want +got):\n%s", d)
	}
}

func TestCommandsInOrder(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		b := w.attach("sum", "1", "bob", conn2)
		a.command(1, "add", `{"By":2}`)
		a.command(2, "add", `{"By":0}`)
		a.command(3, "nothing", `{}`)
		a.command(4, "add", `{"By":"x"}`)
		a.command(5, "peek", `null`)
		a.query(6, "get", `null`)
		a.query(7, "nothing", `null`)
		want(t, a.frames(), `welcome 0 {"n":0} acked 0`,
			`event 1 added {"By":2}`, `ack 1 at 1 {"n":2}`, `reject 2 invalid`, `reject 3 unknown_command`,
			`reject 4 invalid`, `ack 5 at 1 2`, `answer 6 at 1 {"n":2}`, `reject 7 unknown_command`)
		want(t, b.frames(), `welcome 0 {"n":0} acked 0`, `event 1 added {"By":2}`)
	}, sums())
}

func TestPanicHarmsNobody(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		a.command(1, "add", `{"By":2}`)
		a.command(2, "boom", `null`)
		a.command(3, "poison", `null`)
		a.command(4, "add", `{"By":3}`)
		want(t, a.frames(), `welcome 0 {"n":0} acked 0`, `event 1 added {"By":2}`, `ack 1 at 1 {"n":2}`,
			`reject 2 internal`, `reject 3 internal`, `event 2 added {"By":3}`, `ack 4 at 2 {"n":5}`)
		if log := w.logs.all(); !strings.Contains(log, "boom") || !strings.Contains(log, "turn_test.go") {
			t.Errorf("log has no stack of the panic: %s", log)
		}
	}, sums())
}

func TestNothingLeavesBeforeItIsDurable(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		want(t, a.frames(), `welcome 0 {"n":0} acked 0`)
		disk := make(chan struct{})
		w.journal.Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault {
			<-disk
			return memjournal.Fault{}
		}})
		a.command(1, "add", `{"By":2}`)
		a.command(2, "add", `{"By":0}`)
		a.query(3, "get", `null`)
		b := w.attach("sum", "1", "bob", conn2)
		want(t, a.frames())
		want(t, b.frames())
		close(disk)
		want(t, a.frames(), `event 1 added {"By":2}`, `ack 1 at 1 {"n":2}`, `reject 2 invalid`, `answer 3 at 1 {"n":2}`)
		want(t, b.frames(), `welcome 1 {"n":2} acked 0`)
	}, sums())
}

func TestFailedAppend(t *testing.T) {
	for _, stored := range []bool{false, true} {
		for _, fault := range []error{journal.ErrFenced, journal.ErrUnknown, errors.New("disk on fire")} {
			if stored && !errors.Is(fault, journal.ErrUnknown) {
				continue
			}
			t.Run(fault.Error(), func(t *testing.T) {
				inWorld(t, state.Config{}, func(t *testing.T, w *world) {
					a := w.attach("sum", "1", "ann", conn1)
					a.command(1, "add", `{"By":2}`)
					epoch := a.welcome().Epoch
					a.frames()
					w.journal.Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault {
						return memjournal.Fault{Err: fault, Stored: stored}
					}})
					a.command(2, "add", `{"By":3}`)
					want(t, a.frames(), `terminate unavailable`)
					w.journal.Inject(memjournal.Faults{})
					time.Sleep(time.Second) // the partition is acquired again

					again := w.attach("sum", "1", "ann", conn1, cursor(epoch, 1))
					again.command(2, "add", `{"By":3}`)
					if stored {
						want(t, again.frames(), `resumed 1 until 2 acked 2`, `ack 2 at 2 {"n":5}`)
					} else {
						want(t, again.frames(), `resumed 1 until 1 acked 1`, `event 2 added {"By":3}`, `ack 2 at 2 {"n":5}`)
					}
				}, sums())
			})
		}
	}
}

func TestEffectivelyOnce(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		a.command(1, "add", `{"By":2}`)
		a.command(2, "add", `{"By":0}`)
		a.command(3, "add", `{"By":3}`)
		epoch := a.welcome().Epoch
		a.frames()
		a.detach(0)
		b := w.attach("sum", "1", "ann", conn1, cursor(epoch, 2))
		b.command(1, "add", `{"By":2}`)
		b.command(2, "add", `{"By":0}`)
		b.command(3, "add", `{"By":3}`)
		want(t, b.frames(), `resumed 2 until 2 acked 3`, `ack 1 at 1 {"n":2}`, `reject 2 invalid`, `ack 3 at 2 {"n":5}`)
		w.restart()
		c := w.attach("sum", "1", "ann", conn1, cursor(epoch, 2))
		if !c.welcome().Has(wire.Known) {
			t.Error("after a restart the connection is not known")
		}
		c.command(1, "add", `{"By":2}`)
		c.command(2, "add", `{"By":0}`)
		c.command(3, "add", `{"By":3}`)
		c.command(4, "add", `{"By":1}`)
		want(t, c.frames(), `ack 1 at 1 {"n":2}`, `reject 2 forgotten`, `ack 3 at 2 {"n":5}`,
			`event 3 added {"By":1}`, `ack 4 at 3 {"n":6}`)
	}, sums())
}

func TestOutcomesOutliveSnapshots(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		for i := range 100 {
			a.command(uint64(i+1), "add", `{"By":1}`)
		}
		a.frames()
		w.restart()
		b := w.attach("sum", "1", "ann", conn1)
		for i := range 101 {
			b.command(uint64(i+1), "add", `{"By":1}`)
		}
		got := b.frames()
		if len(got) != 103 || got[0] != `welcome 100 {"n":100} acked 100` || got[50] != `ack 50 at 50 {"n":50}` ||
			got[102] != `ack 101 at 101 {"n":101}` {
			t.Errorf("frames after the restart: %q", got)
		}
	}, sums(tutti.With(tutti.Options{SnapshotEvents: 7})))
}

func TestForgottenConnection(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		a.command(1, "add", `{"By":1}`)
		epoch := a.welcome().Epoch
		a.frames()
		a.detach(0)
		time.Sleep(25 * time.Hour)
		b := w.attach("sum", "1", "bob", conn2)
		b.command(1, "add", `{"By":1}`)
		b.frames()
		again := w.attach("sum", "1", "ann", conn1, cursor(epoch, 1))
		if again.welcome().Has(wire.Known) {
			t.Error("a connection is known a day after its last link")
		}
	}, sums(tutti.With(tutti.Options{Remember: 24 * time.Hour, SnapshotEvents: 1})))
}

func TestExpect(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		a.send(&wire.Envelope{Kind: wire.KindCommand, Flags: wire.HasExpect, Command: 1, Name: "add", Data: []byte(`{"By":1}`)})
		a.send(&wire.Envelope{Kind: wire.KindCommand, Flags: wire.HasExpect, Command: 2, Expect: 0, Name: "add", Data: []byte(`{"By":1}`)})
		a.send(&wire.Envelope{Kind: wire.KindCommand, Flags: wire.HasExpect, Command: 3, Expect: 2, Name: "add", Data: []byte(`{"By":1}`)})
		a.send(&wire.Envelope{Kind: wire.KindCommand, Flags: wire.HasExpect, Command: 4, Expect: 1, Name: "add", Data: []byte(`{"By":1}`)})
		want(t, a.frames(), `welcome 0 {"n":0} acked 0`, `event 1 added {"By":1}`, `ack 1 at 1 {"n":1}`,
			`reject 2 conflict`, `reject 3 conflict`, `event 2 added {"By":1}`, `ack 4 at 2 {"n":2}`)
	}, sums())
}

func TestTimersSurviveRestart(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		a.command(1, "later", `{"Key":"a","MS":5000,"By":1}`)
		a.command(2, "later", `{"Key":"b","MS":1000,"By":10}`)
		a.command(3, "later", `{"Key":"a","MS":600000,"By":100}`)
		a.frames()
		time.Sleep(2 * time.Second)
		want(t, a.frames(), `event 1 added {"By":10}`)
		a.detach(wire.Leave)
		synctest.Wait()
		w.restart()
		time.Sleep(11 * time.Minute)
		b := w.attach("sum", "1", "ann", conn1)
		want(t, b.frames(), `welcome 2 {"n":110} acked 3`)
	}, sums())
}

func TestPassivation(t *testing.T) {
	inWorld(t, state.Config{MemoryBudget: 1}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		a.command(1, "add", `{"By":1}`)
		b := w.attach("sum", "2", "ann", conn1)
		b.command(1, "later", `{"Key":"a","MS":60000,"By":5}`)
		a.frames()
		b.frames()
		b.detach(wire.Leave)
		time.Sleep(5 * time.Second)
		if s := w.node.Stats(); s.Entities != 1 {
			t.Errorf("entities in memory = %d, want 1: the one with a link", s.Entities)
		}
		a.command(2, "add", `{"By":1}`)
		want(t, a.frames(), `event 2 added {"By":1}`, `ack 2 at 2 {"n":2}`)
		time.Sleep(time.Minute)
		want(t, w.attach("sum", "2", "ann", conn1).frames(), `welcome 1 {"n":5} acked 1`)
	}, sums())
}

func TestNeverWrittenLeavesNothing(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		a.command(1, "peek", `null`)
		a.command(2, "add", `{"By":0}`)
		a.query(3, "get", `null`)
		a.frames()
		a.detach(wire.Leave)
		time.Sleep(time.Hour)
		if s := w.node.Stats(); s.Entities != 0 || s.MemoryBytes != 0 {
			t.Errorf("stats = %+v, want nothing in memory", s)
		}
		w.shutdown()
		for i := range 4 {
			l, err := w.journal.Acquire(t.Context(), journal.Partition{Pool: "default", Number: i})
			if err != nil {
				t.Fatal(err)
			}
			if l.End() != 0 {
				t.Errorf("partition %d has a batch", i)
			}
		}
		w.start()
	}, sums())
}

func TestSlowHandlerIsReportedAndAlone(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		b := w.attach("sum", "2", "bob", conn2)
		a.command(1, "wait", `{"MS":60000}`)
		time.Sleep(3 * time.Second)
		b.command(1, "add", `{"By":1}`)
		want(t, b.frames(), `welcome 0 {"n":0} acked 0`, `event 1 added {"By":1}`, `ack 1 at 1 {"n":1}`)
		if log := w.logs.all(); !strings.Contains(log, "slow turn") || !strings.Contains(log, "entity=sum/1") || !strings.Contains(log, "name=wait") {
			t.Errorf("log names no slow turn: %s", log)
		}
		time.Sleep(time.Minute)
		want(t, a.frames(), `welcome 0 {"n":0} acked 0`, `ack 1 at 0 `)
	}, sums())
}

// TestManySlowHandlers: however many handlers are at work, another entity's turn begins at once.
func TestManySlowHandlers(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		const slow = 300
		began := time.Now()
		for i := range slow {
			a := w.attach("sum", "slow"+strconv.Itoa(i), "ann", fmt.Sprintf("connection-slow-%07d", i))
			a.command(1, "wait", `{"MS":60000}`)
		}
		b := w.attach("sum", "2", "bob", conn2)
		b.command(1, "add", `{"By":1}`)
		want(t, b.frames(), `welcome 0 {"n":0} acked 0`, `event 1 added {"By":1}`, `ack 1 at 1 {"n":1}`)
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("the other entity was answered after %v, when the slow handlers may have ended", took)
		}
		if got := w.node.Stats().Running; got != slow {
			t.Errorf("%d entities have a turn under way, want %d", got, slow)
		}
		time.Sleep(2 * time.Minute)
	}, sums())
}

func TestFullMailbox(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		a.frames()
		a.command(1, "wait", `{"MS":1000}`)
		synctest.Wait()
		for i := range 5 {
			a.command(uint64(i+2), "add", `{"By":1}`)
		}
		want(t, a.frames(), `reject 5 overloaded`, `reject 6 overloaded`)
		time.Sleep(2 * time.Second)
		want(t, a.frames(), `ack 1 at 0 `, `event 1 added {"By":1}`, `ack 2 at 1 {"n":1}`, `event 2 added {"By":1}`,
			`ack 3 at 2 {"n":2}`, `event 3 added {"By":1}`, `ack 4 at 3 {"n":3}`)
	}, sums(tutti.With(tutti.Options{Mailbox: 3})))
}

func TestLostEnvelopeEndsTheLink(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		a.frames()
		a.command(1, "add", `{"By":1}`)
		a.pass(&wire.Envelope{Kind: wire.KindCommand, Command: 1, Name: "add", Data: []byte(`{"By":1}`)}, 2)
		want(t, a.frames(), `event 1 added {"By":1}`, `ack 1 at 1 {"n":1}`)
		a.pass(&wire.Envelope{Kind: wire.KindCommand, Command: 3, Name: "add", Data: []byte(`{"By":1}`)}, 4)
		a.pass(&wire.Envelope{Kind: wire.KindCommand, Command: 2, Name: "add", Data: []byte(`{"By":1}`)}, 3)
		want(t, a.frames(), `terminate unavailable`)
	}, sums())
}
