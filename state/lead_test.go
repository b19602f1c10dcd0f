package state_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

func TestOwnerIsWhoLeads(t *testing.T) {
	inFleet(t, 3, state.Config{}, func(t *testing.T, f *fleet) {
		a := f.attach("sum", "1", "ann", conn1)
		a.command(1, "add", `{"By":2}`)
		w := a.welcome()
		want(t, a.frames(), `event 1 added {"By":2}`, `ack 1 at 1 {"n":2}`)
		for id := journal.NodeID(2); id != 0; id = (id + 1) % 4 {
			f.lead("sum/1", id)
			want(t, a.frames()) // a link is told nothing: a router attaches it anew
			a = a.again("ann", cursor(w.Epoch, 1))
			a.query(uint64(id)*2, "get", `null`)
			if again := a.welcome(); again.Member != w.Member || again.Epoch != w.Epoch || !again.Has(wire.Resumed) || again.Acked != 1 {
				t.Errorf("welcome by node %d = %+v, want the same member and epoch as by node 1, resumed", id, again)
			}
			want(t, a.frames(), `answer `+string('0'+rune(id)*2)+` at 1 {"n":2}`)
		}
		f.lead("sum/1", 2)
		if got := f.node(2).Stats().Partitions; got != 1 {
			t.Errorf("node 2 serves %d partitions, want 1", got)
		}
		f.calm()
	}, sums())
}

func TestLeadIsLostWhileStoring(t *testing.T) {
	inFleet(t, 2, state.Config{}, func(t *testing.T, f *fleet) {
		disk := make(chan struct{})
		f.cluster.Node(1).Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault {
			<-disk
			return memjournal.Fault{}
		}})
		a := f.attach("sum", "1", "ann", conn1)
		a.command(1, "add", `{"By":2}`)
		a.frames()
		call := f.post(wire.KindCall, "sum/1", "bob", naming("add", `{"By":3}`))
		synctest.Wait()
		f.lead("sum/1", 2)
		close(disk)
		want(t, a.frames())
		if got := f.answer(call); got != "refused unknown" {
			t.Errorf("a call that was run and not stored was answered %q", got)
		}
		a = a.again("ann")
		a.command(1, "add", `{"By":2}`)
		want(t, a.frames(), `welcome 0 {"n":0} acked 0`, `event 1 added {"By":2}`, `ack 1 at 1 {"n":2}`)
		f.calm()
	}, sums())
}

// What a journal cannot tell may be stored. Whoever owns the partition next reads it.
func TestUnknownOutcomeWhileTheLeadIsLost(t *testing.T) {
	inFleet(t, 2, state.Config{}, func(t *testing.T, f *fleet) {
		f.cluster.Node(1).Inject(memjournal.Faults{Append: func(_ context.Context, p journal.Partition, _ journal.Batch) memjournal.Fault {
			return memjournal.Fault{Err: journal.ErrUnknown, Stored: true}
		}})
		a := f.attach("sum", "1", "ann", conn1)
		a.frames()
		a.command(1, "add", `{"By":2}`)
		want(t, a.frames(), `terminate unavailable`) // this node still leads
		f.lead("sum/1", 2)
		a = a.again("ann")
		a.command(1, "add", `{"By":2}`)
		want(t, a.frames(), `welcome 1 {"n":2} acked 1`, `ack 1 at 1 {"n":2}`)
	}, sums())
}

func TestCallsNotBegunGoToTheNextOwner(t *testing.T) {
	inFleet(t, 2, state.Config{}, func(t *testing.T, f *fleet) {
		f.post(wire.KindCall, "sum/1", "ann", naming("wait", `{"MS":100}`))
		calls := []uint64{f.post(wire.KindCall, "sum/1", "bob", naming("add", `{"By":3}`))} // may be taken with the one before it
		synctest.Wait()
		calls = append(calls, f.post(wire.KindCall, "sum/1", "bob", naming("add", `{"By":4}`)))
		f.lead("sum/1", 2)
		time.Sleep(200 * time.Millisecond)
		for _, call := range calls {
			if got := f.got(call); got == nil || got.Has(wire.Refused) {
				t.Errorf("a call that nobody had begun when the lead was lost was answered %q", said(got))
			}
		}
		if got := f.look("sum/1", "ann"); got != `2 {"n":7}` {
			t.Errorf("view = %q", got)
		}
		f.calm()
	}, sums())
}

func TestNobodyLeads(t *testing.T) {
	inFleet(t, 3, state.Config{}, func(t *testing.T, f *fleet) {
		if got := f.call("sum/1", "ann", "add", `{"By":2}`); got != `1 {"n":2}` {
			t.Fatalf("call = %q", got)
		}
		f.post(wire.KindCall, "sum/1", "ann", naming("wait", `{"MS":100}`))
		synctest.Wait()
		call := f.post(wire.KindCall, "sum/1", "bob", naming("add", `{"By":3}`))
		f.cluster.Cut(1)
		if got := f.answer(call); got != `refused unavailable` {
			t.Errorf("a call in a minority was answered %q", got)
		}
		f.cluster.Heal(1)
		f.lead("sum/1", 1)
		if got := f.call("sum/1", "ann", "add", `{"By":2}`); got != `2 {"n":4}` {
			t.Errorf("a call after that was answered %q", got)
		}
		f.calm()
	}, sums())
}

