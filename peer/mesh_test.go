package peer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/peer"
	"github.com/tutti-rt/tutti/peer/peertest"
)

// node is a mesh under test, with what it was told.
type node struct {
	*peer.Mesh
	id   journal.NodeID
	host string
	stop func()
	with func(m *peer.Mesh) // before it runs

	mu     sync.Mutex
	news   []string // "up 2", "down 2"
	got    []string // frames: "2/0:text"
	logged bytes.Buffer
}

func (n *node) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.logged.Write(b)
}

func (n *node) log() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.logged.String()
}

func (n *node) told() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.news)
}

func (n *node) received() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.got)
}

// start runs node id of the cluster "test" at host "n<id>", as change likes it.
func start(t *testing.T, network *peertest.Network, id journal.NodeID, change ...func(n *node, c *peer.Config)) *node {
	t.Helper()
	n := &node{id: id, host: fmt.Sprintf("n%d", id)}
	name := fmt.Sprintf("node-%d", id)
	c := peer.Config{Cluster: "test", Node: id, Name: name, Dial: network.Dialer(n.host), Logger: slog.New(slog.NewTextHandler(n, nil))}
	for _, f := range change {
		f(n, &c)
	}
	if c.Listener == nil {
		c.Listener = network.Listen(n.host)
	}
	if c.Credentials == nil {
		c.Credentials = fromSecret(t, secret, peer.Identity{Node: c.Node, Name: c.Name})
	}
	m, err := peer.New(c)
	if err != nil {
		t.Fatal(err)
	}
	n.Mesh = m
	m.Watch(func(id journal.NodeID, up bool) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.news = append(n.news, map[bool]string{true: "up ", false: "down "}[up]+fmt.Sprint(id))
	})
	for ch := range uint8(3) {
		m.Handle(ch, func(from journal.NodeID, data []byte) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.got = append(n.got, fmt.Sprintf("%d/%d:%s", from, ch, data))
		})
	}
	serveTests(m)
	if n.with != nil {
		n.with(m)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := m.Run(ctx); err != nil {
			t.Errorf("Run of node %d = %v", id, err)
		}
	})
	n.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(n.stop)
	return n
}

// serveTests has m answer: echo, from, fail, and hang until the asker goes.
func serveTests(m *peer.Mesh) {
	m.Serve("echo", func(_ context.Context, _ journal.NodeID, request []byte, w io.Writer) error {
		_, err := w.Write(request)
		return err
	})
	m.ServeAnyone("from", func(_ context.Context, from journal.NodeID, _ []byte, w io.Writer) error {
		_, err := fmt.Fprint(w, from)
		return err
	})
	m.Serve("fail", func(_ context.Context, _ journal.NodeID, _ []byte, w io.Writer) error {
		if _, err := io.WriteString(w, "half"); err != nil {
			return err
		}
		return errors.New("disk is full")
	})
	m.Serve("wait", func(ctx context.Context, _ journal.NodeID, _ []byte, _ io.Writer) error {
		<-ctx.Done()
		return ctx.Err()
	})
}

// meet has the nodes know each other.
func meet(nodes ...*node) {
	for _, a := range nodes {
		for _, b := range nodes {
			a.SetPeer(b.id, b.host)
		}
	}
}

// await waits for cond in the bubble's time.
func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for range 2000 {
		synctest.Wait()
		if cond() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s: not within 10 s", what)
}

func up(n *node, others ...*node) func() bool {
	return func() bool {
		for _, s := range n.Stats().Peers {
			if slices.ContainsFunc(others, func(o *node) bool { return o.id == s.ID }) && !s.Up {
				return false
			}
		}
		return true
	}
}

func TestFramesArriveInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := peertest.New()
		a, b, c := start(t, network, 1), start(t, network, 2), start(t, network, 3)
		meet(a, b, c)
		for _, n := range []*node{a, b, c} {
			await(t, "all up", up(n, a, b, c))
		}
		for i := range 100 {
			for _, from := range []*node{a, b, c} {
				for _, to := range []*node{a, b, c} {
					for ch := range uint8(2) {
						if sent := from.Send(to.id, ch, fmt.Appendf(nil, "%d", i)); sent != (from != to) {
							t.Fatalf("Send from %d to %d = %v", from.id, to.id, sent)
						}
					}
				}
			}
		}
		await(t, "frames", func() bool { return len(a.received())+len(b.received())+len(c.received()) == 3*2*2*100 })
		for _, to := range []*node{a, b, c} {
			next := make(map[string]int)
			for _, got := range to.received() {
				from, number, _ := strings.Cut(got, ":")
				if number != fmt.Sprint(next[from]) {
					t.Fatalf("node %d got %s after %d of that channel", to.id, got, next[from]-1)
				}
				next[from]++
			}
		}
		if got, want := a.told(), []string{"up 2", "up 3"}; len(got) != 2 || !slices.Contains(got, want[0]) || !slices.Contains(got, want[1]) {
			t.Errorf("node 1 was told %q, want %q", got, want)
		}
		if s := a.Stats().Peers[0]; s.FramesSent != 200 || s.FramesReceived != 200 || s.Name != "node-2" || s.Dropped != 0 || s.Connects != 1 {
			t.Errorf("stats of node 1 about node 2 = %+v", s)
		}
	})
}

// TestOneConnectionForAPair has both dial at the same moment, again and again.
func TestOneConnectionForAPair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := peertest.New()
		network.Delay("n1", "n2", 20*time.Millisecond)
		a, b := start(t, network, 1), start(t, network, 2)
		meet(a, b)
		for i := range 20 {
			await(t, "up", func() bool { return up(a, b)() && up(b, a)() })
			time.Sleep(2 * time.Second)
			if na, nb := len(a.told()), len(b.told()); na != 2*i+1 || nb != 2*i+1 {
				t.Fatalf("round %d: told %q and %q, want one connection after the other", i, a.told(), b.told())
			}
			network.Break("n1")
			synctest.Wait()
		}
	})
}

func TestBreakIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := peertest.New()
		a, b := start(t, network, 1), start(t, network, 2)
		meet(a, b)
		await(t, "up", func() bool { return up(a, b)() && up(b, a)() })
		before := time.Now()
		network.Break("n2")
		synctest.Wait()
		if got := a.told(); len(got) < 2 || got[1] != "down 2" || time.Since(before) != 0 {
			t.Errorf("told %q after %v, want down at once", got, time.Since(before))
		}
	})
}

// TestSilenceIsTold cuts the network in both directions and in each alone.
func TestSilenceIsTold(t *testing.T) {
	cuts := map[string]func(*peertest.Network){
		"both ways": func(n *peertest.Network) { n.Cut("n1", "n2") },
		"there":     func(n *peertest.Network) { n.CutWay("n1", "n2") },
		"back":      func(n *peertest.Network) { n.CutWay("n2", "n1") },
	}
	for name, cut := range cuts {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := peertest.New()
				quick := func(_ *node, c *peer.Config) { c.Keepalive, c.Silence = 50*time.Millisecond, 300*time.Millisecond }
				a, b := start(t, network, 1, quick), start(t, network, 2, quick)
				meet(a, b)
				await(t, "up", func() bool { return up(a, b)() && up(b, a)() })
				time.Sleep(time.Minute)
				if got := a.told(); len(got) != 1 {
					t.Fatalf("told %q in a quiet minute", got)
				}
				before := time.Now()
				cut(network)
				await(t, "one down", func() bool { return len(a.told()) > 1 || len(b.told()) > 1 })
				if took := time.Since(before); took > 350*time.Millisecond {
					t.Errorf("down was told after %v, want 300 ms", took)
				}
				await(t, "both down", func() bool { return len(a.told()) > 1 && len(b.told()) > 1 })
				if a.Send(2, 0, []byte("x")) {
					t.Error("Send to a node that is down = true")
				}
				network.Heal("n1", "n2")
				await(t, "up again", func() bool { return up(a, b)() && up(b, a)() })
			})
		})
	}
}

func TestRemovedNodeIsAStranger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := peertest.New()
		a, b := start(t, network, 1), start(t, network, 2)
		meet(a, b)
		await(t, "up", func() bool { return up(a, b)() && up(b, a)() })
		a.RemovePeer(2)
		await(t, "down", func() bool { return len(a.told()) == 2 })
		time.Sleep(5 * time.Second)
		if got := a.told(); len(got) != 2 {
			t.Errorf("told %q after the node was removed", got)
		}
		if s := b.Stats().Peers[0]; s.Up || !strings.Contains(s.Refusal, "no member") {
			t.Errorf("the removed node sees %+v", s)
		}
		a.SetPeer(2, "n2")
		await(t, "up again", func() bool { return up(a, b)() && up(b, a)() })
		for range 10 { // up and down take turns even so
			a.RemovePeer(2)
			a.SetPeer(2, "n2")
			await(t, "up again", func() bool { return up(a, b)() && up(b, a)() })
		}
		for i, news := range a.told() {
			if want := []string{"up 2", "down 2"}[i%2]; news != want {
				t.Fatalf("told %q", a.told())
			}
		}
	})
}

// stalling is a connection of a process that was stopped for a while: the time for reading has run out although there is something
// to read.
type stalling struct {
	net.Conn
	stalled *atomic.Bool
}

func (s stalling) Read(b []byte) (int, error) {
	if s.stalled.CompareAndSwap(true, false) {
		return 0, os.ErrDeadlineExceeded
	}
	return s.Conn.Read(b)
}

func TestOwnStallIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := peertest.New()
		var stalled atomic.Bool
		a := start(t, network, 1, func(_ *node, c *peer.Config) {
			dial := c.Dial
			c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
				conn, err := dial(ctx, address)
				return stalling{conn, &stalled}, err
			}
		})
		b := start(t, network, 2, func(_ *node, c *peer.Config) { c.Keepalive = 10 * time.Millisecond })
		a.SetPeer(2, "n2")
		b.SetPeer(1, "nowhere")
		await(t, "up", func() bool { return up(a, b)() && up(b, a)() })
		for range 10 {
			stalled.Store(true)
			await(t, "a read that is late", func() bool { return !stalled.Load() })
		}
		time.Sleep(2 * time.Second)
		if got := a.told(); len(got) != 1 {
			t.Errorf("told %q, want that the node stays up", got)
		}
	})
}

func TestNodeMovesToAnotherAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := peertest.New()
		a, b := start(t, network, 1), start(t, network, 2)
		a.SetPeer(2, "nowhere")
		b.SetPeer(1, "nowhere")
		time.Sleep(1900 * time.Millisecond)
		if strings.Contains(a.log(), "no connection with a node") {
			t.Errorf("said within two seconds that there is no connection:\n%s", a.log())
		}
		time.Sleep(8 * time.Second)
		if n := strings.Count(a.log(), "no connection with a node"); n != 1 {
			t.Errorf("said %d times within ten seconds that there is no connection, want once:\n%s", n, a.log())
		}
		before := time.Now()
		a.SetPeer(2, "n2")
		await(t, "up", up(a, b))
		if took := time.Since(before); took > 100*time.Millisecond {
			t.Errorf("connected %v after the address was known", took)
		}
	})
}
