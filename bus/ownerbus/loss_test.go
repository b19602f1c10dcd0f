package ownerbus_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// owners has somebody at a node be told of owners, and returns of whom since it was called last.
func (n *nodes) owners(node string) (told func() []bus.Address) {
	var mu sync.Mutex
	var all []bus.Address
	n.t.Cleanup(n.by[node].Owners(func(at bus.Address) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, at)
	}))
	return func() []bus.Address {
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		some := all
		all = nil
		slices.Sort(some)
		return some
	}
}

// TestLossesAreActedUpon has the bus between nodes lose something: those whose words were lost, and those to whom they were said,
// take the owner for one that has come, and nobody else does.
func TestLossesAreActedUpon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, "a", "b", "c")
		hall := bus.Owner("hall", 1)
		n.own("a", room, func(*wire.Envelope) {})
		n.own("a", hall, func(*wire.Envelope) {})
		n.own("c", bus.Owner("yard", 2), func(*wire.Envelope) {})
		atA, atB, atC := n.owners("a"), n.owners("b"), n.owners("c")
		want := func(what string, a, b, c []bus.Address) {
			t.Helper()
			for node, both := range map[string][2][]bus.Address{"a": {atA(), a}, "b": {atB(), b}, "c": {atC(), c}} {
				if !slices.Equal(both[0], both[1]) {
					t.Errorf("%s: %s is told of %v, want %v", what, node, both[0], both[1])
				}
			}
		}
		want("nothing is lost", nil, nil, nil)

		n.by["a"].Lost(bus.Loss{At: room + "@a", From: "b"})
		want("what b sent to a partition of a", nil, []bus.Address{room}, nil)

		n.by["b"].Lost(bus.Loss{At: bus.Edge("b"), From: "a"})
		want("what a sent to b's edge", nil, []bus.Address{hall, room}, nil)

		n.by["c"].Lost(bus.Loss{At: "owners", All: true, From: "a"})
		want("what a told everybody", nil, nil, []bus.Address{hall, room})

		n.by["b"].Lost(bus.Loss{At: bus.Edge("b")})
		want("what somebody sent to b's edge", nil, []bus.Address{hall, room, bus.Owner("yard", 2)}, nil)

		n.by["b"].Lost(bus.Loss{At: bus.Directory(0), From: "a"})
		n.by["a"].Lost(bus.Loss{At: "owner.no partition@a", From: "b"})
		n.by["b"].Lost(bus.Loss{At: bus.Edge("b"), From: "a stranger"})
		want("what is nobody's", nil, nil, nil)

		for range 100 {
			n.by["a"].Lost(bus.Loss{At: room + "@a", From: "b"})
			synctest.Wait()
		}
		if told := atB(); len(told) > 4 {
			t.Errorf("told %d times within a second, want that bounded", len(told))
		}
		if got := n.inner.listening(); got != 3 {
			t.Errorf("%d routers want to know what the bus loses, want all three", got)
		}
	})
}

// TestWhatIsRefusedForAnEdgeIsMissed has the bus between nodes refuse what an owner sends to an edge: that takes the owner for one that has
// come, since no number will be missing of what has not left.
func TestWhatIsRefusedForAnEdgeIsMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, "a", "b", "c")
		n.own("a", room, func(*wire.Envelope) {})
		n.own("c", bus.Owner("yard", 2), func(*wire.Envelope) {})
		var edge tape
		stop, err := n.by["b"].Listen(bus.Edge("b"), edge.take)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		time.Sleep(5 * time.Second)
		atB, atC := n.owners("b"), n.owners("c")
		say := func(number uint64) error {
			return n.by["a"].Send("default", bus.Edge("b"), &wire.Envelope{Kind: wire.KindEvent, Number: number})
		}
		n.inner.beDeaf(func(to bus.Address) bool { return to == bus.Edge("b") })
		if say(1) == nil {
			t.Fatal("the bus has taken what it was to refuse")
		}
		n.inner.beDeaf(nil)
		if got := atB(); !slices.Equal(got, []bus.Address{room}) {
			t.Errorf("b was told of %v, want the owner that could not send to it", got)
		}
		if got := atC(); len(got) != 0 {
			t.Errorf("c was told of %v, want nobody", got)
		}

		n.inner.beDeaf(func(to bus.Address) bool { return to == bus.Edge("b") })
		for range 100 { // all the time
			_ = say(2)
			time.Sleep(100 * time.Millisecond)
		}
		if got := atB(); len(got) < 3 || len(got) > 7 {
			t.Errorf("b was told %d times in ten seconds, want every other second", len(got))
		}
		n.inner.beDeaf(nil)
		if err := say(3); err != nil {
			t.Error(err)
		}
		edge.want(t, "the edge", 3)
		_ = n.by["a"].Send("default", bus.Edge("nobody"), &wire.Envelope{Kind: wire.KindEvent})
		if got := append(atB(), atC()...); len(got) != 0 {
			t.Errorf("told of %v for an edge that is not theirs", got)
		}
	})
}

