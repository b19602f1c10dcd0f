package ownerbus_test

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/bustest"
	"github.com/tutti-rt/tutti/bus/natsbus"
	"github.com/tutti-rt/tutti/bus/ownerbus"
	"github.com/tutti-rt/tutti/wire"
)

// joined returns routers on servers that are joined to each other.
func joined(t *testing.T, n int) []*ownerbus.Bus {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	var all []*ownerbus.Bus
	var routes []string
	for i := range n {
		name := fmt.Sprintf("node-%d", i)
		s, err := natsbus.Serve(natsbus.ServerConfig{Cluster: "test", Name: name, Secret: []byte("sixteen bytes and more"), Routes: routes, Logger: log})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		routes = []string{s.RouteAddr()}
		inner, err := natsbus.Open(natsbus.Config{Server: s, Logger: log})
		if err != nil {
			t.Fatal(err)
		}
		b := run(t, ownerbus.Config{Bus: inner, Node: name, Logger: log})
		t.Cleanup(func() { _ = b.Close() })
		all = append(all, b)
	}
	return all
}

// away has owners be at another node than senders. Nobody waits until they know of each other: envelopes do.
type away struct{ here, there *ownerbus.Bus }

func (a away) Send(lane string, to bus.Address, e *wire.Envelope) error {
	return a.here.Send(lane, to, e)
}

func (a away) Listen(at bus.Address, take func(*wire.Envelope)) (func(), error) {
	return a.there.Listen(at, take)
}

func (a away) Close() error {
	if err := a.here.Close(); err != nil {
		return err
	}
	return a.there.Close()
}

func TestConformanceOnNATS(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bus.Bus {
		all := joined(t, 2)
		return partitions{away{all[0], all[1]}}
	})
}

// TestOwnersMoveOnNATS moves a partition between nodes while all send to it.
func TestOwnersMoveOnNATS(t *testing.T) {
	all := joined(t, 3)
	at := bus.Owner("room", 1)
	var number, taken atomic.Uint64
	for move := range 12 {
		var mine atomic.Uint64
		stop, err := all[move%3].Listen(at, func(*wire.Envelope) {
			mine.Add(1)
			taken.Add(1)
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			for _, b := range all {
				if err := b.Send("default", at, &wire.Envelope{Kind: wire.KindCommand, Number: number.Add(1)}); err != nil {
					t.Fatalf("Send = %v", err)
				}
			}
		}
		want := uint64(move+1) * 300
		deadline := time.Now().Add(10 * time.Second)
		tick := time.NewTicker(time.Millisecond)
		for taken.Load() < want && time.Now().Before(deadline) {
			<-tick.C
		}
		tick.Stop()
		if taken.Load() != want || mine.Load() != 300 {
			t.Fatalf("move %d: the owner has taken %d envelopes of 300, all owners %d of %d", move, mine.Load(), taken.Load(), want)
		}
		stop()
	}
}
