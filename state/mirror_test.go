package state_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// loose is a category whose entities may be asked with any consistency.
func loose() *tutti.Category {
	return tutti.NewCategory("loose",
		tutti.OnCommand(func(t *tutti.Turn[sum], c add) error { t.Emit(added(c)); return nil }),
		tutti.OnEvent(func(s *sum, e added) { s.N += e.By }),
		tutti.OnQuery(func(t *tutti.Turn[sum], q get) (sum, error) { return *t.State(), nil }, tutti.Weakest(tutti.Eventual)),
		tutti.OnQuery(func(t *tutti.Turn[sum], q peek) (int, error) { return t.State().N, nil }, tutti.Weakest(tutti.Session)),
		tutti.OnQuery(func(t *tutti.Turn[sum], q wait) (int, error) {
			time.Sleep(time.Duration(q.MS) * time.Millisecond)
			return t.State().N, nil
		}, tutti.Weakest(tutti.Eventual)),
		tutti.With(tutti.Options{ViewConsistency: tutti.Eventual}),
	)
}

// stale asks with eventual consistency, for what is no older than that; 0: of any age.
func stale(ms uint64) func(*wire.Envelope) {
	return func(e *wire.Envelope) { e.Flags, e.Until = e.Flags|wire.Stale, ms }
}

func seen(rev uint64) func(*wire.Envelope) { return func(e *wire.Envelope) { e.Revision = rev } }

// mirrored sends a question to the mirror of a node, and returns what comes within a second.
func (f *fleet) mirrored(node journal.NodeID, kind wire.Kind, entity string, options ...func(*wire.Envelope)) *wire.Envelope {
	f.t.Helper()
	claims, err := json.Marshal(tutti.Claims{Subject: "eve"})
	if err != nil {
		f.t.Fatal(err)
	}
	answers := make(chan *wire.Envelope, 2)
	stop, err := f.bus.Listen(bus.Edge("asking"), func(e *wire.Envelope) { answers <- e })
	if err != nil {
		f.t.Fatal(err)
	}
	defer stop()
	category, id, _ := cutEntity(entity)
	p := partOf(entity)
	at, ok := f.node(node).Mirror(p.Pool, p.Number)
	if !ok {
		f.t.Fatalf("node %d has no mirror of %s", node, p)
	}
	env := &wire.Envelope{
		Kind: kind, Category: category, ID: id, Edge: "asking", Command: 7, Claims: claims, Sent: time.Now().UnixMicro(),
	}
	if kind == wire.KindQuery {
		env.Link, env.Conn = 99, conn1
	}
	for _, o := range options {
		o(env)
	}
	if err := f.bus.Send("default", at, env); err != nil {
		f.t.Fatal(err)
	}
	select {
	case e := <-answers:
		return e
	case <-time.After(time.Second):
		return nil
	}
}

// told is an answer in a few words.
func told(e *wire.Envelope) string {
	switch {
	case e == nil:
		return "nothing"
	case e.Kind == wire.KindReject || e.Has(wire.Refused):
		return "refused " + e.Code
	case e.Has(wire.Mirrored):
		return fmt.Sprintf("mirror %d %s", e.Revision, e.Data)
	}
	return fmt.Sprintf("owner %d %s", e.Revision, e.Data)
}

func TestMirrorIsWhatTheNextOwnerBeginsWith(t *testing.T) {
	inFleet(t, 3, state.Config{}, func(t *testing.T, f *fleet) {
		for range 10 {
			f.call("sum/1", "ann", "add", `{"By":1}`)
		}
		f.call("sum/2", "ann", "later", `{"Key":"k","MS":60000,"By":5}`)
		var replayed []journal.Entity
		f.cluster.Node(2).Inject(memjournal.Faults{Records: func(e journal.Entity) { replayed = append(replayed, e) }})
		f.lead("sum/1", 2)
		f.lead("sum/2", 2)
		if got := f.call("sum/1", "ann", "add", `{"By":1}`); got != `11 {"n":11}` {
			t.Errorf("call at the next owner = %q", got)
		}
		time.Sleep(61 * time.Second)
		if got := f.look("sum/2", "ann"); got != `1 {"n":5}` {
			t.Errorf("view after the timer was due = %q", got)
		}
		if s := f.node(2).Stats(); s.Warm != 2 || len(replayed) != 0 {
			t.Errorf("%d entities began with copies, and the records of %v were read; want 2 and none", s.Warm, replayed)
		}
		f.calm()
	}, sums())
}

