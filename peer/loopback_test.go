package peer_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/peer"
)

// host is a mesh on sockets of this machine.
type host struct {
	*peer.Mesh
	id      journal.NodeID
	address string
	news    chan bool
	frames  chan []byte
	stop    func()
	with    func(m *peer.Mesh) // before it runs
}

func loopback(t testing.TB, id journal.NodeID, change ...func(*host, *peer.Config)) *host {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("node-%d", id)
	c := peer.Config{Cluster: "test", Node: id, Name: name, Listener: l, Credentials: fromSecret(t, secret, peer.Identity{Node: id, Name: name})}
	h := &host{id: id, address: l.Addr().String(), news: make(chan bool, 100), frames: make(chan []byte, 100)}
	for _, f := range change {
		f(h, &c)
	}
	if h.Mesh, err = peer.New(c); err != nil {
		t.Fatal(err)
	}
	h.Watch(func(_ journal.NodeID, up bool) { h.news <- up })
	h.Handle(1, func(_ journal.NodeID, data []byte) { h.frames <- data })
	if h.with != nil {
		h.with(h.Mesh)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { _ = h.Run(ctx) })
	h.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(h.stop)
	return h
}

// before has f called before a host runs.
func before(f func(m *peer.Mesh)) func(*host, *peer.Config) {
	return func(h *host, _ *peer.Config) { h.with = f }
}

func introduce(t testing.TB, a, b *host) {
	t.Helper()
	a.SetPeer(b.id, b.address)
	b.SetPeer(a.id, a.address)
	if !<-a.news || !<-b.news {
		t.Fatal("down before it was up")
	}
}

// within fails when the news takes longer; bound is generous where machines are loaded.
func within(t *testing.T, h *host, up bool, bound time.Duration) time.Duration {
	t.Helper()
	start := time.Now()
	select {
	case got := <-h.news:
		if got != up {
			t.Fatalf("told %v, want %v", got, up)
		}
	case <-time.After(bound):
		t.Fatalf("told nothing for %v, want up = %v", bound, up)
	}
	return time.Since(start)
}

// middle passes the bytes of the connections from one host on to another until it is told to stop or to reset them.
type middle struct {
	net.Listener
	mu      sync.Mutex
	conns   []*net.TCPConn
	pausing chan struct{} // closed: nothing is passed on any more
}

func between(t *testing.T, target string) *middle {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &middle{Listener: l, pausing: make(chan struct{})}
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", target)
			if err != nil {
				a.Close()
				return
			}
			m.mu.Lock()
			m.conns = append(m.conns, a.(*net.TCPConn), b.(*net.TCPConn))
			m.mu.Unlock()
			passing.Go(func() { m.pass(a, b) })
			passing.Go(func() { m.pass(b, a) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		m.reset()
		passing.Wait()
	})
	return m
}

func (m *middle) pass(from, to net.Conn) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		select {
		case <-m.pausing:
			return
		default:
		}
		if err != nil {
			to.Close()
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			from.Close()
			return
		}
	}
}

func (m *middle) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.conns {
		_ = c.SetLinger(0)
		c.Close()
	}
}

// TestResetIsToldWithinMilliseconds measures on sockets what a killed process causes.
func TestResetIsToldWithinMilliseconds(t *testing.T) {
	a, b := loopback(t, 1), loopback(t, 2)
	m := between(t, b.address)
	a.SetPeer(2, m.Addr().String())
	b.SetPeer(1, "127.0.0.1:1") // it waits for the other
	within(t, a, true, 10*time.Second)
	within(t, b, true, 10*time.Second)
	best := time.Hour
	for range 5 { // one of them, should the machine be busy
		m.reset()
		best = min(best, within(t, a, false, 10*time.Second))
		within(t, b, false, 10*time.Second)
		within(t, a, true, 10*time.Second)
		within(t, b, true, 10*time.Second)
	}
	if best > 20*time.Millisecond {
		t.Errorf("a reset was told after %v at best", best)
	}
	t.Logf("a reset was told after %v at best", best)
}

// TestStoppedNodeIsToldDown has a host whose kernel takes bytes while nobody reads them, as when its process is stopped, and a sender
// that goes on.
func TestStoppedNodeIsToldDown(t *testing.T) {
	quick := func(_ *host, c *peer.Config) { c.Keepalive, c.Silence = 50*time.Millisecond, 500*time.Millisecond }
	a, b := loopback(t, 1, quick), loopback(t, 2, quick)
	m := between(t, b.address)
	a.SetPeer(2, m.Addr().String())
	b.SetPeer(1, "127.0.0.1:1")
	within(t, a, true, 10*time.Second)
	within(t, b, true, 10*time.Second)
	start := time.Now()
	close(m.pausing)
	for range 1000 {
		a.Send(2, 1, make([]byte, 16<<10))
	}
	within(t, a, false, 10*time.Second)
	took := time.Since(start)
	if took < 300*time.Millisecond || took > 3*time.Second {
		t.Errorf("told after %v, want about 500 ms", took)
	}
	t.Logf("told after %v", took)
}

func TestRoundTripIsMeasured(t *testing.T) {
	a, b := loopback(t, 1), loopback(t, 2)
	introduce(t, a, b)
	for deadline := time.Now().Add(10 * time.Second); a.Stats().Peers[0].RoundTrip == 0; {
		if time.Now().After(deadline) {
			t.Fatal("no round trip within 10 s")
		}
		a.Send(2, 1, []byte("x"))
		<-b.frames
	}
}
