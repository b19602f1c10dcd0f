package natsbus_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/natsbus"
	"github.com/tutti-rt/tutti/wire"
)

// losses collects what is told of losses.
type losses struct {
	mu  sync.Mutex
	all []bus.Loss
}

func (l *losses) lost(o bus.Loss) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, o)
}

func (l *losses) count(o bus.Loss) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, have := range l.all {
		if have == o {
			n++
		}
	}
	return n
}

// TestLossesAreTold has a listener take nothing until the last of what it was sent has been dropped: nothing comes after it, and
// nevertheless the loss is told. It is while the lane always has something else to send.
func TestLossesAreTold(t *testing.T) {
	t.Run("calm", func(t *testing.T) { testLossesAreTold(t, false) })
	t.Run("busy", func(t *testing.T) { testLossesAreTold(t, true) })
}

func testLossesAreTold(t *testing.T, busy bool) {
	servers := cluster(t, 2)
	from := open(t, natsbus.Config{Server: servers[0]})
	to := open(t, natsbus.Config{Server: servers[1], ReceiveBytes: 64 << 10})
	var told losses
	stop := to.Losses(told.lost)
	var taken atomic.Int64
	goOn, begun := make(chan struct{}), make(chan struct{})
	begin := sync.OnceFunc(func() { close(begun) })
	defer listen(t, to, "a", func(*wire.Envelope) {
		taken.Add(1)
		begin()
		<-goOn
	})()
	defer listen(t, to, "b", func(*wire.Envelope) { taken.Add(1) })()
	heard(t, servers[0], "default", "a", true)
	heard(t, servers[0], "default", "b", true)
	send := func(at bus.Address) {
		t.Helper()
		if err := from.Send("default", at, &wire.Envelope{Kind: wire.KindEvent, Data: make([]byte, 20<<10)}); err != nil {
			t.Fatal(err)
		}
	}
	send("b")
	send("a")
	<-begun
	for i := range 1000 {
		send("a")
		eventually(t, "it has arrived", func() bool { return to.Stats().Dropped > 0 || from.Stats().Lanes["default"].Waiting == 0 })
		if i > 10 && to.Stats().Dropped > 0 {
			break
		}
	}
	if busy {
		defer keepBusy(t, from, "b")()
	}
	close(goOn)
	loss := bus.Loss{At: "a", From: "node-0"}
	eventually(t, "the loss is told", func() bool { return told.count(loss) > 0 })
	if busy {
		return
	}
	if n := told.count(bus.Loss{At: "b", From: "node-0"}); n != 0 {
		t.Errorf("told %d times of a loss where there was none", n)
	}
	if to.Stats().Missing == 0 {
		t.Error("no message counts as missing")
	}
	stop()
	before := told.count(loss)
	send("b")
	eventually(t, "what comes afterwards is taken", func() bool { return to.Stats().Lanes["default"].Waiting == 0 && taken.Load() > 2 })
	if told.count(loss) != before {
		t.Error("told after stop")
	}
}

// keepBusy has large envelopes wait for the lane until the function that it returns is called. One has been sent when keepBusy returns.
func keepBusy(t *testing.T, from *natsbus.Bus, at bus.Address) (stop func()) {
	t.Helper()
	e := &wire.Envelope{Kind: wire.KindEvent, Data: make([]byte, 1<<20)}
	begun, ended := make(chan struct{}), make(chan struct{})
	begin := sync.OnceFunc(func() { close(begun) })
	var sending sync.WaitGroup
	sending.Go(func() {
		for {
			select {
			case <-ended:
				return
			default:
			}
			switch err := from.Send("default", at, e); {
			case err == nil:
				begin()
			case errors.Is(err, bus.ErrFull):
				time.Sleep(time.Millisecond)
			default:
				t.Errorf("Send = %v", err)
				begin()
				return
			}
		}
	})
	<-begun
	return func() {
		close(ended)
		sending.Wait()
	}
}

// TestSilenceIsMarked: the last word of how far a sender got comes when a route that has broken without one has long been made anew, which
// takes three seconds to notice, and then no more is said.
func TestSilenceIsMarked(t *testing.T) {
	marks := natsbus.Marks(1000) // of a quarter of a second each
	if len(marks) < 3 || marks[0] != 1 || marks[len(marks)-1] < 4*10 || marks[len(marks)-1] > 4*30 {
		t.Errorf("marks after the looks %v, want some soon, and the last one after ten seconds and more", marks)
	}
}

// TestNothingIsLost sends at many addresses, and to all, from two nodes: nobody is told of a loss.
func TestNothingIsLost(t *testing.T) {
	servers := cluster(t, 3)
	to := open(t, natsbus.Config{Server: servers[0]})
	var told losses
	defer to.Losses(told.lost)()
	var taken atomic.Int64
	take := func(*wire.Envelope) { taken.Add(1) }
	addresses := []bus.Address{"a", "b", "c"}
	for _, at := range addresses {
		defer listen(t, to, at, take)()
	}
	leave, err := to.Join("all", take)
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	want := int64(0)
	for _, s := range servers[1:] {
		from := open(t, natsbus.Config{Server: s})
		for _, at := range addresses {
			heard(t, s, "default", at, true)
		}
		eventually(t, "the server knows who has joined", func() bool { return natsbus.Heard(s, "test", "default", "all", true) })
		for i := range 200 {
			size := 1 << (i % 19) // the largest go in parts
			for _, at := range addresses {
				if err := from.Send("default", at, &wire.Envelope{Kind: wire.KindEvent, Data: make([]byte, size)}); err != nil {
					t.Fatal(err)
				}
			}
			if err := from.Broadcast("default", "all", &wire.Envelope{Kind: wire.KindOwners}); err != nil {
				t.Fatal(err)
			}
			want += 4
		}
	}
	eventually(t, "all is taken", func() bool { return taken.Load() == want })
	if len(told.all) != 0 || to.Stats().Missing != 0 {
		t.Errorf("told of losses %v, and %d messages count as missing, though all have come", told.all, to.Stats().Missing)
	}
}