func TestMirrorBehindIsBroughtUp(t *testing.T) {
	inFleet(t, 2, state.Config{}, func(t *testing.T, f *fleet) {
		f.call("sum/1", "ann", "add", `{"By":1}`)
		f.cluster.Hold(partOf("sum/1"), 2)
		a := f.attach("sum", "1", "ann", conn1)
		a.command(1, "add", `{"By":2}`)
		a.frames()
		f.lead("sum/1", 2)
		a = a.again("ann")
		a.command(1, "add", `{"By":2}`)
		want(t, a.frames(), `welcome 2 {"n":3} acked 1`, `ack 1 at 2 {"n":3}`)
		if s := f.node(2).Stats(); s.Warm != 1 {
			t.Errorf("%d entities began with copies, want 1", s.Warm)
		}
	}, sums())
}

func TestMirrorAnswers(t *testing.T) {
	inFleet(t, 3, state.Config{}, func(t *testing.T, f *fleet) {
		get, peek := naming("get", "{}"), naming("peek", "{}")
		f.call("loose/1", "ann", "add", `{"By":1}`)
		ask := func(want string, kind wire.Kind, options ...func(*wire.Envelope)) *wire.Envelope {
			t.Helper()
			e := f.mirrored(2, kind, "loose/1", options...)
			if got := told(e); got != want {
				t.Errorf("answer = %q, want %q", got, want)
			}
			if e != nil && (e.Command != 7 || e.Kind == wire.KindAnswer && e.Link != 99) {
				t.Errorf("answer is for command %d of link %d", e.Command, e.Link)
			}
			return e
		}
		ask(`mirror 1 {"n":1}`, wire.KindView, stale(0))
		ask(`mirror 1 {"n":1}`, wire.KindQuery, get, stale(0))
		ask(`mirror 1 {"n":1}`, wire.KindQuery, get, seen(1))
		ask(`mirror 1 1`, wire.KindQuery, peek, seen(1))
		ask(`owner 1 1`, wire.KindQuery, peek, stale(0)) // which that query does not allow
		ask(`refused unknown_command`, wire.KindQuery, naming("nothing", "{}"), stale(0))

		f.cluster.Hold(partOf("loose/1"), 2)
		f.call("loose/1", "ann", "add", `{"By":1}`)
		ask(`owner 2 {"n":2}`, wire.KindQuery, get, seen(2))
		time.Sleep(3 * time.Second)
		if e := ask(`mirror 1 {"n":1}`, wire.KindView, stale(0)); e != nil && e.Spent < 3_000_000 {
			t.Errorf("a mirror that has heard nothing for 3 s says that it is %d µs old at most", e.Spent)
		}
		ask(`mirror 1 {"n":1}`, wire.KindView, stale(60_000))
		ask(`owner 2 {"n":2}`, wire.KindView, stale(1000))
		ask(`owner 2 {"n":2}`, wire.KindQuery, get, stale(1000))
		go func() {
			time.Sleep(50 * time.Millisecond)
			f.cluster.Heal(2)
		}()
		ask(`mirror 2 {"n":2}`, wire.KindQuery, get, seen(2))
		if e := ask(`mirror 2 {"n":2}`, wire.KindView, stale(10)); e != nil && e.Spent > 10_000 {
			t.Errorf("the answer may be %d µs old, 10,000 were asked for", e.Spent)
		}
		f.cluster.Cut(1) // and nobody leads
		ask(`mirror 2 {"n":2}`, wire.KindView, stale(0))
		if s := f.node(2).Stats(); s.Answered != 9 || s.Passed != 5 {
			t.Errorf("the mirror answered %d and passed on %d questions", s.Answered, s.Passed)
		}
		f.calm()
	}, loose())
}