// TestLossIsToldOnceItCanBe has the bus refuse what tells of a loss.
func TestLossIsToldOnceItCanBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, "a", "b")
		n.own("a", room, func(*wire.Envelope) {})
		time.Sleep(5 * time.Second)
		told := n.owners("b")
		n.inner.refuseWhatIsTold(true)
		n.by["a"].Lost(bus.Loss{At: room + "@a", From: "b"})
		if got := told(); len(got) != 0 {
			t.Fatalf("b was told of %v", got)
		}
		n.inner.refuseWhatIsTold(false)
		if got := told(); !slices.Equal(got, []bus.Address{room}) {
			t.Errorf("b was told of %v, want what could not be told before", got)
		}
	})
}

// TestWhatWaitedTooLongIsSentAgain has the way to an owner that is known be away for longer than envelopes wait.
func TestWhatWaitedTooLongIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, "a", "b")
		var owner tape
		n.own("a", room, owner.take)
		var number atomic.Uint64
		number.Store(1)
		t.Cleanup(n.by["b"].Owners(func(at bus.Address) { // as an edge does
			_ = n.by["b"].Send("default", at, &wire.Envelope{Kind: wire.KindAttach, Number: number.Add(1)})
		}))
		n.inner.beDeaf(func(bus.Address) bool { return true })
		if err := n.send("b", room, 1); err != nil {
			t.Errorf("Send = %v", err)
		}
		time.Sleep(5 * time.Second)
		if number := number.Load(); number > 4 {
			t.Errorf("told %d times within 5 s, want about one for each time that envelopes wait", number-1)
		}
		n.inner.beDeaf(nil)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		owner.want(t, "the owner", number.Load())
	})
}

// TestMalformedLossesAreGarbage has a node be told of losses by bytes that are none.
func TestMalformedLossesAreGarbage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, "a", "b")
		n.own("a", room, func(*wire.Envelope) {})
		told := n.owners("b")
		before := n.by["b"].Stats().Garbage
		n.by["b"].Hear(&wire.Envelope{Kind: wire.KindMissed, From: "a", Edge: "b", Data: []byte{255, 255}})
		n.by["b"].Hear(&wire.Envelope{Kind: wire.KindMissed, From: "a", Edge: "b", Data: wire.AppendOwned(nil, wire.Owned{Pool: "nowhere", Partition: 1})})
		n.by["b"].Hear(&wire.Envelope{Kind: wire.KindMissed, From: "c", Edge: "b", Data: wire.AppendOwned(nil, wire.Owned{Pool: "room", Partition: 3})})
		n.by["b"].Hear(&wire.Envelope{Kind: wire.KindMissed, From: "a", Edge: "a", Data: wire.AppendOwned(nil, wire.Owned{Pool: "room", Partition: 3})})
		if got := n.by["b"].Stats().Garbage - before; got != 1 {
			t.Errorf("%d were counted as garbage, want one", got)
		}
		if got := told(); len(got) != 0 {
			t.Errorf("told of %v", got)
		}
	})
}
