package ownerbus_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/bustest"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/bus/ownerbus"
	"github.com/tutti-rt/tutti/wire"
)

// run has a router run until the test ends.
func run(t testing.TB, c ownerbus.Config) *ownerbus.Bus {
	t.Helper()
	b, err := ownerbus.New(c)
	if err != nil {
		t.Fatalf("New = %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := b.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Run = %v", err)
		}
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return b
}

func TestConformance(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bus.Bus {
		return run(t, ownerbus.Config{Bus: localbus.New(), Node: "a"})
	})
}

// partitions has every address be that of a partition, so that the suite is about owners.
type partitions struct{ bus.Bus }

func (p partitions) Send(lane string, to bus.Address, e *wire.Envelope) error {
	return p.Bus.Send(lane, bus.Owner(string(to), 7), e)
}

func (p partitions) Listen(at bus.Address, take func(*wire.Envelope)) (func(), error) {
	return p.Bus.Listen(bus.Owner(string(at), 7), take)
}

func TestConformanceOfOwners(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bus.Bus {
		return partitions{run(t, ownerbus.Config{Bus: localbus.New(), Node: "a"})}
	})
}

// nodes are routers on one bus, each with the term that it begins the next ownership with.
type nodes struct {
	t     *testing.T
	inner *faulty
	by    map[string]*ownerbus.Bus
	mu    sync.Mutex
	term  uint64
}

func newNodes(t *testing.T, names ...string) *nodes {
	n := &nodes{t: t, inner: &faulty{Bus: localbus.New()}, by: make(map[string]*ownerbus.Bus)}
	for _, name := range names {
		n.begin(name)
	}
	return n
}

func (n *nodes) begin(name string) *ownerbus.Bus {
	n.by[name] = run(n.t, ownerbus.Config{Bus: n.inner, Node: name, Term: func(string, int) uint64 {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.term
	}})
	synctest.Wait()
	return n.by[name]
}

// own has a node begin to own the partition under a new term.
func (n *nodes) own(node string, at bus.Address, take func(*wire.Envelope)) (stop func()) {
	n.t.Helper()
	n.mu.Lock()
	n.term++
	n.mu.Unlock()
	stop, err := n.by[node].Listen(at, take)
	if err != nil {
		n.t.Fatalf("Listen at %s = %v", node, err)
	}
	synctest.Wait()
	return stop
}

func (n *nodes) send(node string, to bus.Address, number uint64) error {
	err := n.by[node].Send("default", to, &wire.Envelope{Kind: wire.KindCommand, Number: number})
	synctest.Wait()
	return err
}

// faulty is a bus that loses what it is told to lose.
type faulty struct {
	*localbus.Bus
	mu     sync.Mutex
	lose   bool // what nodes tell each other
	refuse bool // to tell it
	deaf   func(to bus.Address) bool
	taken  []bus.Address
	// passing is told of what one node passes on to another.
	passing func(e *wire.Envelope)
	losses  int // who wants to know of them
}

func (f *faulty) Losses(func(bus.Loss)) (stop func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.losses++
	return func() {}
}

func (f *faulty) listening() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.losses
}

func (f *faulty) Broadcast(lane string, to bus.Address, e *wire.Envelope) error {
	f.mu.Lock()
	lose, refuse := f.lose, f.refuse
	f.mu.Unlock()
	switch {
	case lose:
		return nil
	case refuse:
		return bus.ErrFull
	}
	return f.Bus.Broadcast(lane, to, e)
}

func (f *faulty) Send(lane string, to bus.Address, e *wire.Envelope) error {
	f.mu.Lock()
	hears := f.deaf
	f.taken = append(f.taken, to)
	f.mu.Unlock()
	deaf := hears != nil && hears(to)
	if f.passing != nil && strings.HasSuffix(string(to), "!") {
		f.passing(e)
	}
	if deaf {
		return bus.ErrNobody
	}
	return f.Bus.Send(lane, to, e)
}

func (f *faulty) loseWhatIsTold(lose bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lose = lose
}

func (f *faulty) refuseWhatIsTold(refuse bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = refuse
}

func (f *faulty) beDeaf(deaf func(to bus.Address) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deaf = deaf
}

// tape keeps what a listener has taken.
type tape struct {
	mu  sync.Mutex
	got []uint64
}

func (p *tape) take(e *wire.Envelope) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, e.Number)
}

func (p *tape) want(t *testing.T, what string, want ...uint64) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.got) != len(want) {
		t.Errorf("%s: got %v, want %v", what, p.got, want)
		return
	}
	for i := range want {
		if p.got[i] != want[i] {
			t.Errorf("%s: got %v, want %v", what, p.got, want)
			return
		}
	}
}

var room = bus.Owner("room", 3)

func TestEnvelopesFollowTheOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, "a", "b", "c")
		var first, second, third tape
		stop := n.own("a", room, first.take)
		for i, node := range []string{"a", "b", "c"} {
			if err := n.send(node, room, uint64(i+1)); err != nil {
				t.Errorf("Send at %s = %v", node, err)
			}
		}
		first.want(t, "the first owner", 1, 2, 3)
		stop()
		synctest.Wait()
		if s := n.by["c"].Stats(); s.Partitions != 0 {
			t.Errorf("Stats = %+v, want no partition with an owner", s)
		}
		for i, node := range []string{"b", "b", "c"} {
			if err := n.send(node, room, uint64(i+4)); err != nil {
				t.Errorf("Send at %s without an owner = %v", node, err)
			}
		}
		time.Sleep(time.Second)
		stop = n.own("b", room, second.take)
		second.want(t, "the second owner, which they have waited for", 4, 5, 6)
		stop()
		n.own("b", room, third.take)
		_ = n.send("a", room, 7)
		third.want(t, "the second owner under a new term", 7)
		first.want(t, "the first owner", 1, 2, 3)
	})
}

func TestNobodyAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, "a", "b")
		if err := n.send("a", room, 1); err != nil {
			t.Errorf("the first Send = %v, want it to wait", err)
		}
		time.Sleep(1900 * time.Millisecond)
		if err := n.send("a", room, 2); err != nil {
			t.Errorf("Send = %v, want it to wait", err)
		}
		time.Sleep(200 * time.Millisecond)
		if err := n.send("a", room, 3); !errors.Is(err, bus.ErrNobody) {
			t.Errorf("Send to nobody for 2 s = %v, want ErrNobody", err)
		}
		var owner tape
		n.own("b", room, owner.take)
		owner.want(t, "what has waited for less than 2 s", 2)
		if s := n.by["a"].Stats(); s.Expired != 1 || s.Refused != 1 || s.Parked != 0 || s.ParkedBytes != 0 {
			t.Errorf("Stats = %+v, want one expired and one refused", s)
		}
	})
}

func TestParkingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := localbus.New()
		b := run(t, ownerbus.Config{Bus: inner, Node: "a", ParkEnvelopes: 3, ParkBytes: 1 << 20})
		send := func(data int) error {
			return b.Send("default", room, &wire.Envelope{Kind: wire.KindCommand, Data: make([]byte, data)})
		}
		if err := send(1 << 20); !errors.Is(err, bus.ErrNobody) {
			t.Errorf("Send of more than may wait = %v, want ErrNobody", err)
		}
		for range 3 {
			if err := send(1000); err != nil {
				t.Errorf("Send = %v", err)
			}
		}
		if err := send(1); !errors.Is(err, bus.ErrNobody) {
			t.Errorf("a fourth Send = %v, want ErrNobody", err)
		}
		time.Sleep(2100 * time.Millisecond)
		if s := b.Stats(); s.Parked != 0 || s.ParkedBytes != 0 || s.Expired != 3 || s.Refused != 2 {
			t.Errorf("Stats = %+v, want nothing parked, 3 expired, 2 refused", s)
		}
	})
}

// TestPartitionsAreBounded: a router keeps 65,536 partitions; of more it says that nobody has them, and those that it keeps work as before.
func TestPartitionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, ownerbus.Config{Bus: localbus.New(), Node: "a", ParkEnvelopes: 1})
		for i := range 1 << 16 {
			_ = b.Send("default", bus.Owner("many", i), &wire.Envelope{Kind: wire.KindCommand}) // all but the first are refused: only one may wait
		}
		take := func(*wire.Envelope) {}
		if _, err := b.Listen(room, take); err == nil {
			t.Error("Listen at one partition too many succeeded")
		}
		if err := b.Send("default", room, &wire.Envelope{Kind: wire.KindCommand}); !errors.Is(err, bus.ErrNobody) {
			t.Errorf("Send to one partition too many = %v, want ErrNobody", err)
		}
		known := bus.Owner("many", 1<<16-1)
		stop, err := b.Listen(known, take)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		synctest.Wait()
		if err := b.Send("default", known, &wire.Envelope{Kind: wire.KindCommand}); err != nil {
			t.Errorf("Send to the last that is kept = %v", err)
		}
	})
}

// TestOldOwnersPassOn has a sender that has not heard of the new owner.
func TestOldOwnersPassOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, "old", "new", "sender")
		var old, owner tape
		stop := n.own("old", room, old.take)
		_ = n.send("sender", room, 1)
		n.inner.loseWhatIsTold(true)
		stop()
		_ = n.send("sender", room, 2) // waits at the old owner
		n.own("new", room, owner.take)
		old.want(t, "the old owner", 1)
		owner.want(t, "the new owner, of which nobody knows")
		n.inner.loseWhatIsTold(false)
		time.Sleep(150 * time.Millisecond) // news are told again soon
		owner.want(t, "the new owner", 2)
		if f := n.by["old"].Stats().Forwarded; f != 1 {
			t.Errorf("the old owner has passed on %d envelopes, want 1", f)
		}
	})
}

// TestNothingGoesInCircles has two nodes each think that the other is the owner.
func TestNothingGoesInCircles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, "a", "b", "c")
		n.own("a", room, func(*wire.Envelope) { t.Error("a fenced owner has taken an envelope") })
		n.own("b", room, func(*wire.Envelope) { t.Error("a fenced owner has taken an envelope") })
		tell := func(to *ownerbus.Bus, from string, number, term uint64) {
			to.Hear(&wire.Envelope{
				Kind: wire.KindOwners, From: from, Epoch: "another", Number: number,
				Data: wire.AppendOwned(nil, wire.Owned{Pool: "room", Partition: 3, Term: term}),
			})
		}
		tell(n.by["a"], "b", 1, 100)
		tell(n.by["b"], "a", 1, 100)
		tell(n.by["c"], "a", 1, 100)
		synctest.Wait()
		n.inner.taken = nil
		_ = n.send("c", room, 1)
		if len(n.inner.taken) != 2 {
			t.Errorf("an envelope has gone over %v, want to one owner and to the other", n.inner.taken)
		}
		if d := n.by["b"].Stats().Dropped; d != 1 {
			t.Errorf("the last has dropped %d envelopes, want 1", d)
		}
	})
}