// TestCopyThatWasLetGoAnswersNothing has a question wait for a copy that is in use for so long that the mirror makes another one: what it
// answers has everything that was stored as long ago as it says.
func TestCopyThatWasLetGoAnswersNothing(t *testing.T) {
	inFleet(t, 2, state.Config{}, func(t *testing.T, f *fleet) {
		f.call("loose/1", "ann", "add", `{"By":1}`)
		answers := make(chan *wire.Envelope, 8)
		stop, err := f.bus.Listen(bus.Edge("asking"), func(e *wire.Envelope) { answers <- e })
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		p := partOf("loose/1")
		at, _ := f.node(2).Mirror(p.Pool, p.Number)
		ask := func(number, ms uint64, name, data string) {
			e := &wire.Envelope{
				Kind: wire.KindQuery, Category: "loose", ID: "1", Edge: "asking", Link: 99, Conn: conn1, Command: number, Name: name,
				Data: []byte(data), Claims: []byte(`{"sub":"eve"}`), Flags: wire.Stale, Until: ms,
			}
			if err := f.bus.Send("default", at, e); err != nil {
				t.Fatal(err)
			}
		}
		ask(1, 1, "get", "{}") // from now on the mirror knows how old it is
		synctest.Wait()
		ask(2, 0, "wait", `{"MS":150}`)
		time.Sleep(10 * time.Millisecond)
		f.call("loose/1", "ann", "add", `{"By":1}`)
		stored := time.Now()
		time.Sleep(60 * time.Millisecond)
		ask(3, 1000, "get", "{}")
		time.Sleep(10 * time.Millisecond)
		ask(4, 10, "get", "{}")
		time.Sleep(time.Second)
		for len(answers) > 0 {
			e := <-answers
			if e.Command < 3 {
				continue
			}
			if since := 80 * time.Millisecond; e.Has(wire.Mirrored) && e.Revision < 2 && time.Duration(e.Spent)*time.Microsecond < since {
				t.Errorf("answer %d is %s and says that it is %d µs old at most, after an event at %v", e.Command, e.Data, e.Spent, stored)
			}
		}
	}, loose())
}

// TestAnswerToAnEarlierMirror has a mirror be told how far the log went, in answer to a question that one before it has asked.
func TestAnswerToAnEarlierMirror(t *testing.T) {
	inFleet(t, 2, state.Config{}, func(t *testing.T, f *fleet) {
		f.call("loose/1", "ann", "add", `{"By":1}`)
		f.cluster.Cut(1) // nobody says how far it goes
		time.Sleep(3 * time.Second)
		p := partOf("loose/1")
		go func() {
			time.Sleep(50 * time.Millisecond)
			for number := range uint64(3) {
				_ = f.bus.Send("default", bus.Mirror("n2", p.Pool, p.Number), &wire.Envelope{Kind: wire.KindHeadIs, Number: number + 1, Until: 1})
			}
		}()
		if got := told(f.mirrored(2, wire.KindView, "loose/1", stale(1000))); got != "nothing" {
			t.Errorf("answer = %q, want that the owner is awaited", got)
		}
	}, loose())
}

// TestMirrorAnswersWithoutAnOwner has a mirror asked for the first time when nobody is there any more who could say how old it is.
func TestMirrorAnswersWithoutAnOwner(t *testing.T) {
	inFleet(t, 2, state.Config{}, func(t *testing.T, f *fleet) {
		f.call("loose/1", "ann", "add", `{"By":1}`)
		time.Sleep(time.Second)
		f.cluster.Cut(1)
		time.Sleep(3 * time.Second)
		got := f.mirrored(2, wire.KindView, "loose/1", stale(0))
		if told(got) != `mirror 1 {"n":1}` || got.Spent < (3*time.Second).Microseconds() {
			t.Errorf("answer = %q, %+v, want that of 3 s ago or more", told(got), got)
		}
	}, loose())
}

func TestMirrorOfWhatMayNotBeOld(t *testing.T) {
	inFleet(t, 2, state.Config{}, func(t *testing.T, f *fleet) {
		f.call("sum/1", "ann", "add", `{"By":1}`)
		for _, kind := range []wire.Kind{wire.KindView, wire.KindQuery} {
			for _, o := range []func(*wire.Envelope){stale(0), seen(0)} {
				if got := told(f.mirrored(2, kind, "sum/1", naming("get", "{}"), o)); got != `owner 1 {"n":1}` {
					t.Errorf("answer = %q, want the owner's", got)
				}
			}
		}
	}, sums())
}

