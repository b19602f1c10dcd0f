package natsbus_test

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/bustest"
	"github.com/tutti-rt/tutti/bus/natsbus"
	"github.com/tutti-rt/tutti/wire"
)

const patience = 10 * time.Second

var secret = []byte("sixteen bytes and more")

// eventually waits until ok returns true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

func serve(t testing.TB, c natsbus.ServerConfig) *natsbus.Server {
	t.Helper()
	if c.Cluster == "" {
		c.Cluster = "test"
	}
	if c.Secret == nil {
		c.Secret = secret
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	s, err := natsbus.Serve(c)
	if err != nil {
		t.Fatalf("Serve = %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// cluster returns servers that are joined to each other.
func cluster(t testing.TB, n int, lanes ...string) []*natsbus.Server {
	t.Helper()
	var all []*natsbus.Server
	for i := range n {
		c := natsbus.ServerConfig{Name: fmt.Sprintf("node-%d", i), Lanes: lanes}
		if i > 0 {
			c.Routes = []string{all[0].RouteAddr()}
		}
		all = append(all, serve(t, c))
	}
	for _, s := range all {
		eventually(t, "the servers are joined", func() bool { return s.Routed() == n-1 })
	}
	return all
}

func open(t testing.TB, c natsbus.Config) *natsbus.Bus {
	t.Helper()
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	b, err := natsbus.Open(c)
	if err != nil {
		t.Fatalf("Open = %v", err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return b
}

func listen(t testing.TB, b bus.Bus, at bus.Address, take func(*wire.Envelope)) (stop func()) {
	t.Helper()
	stop, err := b.Listen(at, take)
	if err != nil {
		t.Fatalf("Listen(%s) = %v", at, err)
	}
	return stop
}

// heard waits until the server knows whether anybody listens.
func heard(t testing.TB, s *natsbus.Server, lane string, at bus.Address, want bool) {
	t.Helper()
	eventually(t, "the server knows who listens", func() bool { return natsbus.Heard(s, "test", lane, at, false) == want })
}

// TestConformance has sender and listener on one bus.
func TestConformance(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bus.Bus {
		return open(t, natsbus.Config{Server: serve(t, natsbus.ServerConfig{Name: "alone"})})
	})
}

// apart sends at one node and listens at another.
type apart struct {
	t             *testing.T
	sends         *natsbus.Server
	sender, other *natsbus.Bus
}

func (a *apart) Send(lane string, to bus.Address, e *wire.Envelope) error {
	return a.sender.Send(lane, to, e)
}

// Listen returns when the sender's node knows of the listener, and stop when it knows that there is none.
func (a *apart) Listen(at bus.Address, take func(*wire.Envelope)) (func(), error) {
	stop, err := a.other.Listen(at, take)
	if err != nil {
		return nil, err
	}
	heard(a.t, a.sends, "default", at, true)
	return func() {
		stop()
		heard(a.t, a.sends, "default", at, false)
	}, nil
}

func (a *apart) Close() error {
	if err := a.sender.Close(); err != nil {
		return err
	}
	return a.other.Close()
}

// TestConformanceApart has sender and listener at two nodes out of three.
func TestConformanceApart(t *testing.T) {
	servers := cluster(t, 3)
	bustest.Run(t, func(t *testing.T) bus.Bus {
		return &apart{t, servers[1], open(t, natsbus.Config{Server: servers[1]}), open(t, natsbus.Config{Server: servers[2]})}
	})
}

// elsewhere returns the configuration of a bus that is connected to a server over the network.
func elsewhere(s *natsbus.Server) natsbus.Config {
	return natsbus.Config{URL: s.ClientURL(), Cluster: "test", Secret: secret}
}

// TestConformanceByURL has both at a server in another process, as far as they know.
func TestConformanceByURL(t *testing.T) {
	server := serve(t, natsbus.ServerConfig{Name: "elsewhere"})
	bustest.Run(t, func(t *testing.T) bus.Bus {
		return &apart{t, server, open(t, elsewhere(server)), open(t, elsewhere(server))}
	})
}

// joining waits in Join until the other node knows of it.
type joining struct {
	*natsbus.Bus
	t     *testing.T
	sends *natsbus.Server
}

func (j joining) Join(at bus.Address, take func(*wire.Envelope)) (func(), error) {
	stop, err := j.Bus.Join(at, take)
	if err == nil {
		eventually(j.t, "the other node knows", func() bool { return natsbus.Heard(j.sends, "test", "default", at, true) })
	}
	return stop, err
}

func TestBroadcastConformance(t *testing.T) {
	bustest.RunBroadcast(t, func(t *testing.T) (here, there bustest.Broadcasting) {
		servers := cluster(t, 3) // which remember nobody of the test before
		return open(t, natsbus.Config{Server: servers[0]}), joining{open(t, natsbus.Config{Server: servers[2]}), t, servers[0]}
	})
}

// TestEnvelopesOfOneAddressLeaveTogether has envelopes gather while others are sent.
func TestEnvelopesOfOneAddressLeaveTogether(t *testing.T) {
	const n = 20_000
	servers := cluster(t, 2)
	from, to := open(t, natsbus.Config{Server: servers[0]}), open(t, natsbus.Config{Server: servers[1]})
	var seen atomic.Int64
	defer listen(t, to, "a", func(*wire.Envelope) { seen.Add(1) })()
	heard(t, servers[0], "default", "a", true)
	for range n {
		if err := from.Send("default", "a", &wire.Envelope{Kind: wire.KindEvent, Data: []byte(`"x"`)}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all arrive", func() bool { return seen.Load() == n })
	lane := from.Stats().Lanes["default"]
	if there := to.Stats().Lanes["default"]; there.Received != lane.Messages || there.ReceivedBytes != lane.Bytes || lane.Bytes < n {
		t.Errorf("%d messages of %d bytes were sent, and %d of %d received", lane.Messages, lane.Bytes, there.Received, there.ReceivedBytes)
	}
	if lane.Envelopes != n || lane.Messages > n/2 || lane.Waiting != 0 || lane.Full+lane.Lost != 0 {
		t.Errorf("Stats = %+v, want %d envelopes in half as many messages at most", lane, n)
	}
}
