package natsbus_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/natsbus"
	"github.com/tutti-rt/tutti/wire"
)

// TestListenerOnTheSameBusIsCalled wants no way through NATS where none is needed.
func TestListenerOnTheSameBusIsCalled(t *testing.T) {
	servers := cluster(t, 2)
	here, there := open(t, natsbus.Config{Server: servers[0]}), open(t, natsbus.Config{Server: servers[1]})
	elsewhere := make(chan *wire.Envelope, 2)
	defer listen(t, there, "a", func(e *wire.Envelope) { elsewhere <- e })()
	heard(t, servers[0], "default", "a", true)
	var got *wire.Envelope
	stop := listen(t, here, "a", func(e *wire.Envelope) { got = e })
	first, second := &wire.Envelope{Kind: wire.KindEvent, Number: 1}, &wire.Envelope{Kind: wire.KindEvent, Number: 2}
	if err := here.Send("default", "a", first); err != nil || got != first {
		t.Errorf("Send = %v, and %p was taken, want %p", err, got, first)
	}
	stop()
	if err := here.Send("default", "a", second); err != nil {
		t.Errorf("Send = %v", err)
	}
	if e := <-elsewhere; e.Number != 2 {
		t.Errorf("the other bus took envelope %d, want 2 alone", e.Number)
	}
}

func TestNobodyIsKnown(t *testing.T) {
	servers := cluster(t, 2)
	here, there := open(t, natsbus.Config{Server: servers[0]}), open(t, natsbus.Config{Server: servers[1]})
	e := &wire.Envelope{Kind: wire.KindEvent}
	if err := here.Send("default", "a", e); !errors.Is(err, bus.ErrNobody) {
		t.Errorf("Send to nobody = %v, want ErrNobody", err)
	}
	stop := listen(t, there, "a", func(*wire.Envelope) {})
	heard(t, servers[0], "default", "a", true)
	if err := here.Send("default", "a", e); err != nil {
		t.Errorf("Send = %v", err)
	}
	stop()
	heard(t, servers[0], "default", "a", false)
	if err := here.Send("default", "a", e); !errors.Is(err, bus.ErrNobody) {
		t.Errorf("Send after stop = %v, want ErrNobody", err)
	}
}

func TestUnknownLane(t *testing.T) {
	b := open(t, natsbus.Config{Server: serve(t, natsbus.ServerConfig{Name: "a", Lanes: []string{"default", "bulk"}})})
	defer listen(t, b, "a", func(*wire.Envelope) {})()
	for lane, want := range map[string]string{"default": "", "bulk": "", "video": `no lane "video"`} {
		err := b.Send(lane, "a", &wire.Envelope{Kind: wire.KindEvent})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("Send on %s = %v, want %q", lane, err, want)
		}
		err = b.Broadcast(lane, "a", &wire.Envelope{Kind: wire.KindEvent})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("Broadcast on %s = %v, want %q", lane, err, want)
		}
	}
}

// TestFullLane has more come than leaves: the sender is told, waits for nothing, and goes on when there is room.
func TestFullLane(t *testing.T) {
	servers := cluster(t, 2)
	from := open(t, natsbus.Config{Server: servers[0], QueueBytes: 1 << 20})
	to := open(t, natsbus.Config{Server: servers[1], ReceiveBytes: 64 << 20})
	var seen atomic.Int64
	defer listen(t, to, "a", func(*wire.Envelope) { seen.Add(1) })()
	heard(t, servers[0], "default", "a", true)
	large := &wire.Envelope{Kind: wire.KindWelcome, Data: make([]byte, 8<<20)}
	var sent, full int64
	for full == 0 && sent < 1000 {
		switch err := from.Send("default", "a", large); {
		case err == nil:
			sent++
		case errors.Is(err, bus.ErrFull):
			full++
		default:
			t.Fatalf("Send = %v", err)
		}
	}
	if full == 0 {
		t.Fatal("the lane has never been full")
	}
	eventually(t, "there is room again", func() bool { return from.Stats().Lanes["default"].Waiting == 0 })
	if err := from.Send("default", "a", &wire.Envelope{Kind: wire.KindEvent}); err != nil {
		t.Errorf("Send = %v", err)
	}
	eventually(t, "what was taken arrives", func() bool { return seen.Load() == sent+1 })
	if s := from.Stats().Lanes["default"]; s.Full != full {
		t.Errorf("Stats = %+v, want %d refused", s, full)
	}
}

func TestTooLarge(t *testing.T) {
	servers := cluster(t, 2)
	from, to := open(t, natsbus.Config{Server: servers[0]}), open(t, natsbus.Config{Server: servers[1]})
	defer listen(t, to, "a", func(*wire.Envelope) {})()
	heard(t, servers[0], "default", "a", true)
	err := from.Send("default", "a", &wire.Envelope{Kind: wire.KindWelcome, Data: make([]byte, natsbus.MaxEnvelopeBytes)})
	if err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("Send = %v, want how large it may be", err)
	}
	long := bus.Address(strings.Repeat("\x00", 4000)) // a subject like that would break the connection
	if err := from.Send("default", long, &wire.Envelope{Kind: wire.KindEvent}); !errors.Is(err, bus.ErrNobody) {
		t.Errorf("Send to a long address = %v, want ErrNobody", err)
	}
	if _, err := to.Listen(long, func(*wire.Envelope) {}); err == nil {
		t.Error("Listen at a long address succeeded")
	}
	if !from.Stats().Lanes["default"].Connected {
		t.Error("the lane has lost its connection")
	}
}

// TestListenerThatDoesNotTake has one address stall: what is too much for it is dropped and counted, in order, and others do not wait.
func TestListenerThatDoesNotTake(t *testing.T) {
	servers := cluster(t, 2)
	from := open(t, natsbus.Config{Server: servers[0]})
	to := open(t, natsbus.Config{Server: servers[1], ReceiveBytes: 1 << 20})
	release := make(chan struct{})
	var last, seen, others atomic.Uint64
	defer listen(t, to, "stalled", func(e *wire.Envelope) {
		<-release
		if before := last.Swap(e.Number); e.Number <= before {
			t.Errorf("envelope %d came after %d", e.Number, before)
		}
		seen.Add(1)
	})()
	defer listen(t, to, "other", func(*wire.Envelope) { others.Add(1) })()
	heard(t, servers[0], "default", "stalled", true)
	heard(t, servers[0], "default", "other", true)
	const n, size = 200, 100 << 10
	for i := range n {
		for _, at := range []bus.Address{"stalled", "other"} {
			if err := from.Send("default", at, &wire.Envelope{Kind: wire.KindEvent, Number: uint64(i + 1), Data: make([]byte, size)}); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "others do not wait", func() bool { return others.Load() == uint64(i+1) })
	}
	close(release)
	if to.Stats().Dropped == 0 {
		t.Errorf("Stats = %+v, want envelopes dropped", to.Stats())
	}
	number := uint64(n)
	eventually(t, "what was kept is taken, and what comes then", func() bool {
		number++
		_ = from.Send("default", "stalled", &wire.Envelope{Kind: wire.KindEvent, Number: number})
		return last.Load() > n
	})
	if kept := seen.Load() - (number - n); int64(kept) > 50 {
		t.Errorf("%d envelopes were kept, which are more than the bound", kept)
	}
}