func TestSlowQueryHoldsUpNoMirror(t *testing.T) {
	inFleet(t, 2, state.Config{}, func(t *testing.T, f *fleet) {
		f.call("loose/1", "ann", "add", `{"By":1}`)
		if got := told(f.mirrored(2, wire.KindQuery, "loose/1", naming("wait", `{"MS":60000}`), stale(0))); got != "nothing" {
			t.Fatalf("answer = %q", got)
		}
		f.call("loose/1", "ann", "add", `{"By":1}`)
		time.Sleep(time.Second)
		if got := told(f.mirrored(2, wire.KindQuery, "loose/1", naming("get", `{}`), stale(500))); got != `mirror 2 {"n":2}` {
			t.Errorf("answer behind a slow query = %q", got)
		}
		time.Sleep(time.Minute)
	}, loose())
}

// TestSlowQueryHoldsUpNoOwner has a node come to own a partition while its mirror is being asked something that takes a minute.
func TestSlowQueryHoldsUpNoOwner(t *testing.T) {
	inFleet(t, 2, state.Config{}, func(t *testing.T, f *fleet) {
		f.call("loose/1", "ann", "add", `{"By":1}`)
		if got := told(f.mirrored(2, wire.KindQuery, "loose/1", naming("wait", `{"MS":60000}`), stale(0))); got != "nothing" {
			t.Fatalf("answer = %q", got)
		}
		f.lead("loose/1", 2)
		f.call("loose/1", "ann", "add", `{"By":1}`)
		if got := f.look("loose/1", "ann"); got != `2 {"n":2}` {
			t.Errorf("view at the next owner = %q, want it at once", got)
		}
		time.Sleep(time.Minute)
	}, loose())
}

func TestMirrorsAreBounded(t *testing.T) {
	const budget = 1 << 20
	inFleet(t, 2, state.Config{MemoryBudget: budget}, func(t *testing.T, f *fleet) {
		for i := range 2000 {
			f.post(wire.KindCall, fmt.Sprintf("sum/%d", i), "ann", naming("add", `{"By":1}`))
		}
		synctest.Wait()
		s := f.node(2).Stats()
		if s.MirrorBytes > budget/4 || s.Mirrored < 100 || s.Mirrors != 4 {
			t.Errorf("%d copies of %d mirrors have %d bytes, want %d at most", s.Mirrored, s.Mirrors, s.MirrorBytes, budget/4)
		}
		for i := range 4 {
			f.cluster.Lead(part(i), 2)
		}
		synctest.Wait()
		for i := range 2000 {
			if got := f.look(fmt.Sprintf("sum/%d", i), "ann"); got != `1 {"n":1}` {
				t.Fatalf("sum/%d = %q at the next owner", i, got)
			}
		}
		time.Sleep(time.Hour)
		if s := f.node(2).Stats(); s.MirrorBytes != 0 {
			t.Errorf("%d bytes of copies are left at an owner after an hour", s.MirrorBytes)
		}
	}, sums())
}

// A mirror that cannot read begins anew.
func TestMirrorAfterAFailure(t *testing.T) {
	inFleet(t, 2, state.Config{}, func(t *testing.T, f *fleet) {
		f.cluster.Node(2).Inject(memjournal.Faults{Entity: func(context.Context, journal.Entity) error { return journal.ErrCorrupt }})
		f.call("loose/1", "ann", "add", `{"By":1}`)
		if got := told(f.mirrored(2, wire.KindView, "loose/1", stale(0))); got != `owner 1 {"n":1}` {
			t.Errorf("answer of a mirror that cannot read = %q", got)
		}
		f.cluster.Node(2).Inject(memjournal.Faults{})
		if got := told(f.mirrored(2, wire.KindView, "loose/1", stale(0))); got != `mirror 1 {"n":1}` {
			t.Errorf("answer of a mirror that can read again = %q", got)
		}
		if !strings.Contains(f.logs.all(), "entity not mirrored") {
			t.Error("nothing was logged")
		}
	}, loose())
}
