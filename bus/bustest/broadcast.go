package bustest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// Broadcasting is a bus with both kinds of addresses.
type Broadcasting interface {
	bus.Bus
	bus.Broadcaster
}

// RunBroadcast checks that the buses which open returns keep the contract of bus.Broadcaster: what is broadcast here is
// taken here and there. Both may be one bus.
func RunBroadcast(t *testing.T, open func(t *testing.T) (here, there Broadcasting)) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, here, there Broadcasting)
	}{
		{"reaches all who have joined", reachesAll},
		{"keeps the order of one sender", broadcastOrder},
		{"tells nobody is no error", tellsNobody},
		{"has nothing to do with listeners", notListeners},
		{"delivers nothing after stop", leaves},
		{"lets who has joined send", joinedSends},
	} {
		t.Run(c.name, func(t *testing.T) {
			here, there := open(t)
			c.test(t, here, there)
		})
	}
}

const everybody bus.Address = "everybody"

func join(t *testing.T, b bus.Broadcaster, take func(*wire.Envelope)) (stop func()) {
	t.Helper()
	stop, err := b.Join(everybody, take)
	if err != nil {
		t.Fatalf("Join = %v", err)
	}
	return stop
}

func broadcast(t *testing.T, b bus.Broadcaster, e *wire.Envelope) {
	t.Helper()
	if err := b.Broadcast(lane, everybody, e); err != nil {
		t.Fatalf("Broadcast = %v", err)
	}
}

func reachesAll(t *testing.T, here, there Broadcasting) {
	got := make(chan string, 8)
	for _, name := range []string{"one there", "another there"} { // first, so that what waits until here knows waits for them
		defer join(t, there, func(*wire.Envelope) { got <- name })()
	}
	for _, name := range []string{"one here", "another here"} {
		defer join(t, here, func(*wire.Envelope) { got <- name })()
	}
	broadcast(t, here, &wire.Envelope{Kind: wire.KindEvent})
	heard := make(map[string]bool)
	for range 4 {
		select {
		case name := <-got:
			if heard[name] {
				t.Errorf("%s got it twice", name)
			}
			heard[name] = true
		case <-time.After(patience):
			t.Fatalf("it has reached %v alone", heard)
		}
	}
}

func broadcastOrder(t *testing.T, here, there Broadcasting) {
	const n = 500
	var last, seen atomic.Uint64
	defer join(t, there, func(e *wire.Envelope) {
		if e.Number != last.Load()+1 {
			t.Errorf("envelope %d came after %d", e.Number, last.Load())
		}
		last.Store(e.Number)
		seen.Add(1)
	})()
	for i := range n {
		broadcast(t, here, &wire.Envelope{Kind: wire.KindEvent, Number: uint64(i + 1)})
	}
	eventually(t, "all envelopes arrive", func() bool { return seen.Load() == n })
}

func tellsNobody(t *testing.T, here, _ Broadcasting) {
	broadcast(t, here, &wire.Envelope{Kind: wire.KindEvent})
}

func notListeners(t *testing.T, here, _ Broadcasting) {
	var listened, joined atomic.Int64
	defer listen(t, here, everybody, func(*wire.Envelope) { listened.Add(1) })()
	defer join(t, here, func(*wire.Envelope) { joined.Add(1) })()
	broadcast(t, here, &wire.Envelope{Kind: wire.KindEvent})
	eventually(t, "it arrives", func() bool { return joined.Load() == 1 })
	send(t, here, everybody, &wire.Envelope{Kind: wire.KindEvent})
	eventually(t, "it arrives", func() bool { return listened.Load() == 1 })
	if joined.Load() != 1 {
		t.Error("what is sent to one was taken by those who have joined")
	}
}

func leaves(t *testing.T, here, there Broadcasting) {
	var left, stayed atomic.Int64
	stop := join(t, there, func(*wire.Envelope) { left.Add(1) })
	defer join(t, there, func(*wire.Envelope) { stayed.Add(1) })()
	broadcast(t, here, &wire.Envelope{Kind: wire.KindEvent})
	eventually(t, "the first arrives", func() bool { return left.Load() == 1 && stayed.Load() == 1 })
	stop()
	broadcast(t, here, &wire.Envelope{Kind: wire.KindEvent})
	eventually(t, "the second arrives", func() bool { return stayed.Load() == 2 })
	if left.Load() != 1 {
		t.Error("an envelope was delivered after stop")
	}
	stop() // a second time does nothing
}

func joinedSends(t *testing.T, here, _ Broadcasting) {
	done := make(chan struct{})
	var once sync.Once
	defer listen(t, here, bus.Edge("a"), func(*wire.Envelope) { once.Do(func() { close(done) }) })()
	defer join(t, here, func(e *wire.Envelope) {
		if e.Number > 0 {
			broadcast(t, here, &wire.Envelope{Kind: e.Kind, Number: e.Number - 1})
			return
		}
		send(t, here, bus.Edge("a"), &wire.Envelope{Kind: e.Kind})
	})()
	broadcast(t, here, &wire.Envelope{Kind: wire.KindEvent, Number: 3})
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the envelope did not come back")
	}
}
