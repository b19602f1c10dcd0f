// Package bustest is the conformance suite of buses.
package bustest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

const lane = "default"

// patience is how long the suite waits for what has to come. A bus of function calls needs none.
const patience = 10 * time.Second

// Run checks that the buses which open returns keep the contract of bus.Bus. Each test opens one of
// its own; open arranges for whatever is left when the test ends to be cleaned up.
func Run(t *testing.T, open func(t *testing.T) bus.Bus) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, b bus.Bus)
	}{
		{"delivers envelopes whole", wholeEnvelopes},
		{"keeps the order of one sender and address", order},
		{"takes one envelope of a sender at a time", oneAtATime},
		{"keeps addresses apart", addresses},
		{"says when nobody listens", nobody},
		{"lets a listener send, to itself as well", reentrancy},
		{"refuses a second listener", secondListener},
		{"waits in stop for the call under way", stopWaits},
		{"delivers nothing after stop", stopEnds},
		{"lets an address be listened at again", listenAgain},
		{"stops while others send", stopUnderLoad},
		{"delivers nothing after Close", closed},
		{"tells addresses of any bytes apart", anyAddress},
		{"carries large envelopes", largeEnvelopes},
		{"keeps the order while listeners come and go", orderOfListeners},
		{"tells who keeps an envelope nothing new", keptEnvelopes},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func listen(t *testing.T, b bus.Bus, at bus.Address, take func(*wire.Envelope)) (stop func()) {
	t.Helper()
	stop, err := b.Listen(at, take)
	if err != nil {
		t.Fatalf("Listen(%s) = %v", at, err)
	}
	return stop
}

func send(t *testing.T, b bus.Bus, to bus.Address, e *wire.Envelope) {
	t.Helper()
	if err := b.Send(lane, to, e); err != nil {
		t.Fatalf("Send(%s) = %v", to, err)
	}
}

// eventually waits until ok returns true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

func wholeEnvelopes(t *testing.T, b bus.Bus) {
	got := make(chan *wire.Envelope, 1)
	defer listen(t, b, bus.Edge("a"), func(e *wire.Envelope) { got <- e })()
	want := &wire.Envelope{
		Kind: wire.KindEvent, Flags: wire.HasPrev, Category: "room", ID: "日本", Edge: "a", Link: 7, Number: 1 << 60,
		Conn: "0123456789abcdef", Member: "m", Audience: "staff", Revision: 9, Prev: 4, At: -1, Sent: 2, Spent: 3,
		Name: "said", Claims: []byte(`{"sub":"ann"}`), Data: []byte("{}"), Hops: &wire.Hops{Bus: 5},
	}
	send(t, b, bus.Edge("a"), want)
	select {
	case e := <-got:
		if string(e.Append(nil)) != string(want.Append(nil)) {
			t.Errorf("received %+v, want %+v", e, want)
		}
	case <-time.After(patience):
		t.Fatal("the envelope did not arrive")
	}
}

func order(t *testing.T, b bus.Bus) {
	const senders, each = 4, 500
	var mu sync.Mutex
	last := make(map[uint64]uint64)
	var wrong error
	defer listen(t, b, bus.Owner("default", 3), func(e *wire.Envelope) {
		mu.Lock()
		defer mu.Unlock()
		if e.Number != last[e.Link]+1 && wrong == nil {
			wrong = fmt.Errorf("sender %d: envelope %d came after %d", e.Link, e.Number, last[e.Link])
		}
		last[e.Link] = e.Number
	})()
	var wg sync.WaitGroup
	for sender := range senders {
		wg.Go(func() {
			for n := range each {
				e := &wire.Envelope{Kind: wire.KindCommand, Link: uint64(sender + 1), Number: uint64(n + 1)}
				if err := b.Send(lane, bus.Owner("default", 3), e); err != nil {
					t.Errorf("Send = %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	eventually(t, "all envelopes arrive", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for sender := range senders {
			if last[uint64(sender+1)] != each && wrong == nil {
				return false
			}
		}
		return true
	})
	if wrong != nil {
		t.Error(wrong)
	}
}

func oneAtATime(t *testing.T, b bus.Bus) {
	const n = 200
	var inside, seen atomic.Int64
	defer listen(t, b, bus.Edge("a"), func(*wire.Envelope) {
		if inside.Add(1) != 1 {
			t.Error("two envelopes of one sender are taken at once")
		}
		inside.Add(-1)
		seen.Add(1)
	})()
	for range n {
		send(t, b, bus.Edge("a"), &wire.Envelope{Kind: wire.KindEvent})
	}
	eventually(t, "all envelopes arrive", func() bool { return seen.Load() == n })
}

func addresses(t *testing.T, b bus.Bus) {
	var mu sync.Mutex
	got := make(map[bus.Address][]uint64)
	all := []bus.Address{bus.Edge("1"), bus.Edge("11"), bus.Owner("default", 1), bus.Owner("default", 11), bus.Owner("other", 1)}
	for _, at := range all {
		defer listen(t, b, at, func(e *wire.Envelope) {
			mu.Lock()
			defer mu.Unlock()
			got[at] = append(got[at], e.Number)
		})()
	}
	for i, at := range all {
		send(t, b, at, &wire.Envelope{Kind: wire.KindEvent, Number: uint64(i + 1)})
	}
	eventually(t, "all envelopes arrive", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) == len(all)
	})
	mu.Lock()
	defer mu.Unlock()
	for i, at := range all {
		if len(got[at]) != 1 || got[at][0] != uint64(i+1) {
			t.Errorf("%s received %v, want [%d]", at, got[at], i+1)
		}
	}
}

func nobody(t *testing.T, b bus.Bus) {
	if err := b.Send(lane, bus.Edge("a"), &wire.Envelope{Kind: wire.KindEvent}); err != nil && !errors.Is(err, bus.ErrNobody) {
		t.Errorf("Send to nobody = %v, want ErrNobody or nil", err)
	}
}

func reentrancy(t *testing.T, b bus.Bus) {
	done := make(chan uint64, 1)
	defer listen(t, b, bus.Edge("a"), func(e *wire.Envelope) { done <- e.Number })()
	defer listen(t, b, bus.Owner("default", 0), func(e *wire.Envelope) {
		to := bus.Owner("default", 0)
		if e.Number == 3 {
			to = bus.Edge("a")
		}
		if err := b.Send(lane, to, &wire.Envelope{Kind: e.Kind, Number: e.Number + 1}); err != nil {
			t.Errorf("Send from a listener = %v", err)
		}
	})()
	send(t, b, bus.Owner("default", 0), &wire.Envelope{Kind: wire.KindCommand, Number: 1})
	select {
	case n := <-done:
		if n != 4 {
			t.Errorf("received %d, want 4", n)
		}
	case <-time.After(patience):
		t.Fatal("the envelope did not come back")
	}
}

func secondListener(t *testing.T, b bus.Bus) {
	got := make(chan string, 2)
	stop := listen(t, b, bus.Edge("a"), func(*wire.Envelope) { got <- "first" })
	if _, err := b.Listen(bus.Edge("a"), func(*wire.Envelope) { got <- "second" }); err == nil {
		t.Fatal("a second Listen succeeded")
	}
	send(t, b, bus.Edge("a"), &wire.Envelope{Kind: wire.KindEvent})
	if who := <-got; who != "first" {
		t.Errorf("the %s listener got the envelope", who)
	}
	stop()
}

func stopWaits(t *testing.T, b bus.Bus) {
	entered, release := make(chan struct{}), make(chan struct{})
	var left atomic.Bool
	stop := listen(t, b, bus.Edge("a"), func(*wire.Envelope) {
		close(entered)
		<-release
		left.Store(true)
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.Send(lane, bus.Edge("a"), &wire.Envelope{Kind: wire.KindEvent}); err != nil {
			t.Errorf("Send = %v", err)
		}
	})
	<-entered
	wg.Go(func() {
		stop()
		if !left.Load() {
			t.Error("stop returned while a call was under way")
		}
	})
	close(release)
	wg.Wait()
	stop() // a second time does nothing
}

func stopEnds(t *testing.T, b bus.Bus) {
	var n atomic.Int64
	stop := listen(t, b, bus.Edge("a"), func(*wire.Envelope) { n.Add(1) })
	send(t, b, bus.Edge("a"), &wire.Envelope{Kind: wire.KindEvent})
	eventually(t, "the first envelope arrives", func() bool { return n.Load() == 1 })
	stop()
	if err := b.Send(lane, bus.Edge("a"), &wire.Envelope{Kind: wire.KindEvent}); err != nil && !errors.Is(err, bus.ErrNobody) {
		t.Errorf("Send after stop = %v, want ErrNobody or nil", err)
	}
	settled(t, b)
	if n.Load() != 1 {
		t.Error("an envelope was delivered after stop")
	}
}

// settled waits until what was sent before has arrived wherever it could.
func settled(t *testing.T, b bus.Bus) {
	done := make(chan struct{})
	defer listen(t, b, bus.Edge("settled"), func(*wire.Envelope) { close(done) })()
	send(t, b, bus.Edge("settled"), &wire.Envelope{Kind: wire.KindEvent})
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the bus does not deliver any more")
	}
}

func listenAgain(t *testing.T, b bus.Bus) {
	got := make(chan int, 3)
	for i := range 3 {
		stop := listen(t, b, bus.Edge("a"), func(*wire.Envelope) { got <- i })
		send(t, b, bus.Edge("a"), &wire.Envelope{Kind: wire.KindEvent})
		if who := <-got; who != i {
			t.Errorf("listener %d got the envelope, want %d", who, i)
		}
		stop()
	}
}

func stopUnderLoad(t *testing.T, b bus.Bus) {
	var stopped atomic.Bool
	stop := listen(t, b, bus.Edge("a"), func(*wire.Envelope) {
		if stopped.Load() {
			t.Error("an envelope was taken after stop")
		}
	})
	ready, wg := make(chan struct{}, 4), sync.WaitGroup{}
	for range 4 {
		wg.Go(func() {
			for i := range 2000 {
				if i == 100 {
					ready <- struct{}{}
				}
				if err := b.Send(lane, bus.Edge("a"), &wire.Envelope{Kind: wire.KindEvent}); err != nil && !errors.Is(err, bus.ErrNobody) {
					t.Errorf("Send = %v, want ErrNobody or nil", err)
				}
			}
		})
	}
	<-ready
	stop()
	stopped.Store(true)
	wg.Wait()
}

func closed(t *testing.T, b bus.Bus) {
	var n atomic.Int64
	stop := listen(t, b, bus.Edge("a"), func(*wire.Envelope) { n.Add(1) })
	if err := b.Close(); err != nil {
		t.Fatalf("Close = %v", err)
	}
	if err := b.Send(lane, bus.Edge("a"), &wire.Envelope{Kind: wire.KindEvent}); err == nil {
		t.Error("Send after Close succeeded")
	}
	if _, err := b.Listen(bus.Edge("b"), func(*wire.Envelope) {}); err == nil {
		t.Error("Listen after Close succeeded")
	}
	if n.Load() != 0 {
		t.Error("an envelope was delivered after Close")
	}
	stop()
	if err := b.Close(); err != nil {
		t.Errorf("a second Close = %v", err)
	}
}