// laned is a bus that notes the lanes on which edges are told what.
type laned struct {
	bus.Bus
	mu sync.Mutex
	of map[wire.Kind][]string
}

func (l *laned) Send(lane string, to bus.Address, e *wire.Envelope) error {
	if strings.HasPrefix(string(to), "edge.") {
		l.mu.Lock()
		l.of[e.Kind] = append(l.of[e.Kind], lane)
		l.mu.Unlock()
	}
	return l.Bus.Send(lane, to, e)
}

// Without a router nobody else attaches links anew.
func TestLinksComeBackWithoutARouter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lanes := &laned{Bus: localbus.New(), of: make(map[wire.Kind][]string)}
		w := &world{t: t, bus: lanes, links: make(map[uint64]*testLink), logs: &logs{}}
		stop, err := w.bus.Listen("edge."+edgeName, w.take)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		c := memjournal.NewCluster(1)
		for i := range 4 {
			c.Create(part(i), 1)
		}
		ctx, end := context.WithCancel(t.Context())
		category := sums(tutti.With(tutti.Options{Lane: "other"}))
		n, err := state.New(state.Config{Categories: []*tutti.Category{category}, Journal: c.Node(1), Bus: w.bus, Partitions: 4, Placed: true})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		<-n.Ready()
		a := w.attach("sum", "1", "ann", conn1)
		a.welcome()
		c.Lead(partOf("sum/1"), 0)
		want(t, a.frames(), `terminate unavailable`)
		lanes.mu.Lock()
		for _, kind := range []wire.Kind{wire.KindWelcome, wire.KindTerminate} {
			if got := lanes.of[kind]; !slices.Equal(got, []string{"other"}) {
				t.Errorf("kind %v left on lanes %q, want the category's, so that nothing overtakes", kind, got)
			}
		}
		lanes.mu.Unlock()
		end()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

func TestPartitionsComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memjournal.NewCluster(2)
		c.Create(part(0), 2, 1)
		logs := &logs{}
		n, done, end := runNode(t, c.Node(1), logs)
		select {
		case <-n.Ready():
		default:
			t.Error("a node is not ready although all partitions here have an owner")
		}
		if got := n.Stats().Partitions; got != 0 {
			t.Errorf("the node serves %d partitions, want none", got)
		}
		c.Create(part(1), 1, 2)
		synctest.Wait()
		if got := n.Stats().Partitions; got != 1 {
			t.Errorf("the node serves %d partitions after one has come, want 1", got)
		}
		if there, err := c.Node(1).Partitions(t.Context()); err != nil || len(there) != 2 {
			t.Errorf("partitions = %v, %v: the node made some", there, err)
		}
		for range 3 {
			if err := c.Node(1).Reconfigure(t.Context(), part(1), []journal.NodeID{2}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got := n.Stats().Partitions; got != 0 {
				t.Errorf("the node serves %d partitions after one has gone, want none", got)
			}
			if err := c.Node(2).Reconfigure(t.Context(), part(1), []journal.NodeID{1}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if got := n.Stats().Partitions; got != 1 {
				t.Errorf("the node serves %d partitions after one has come back, want 1", got)
			}
		}
		end()
		if err := <-done; err != nil || strings.Contains(logs.all(), "ERROR") {
			t.Errorf("Run = %v, and logged %s", err, logs.all())
		}
	})
}

func TestReplicaBeyondThePool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memjournal.NewCluster(1)
		c.Create(part(7), 1)
		_, done, end := runNode(t, c.Node(1), &logs{})
		defer end()
		if err := <-done; err == nil || !strings.Contains(err.Error(), "partition 7") {
			t.Errorf("Run with a replica of a larger pool = %v", err)
		}
	})
}

func TestNotReadyWithoutAnOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memjournal.NewCluster(2)
		c.Create(part(0), 2, 1)
		c.Lead(part(0), 0)
		n, done, end := runNode(t, c.Node(1), &logs{})
		synctest.Wait()
		select {
		case <-n.Ready():
			t.Error("ready while nobody leads a partition")
		default:
		}
		c.Lead(part(0), 2)
		<-n.Ready()
		end()
		<-done
	})
}

// A journal that could be replicated and is that of a node alone holds what the node makes.
func TestNotPlaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memjournal.NewCluster(1)
		n, err := state.New(state.Config{Categories: []*tutti.Category{sums()}, Journal: c.Node(1), Bus: newMoving(), Partitions: 4})
		if err != nil {
			t.Fatal(err)
		}
		ctx, end := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		<-n.Ready()
		if got := n.Stats().Partitions; got != 4 {
			t.Errorf("the node serves %d partitions, want 4", got)
		}
		end()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if _, err := state.New(state.Config{Categories: []*tutti.Category{sums()}, Journal: memjournal.New(), Bus: newMoving(), Placed: true}); err == nil {
		t.Error("New with placed partitions in a journal that is not replicated succeeded")
	}
}
