package localbus_test

import (
	"errors"
	"testing"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/bustest"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/wire"
)

func TestConformance(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bus.Bus {
		b := localbus.New()
		t.Cleanup(func() {
			if err := b.Close(); err != nil {
				t.Errorf("Close = %v", err)
			}
		})
		return b
	})
}

// TestSendIsACall has what only a bus in one process promises: the envelope itself has been taken
// when Send returns, and nobody being there is always said.
func TestSendIsACall(t *testing.T) {
	b := localbus.New()
	var got *wire.Envelope
	stop, err := b.Listen(bus.Edge("a"), func(e *wire.Envelope) { got = e })
	if err != nil {
		t.Fatal(err)
	}
	e := &wire.Envelope{Kind: wire.KindEvent}
	if err := b.Send("default", bus.Edge("a"), e); err != nil || got != e {
		t.Errorf("Send = %v, and %p was taken, want %p", err, got, e)
	}
	stop()
	if err := b.Send("default", bus.Edge("a"), e); !errors.Is(err, bus.ErrNobody) {
		t.Errorf("Send after stop = %v, want ErrNobody", err)
	}
}

func BenchmarkSend(b *testing.B) {
	l := localbus.New()
	stop, err := l.Listen(bus.Owner("default", 1), func(*wire.Envelope) {})
	if err != nil {
		b.Fatal(err)
	}
	defer stop()
	e, to := &wire.Envelope{Kind: wire.KindCommand}, bus.Owner("default", 1)
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Send("default", to, e); err != nil {
			b.Fatal(err)
		}
	}
}
