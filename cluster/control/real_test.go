package control_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/cluster/control"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
	"github.com/tutti-rt/tutti/peer"
	"github.com/tutti-rt/tutti/peer/peertest"
	"github.com/tutti-rt/tutti/state"
)

var _ control.Mesh = (*peer.Mesh)(nil)

// realPeers carries what journals send each other.
type realPeers struct{ mesh *peer.Mesh }

func (p realPeers) Send(to journal.NodeID, frame []byte) bool { return p.mesh.Send(to, 0, frame) }

func (p realPeers) Fetch(ctx context.Context, from journal.NodeID, request []byte) (io.ReadCloser, error) {
	return p.mesh.Open(ctx, from, "journal.bulk", request)
}

// realNode starts a node of real parts, which ends with the test.
func realNode(t *testing.T, net *peertest.Network, b *localbus.Bus, name string, seeds ...string) *control.Member {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir, n := t.TempDir(), cluster.Node{Name: name, Address: name + ":1", State: true}
	connect := func(id journal.NodeID) *peer.Mesh {
		credentials, err := peer.FromSecret(bytes.Repeat([]byte("secret--"), 4), peer.Identity{Node: id, Name: name})
		must(err)
		c := peer.Config{Cluster: "prod", Name: name, Node: id, Credentials: credentials, Dial: net.Dialer(name + ":1")}
		if id != 0 {
			c.Listener = net.Listen(name + ":1")
		}
		mesh, err := peer.New(c)
		must(err)
		return mesh
	}
	id, err := control.Enter(t.Context(), control.Entry{Dir: dir, Cluster: "prod", Node: n, Seeds: seeds, Call: connect(0).CallAt})
	must(err)
	mesh := connect(id.Node())
	log, err := diskjournal.Open(filepath.Join(dir, "journal"), diskjournal.Config{
		ID: id.Journal(), MemTableBytes: 1 << 20, Cluster: &diskjournal.Cluster{Node: id.Node(), Peers: realPeers{mesh}},
	})
	must(err)
	states, err := state.New(state.Config{Categories: []*tutti.Category{cluster.Members}, Journal: log, Placed: true, Bus: b, Name: name, Partitions: 4})
	must(err)
	m, err := control.New(control.Config{
		Identity: id, Node: n, Journal: log, Bus: b, Mesh: mesh, Channel: 1, Pools: map[string]int{"default": 4}, HandOver: states.HandOver,
		Tick: 50 * time.Millisecond, Idle: 200 * time.Millisecond, Settle: 200 * time.Millisecond,
	})
	must(err)
	mesh.Handle(0, log.Deliver)
	mesh.Handle(1, m.Hear)
	mesh.Watch(func(id journal.NodeID, up bool) {
		if !up {
			log.Down(id)
		}
		m.Reached(id, up)
	})
	members, anyone := m.Services()
	for name, serve := range members {
		mesh.Serve(name, serve)
	}
	for name, serve := range anyone {
		mesh.ServeAnyone(name, serve)
	}
	mesh.Serve("journal.bulk", func(ctx context.Context, _ journal.NodeID, request []byte, w io.Writer) error {
		return log.ServeBulk(ctx, w, request)
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var parts sync.WaitGroup
	for part, run := range map[string]func(context.Context) error{"journal": log.Run, "mesh": mesh.Run, "state": states.Run, "member": m.Run} {
		parts.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("%s of %s: %v", part, name, err)
			}
		})
	}
	t.Cleanup(func() { cancel(); parts.Wait(); must(log.Close()) })
	return m
}

// awaitStatus waits until the cluster is as wanted.
func awaitStatus(t *testing.T, m *control.Member, what string, ok func(*control.Status) bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for {
		s := m.Status(t.Context())
		if ok(s) {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: the status stays %+v", what, *s)
		}
	}
}

// TestRealParts: with real journals, connections and owners a node alone becomes three while it serves. One of them drains: it gives its
// leads away, and everything else once there is a fourth.
func TestRealParts(t *testing.T) {
	net, b := peertest.New(), localbus.New()
	a := realNode(t, net, b, "a")
	awaitStatus(t, a, "alone", func(s *control.Status) bool { return len(s.Nodes) == 1 && len(s.Partitions) == 4 && s.Calm() })
	realNode(t, net, b, "b", "a:1")
	c := realNode(t, net, b, "c", "a:1")
	awaitStatus(t, c, "three", func(s *control.Status) bool {
		if len(s.Nodes) != 3 || !s.Calm() {
			return false
		}
		for _, n := range s.Nodes {
			if n.Holds != 4 || n.Leads < 1 {
				return false
			}
		}
		return true
	})
	if code := post(t, c, "drain", `{"node":"a"}`); code != 200 {
		t.Fatalf("drain = %d", code)
	}
	awaitStatus(t, c, "without leads", func(s *control.Status) bool { return s.Calm() && s.Nodes[0].Holds == 4 && s.Nodes[0].Leads == 0 })
	realNode(t, net, b, "d", "c:1")
	awaitStatus(t, c, "drained", func(s *control.Status) bool {
		return s.Calm() && len(s.Nodes) == 4 && s.Nodes[0].Holds == 0 && len(s.Partitions[0].Voters) == 3
	})
	if code := post(t, c, "undrain", `{"node":"a"}`); code != 200 {
		t.Fatalf("undrain = %d", code)
	}
	awaitStatus(t, a, "taking part again", func(s *control.Status) bool { return s.Calm() && s.Nodes[0].Holds > 0 })
}

// post sends a member a request of its operator.
func post(t *testing.T, m *control.Member, what, body string) int {
	t.Helper()
	mux := http.NewServeMux()
	m.Register(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/admin/v1/cluster/"+what, strings.NewReader(body)))
	return w.Code
}
