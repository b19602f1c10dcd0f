package node_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/node"
)

// besieged is a cluster of three that serves clients while others try to be part of it.
type besieged struct {
	*several
	nodes   map[string]*running
	clients map[string]*client.Client
	sent    atomic.Int64
	quit    chan struct{}
	senders sync.WaitGroup
	leads   map[string]string // who leads each partition, and in which term
}

// besiege starts nodes a, b and c, of which a leads everything, and a client at each that sends all the time.
func besiege(t *testing.T) *besieged {
	b := &besieged{several: newSeveral(t), nodes: make(map[string]*running), clients: make(map[string]*client.Client), quit: make(chan struct{})}
	for i, name := range []string{"a", "b", "c"} {
		c := b.node(name)
		c.Cluster.Weight = []int{1000, 1, 1}[i]
		b.nodes[name] = start(t, c)
		b.clients[name] = mustOpen(t, b.nodes[name])
	}
	b.calm(b.nodes["c"], 3)
	b.leads = b.leaders()
	for _, name := range []string{"a", "c"} {
		c := b.clients[name]
		b.senders.Go(func() {
			for {
				select {
				case <-b.quit:
					return
				default:
				}
				if _, err := send(t, c, 1); err != nil {
					t.Errorf("Send at %s = %v", name, err)
					return
				}
				b.sent.Add(1)
			}
		})
	}
	return b
}

// leaders returns who leads each partition and in which term.
func (b *besieged) leaders() map[string]string {
	b.t.Helper()
	_, body := get(b.t, "http://"+b.nodes["a"].AdminAddr().String()+"/admin/v1/cluster", "Authorization", "Bearer "+adminToken)
	var status struct {
		Partitions []struct {
			Pool   string
			Number json.Number
			Leader string
			Term   json.Number
		}
	}
	if err := json.Unmarshal([]byte(body), &status); err != nil {
		b.t.Fatalf("status %s: %v", body, err)
	}
	all := make(map[string]string)
	for _, p := range status.Partitions {
		all[p.Pool+"/"+p.Number.String()] = p.Leader + " in term " + p.Term.String()
	}
	return all
}

// goesOn wants the cluster to be as it was, and clients to be served.
func (b *besieged) goesOn() {
	b.t.Helper()
	for before := b.sent.Load(); b.sent.Load() < before+10 && !b.t.Failed(); {
		sum(b.t, b.clients["a"], 0)
	}
	for p, now := range b.leaders() {
		if now != b.leads[p] {
			b.t.Errorf("%s is led by %s, was by %s", p, now, b.leads[p])
		}
	}
}

// end stops the clients, and wants the tally to be what they have sent.
func (b *besieged) end() {
	b.t.Helper()
	close(b.quit)
	b.senders.Wait()
	if b.t.Failed() {
		return // a node may have gone, and its client would wait for it
	}
	for _, name := range []string{"a", "b", "c"} {
		if got, want := sum(b.t, b.clients[name], 0), int(b.sent.Load()); got != want {
			b.t.Errorf("the tally at %s is %d, want %d", name, got, want)
		}
	}
}

// intruder is the configuration of a node that reaches the cluster, under addresses of its own.
func (b *besieged) intruder(name string) node.Config {
	c := newSeveral(b.t).node(name)
	c.Cluster.Join, c.Cluster.JoinTime = []string{b.seed}, 5*time.Second
	return c
}

// refused runs a node that is to end by itself, and wants its error to say all of this.
func (b *besieged) refused(c node.Config, says ...string) {
	b.t.Helper()
	n, err := node.New(c)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.t.Context(), endless) // lest one that is let in stays
	defer cancel()
	err = n.Run(ctx)
	for _, text := range says {
		if err == nil || !strings.Contains(err.Error(), text) {
			b.t.Errorf("Run = %v, want %q", err, text)
		}
	}
	if err != nil && strings.Contains(err.Error(), string(c.Cluster.Secret)) {
		b.t.Errorf("Run = %v, which tells the secret", err)
	}
	b.goesOn()
}

// stopped stops a node of the cluster, and copies its directory.
func (b *besieged) stopped(name string) (copied string) {
	b.t.Helper()
	_ = b.clients[name].Close()
	if err := b.nodes[name].stop(); err != nil {
		b.t.Fatalf("stop %s: %v", name, err)
	}
	return b.copied(name)
}

func (b *besieged) copied(name string) string {
	b.t.Helper()
	to := filepath.Join(b.t.TempDir(), name)
	if err := os.CopyFS(to, os.DirFS(b.several.nodes[name].Data)); err != nil {
		b.t.Fatal(err)
	}
	return to
}

func (b *besieged) started(name string) {
	b.t.Helper()
	b.nodes[name] = start(b.t, b.several.nodes[name])
	b.clients[name] = mustOpen(b.t, b.nodes[name])
}

// TestIntruders has nodes that do not belong to a cluster try to be of it: each says why it is not, and the cluster notices nothing.
func TestIntruders(t *testing.T) {
	b := besiege(t)
	for name, try := range map[string]func(){
		"another cluster": func() {
			c := b.intruder("x")
			c.Cluster.Name = "other"
			b.refused(c, "other_cluster", `of the cluster "other"`, `of "test"`)
		},
		"another secret": func() {
			c := b.intruder("x")
			c.Cluster.Secret, c.Cluster.JoinTime = []byte("somebody else's secret, of 32 bytes"), 3*time.Second
			b.refused(c, "join cluster test", b.seed, "certificate")
		},
		"a name that is taken": func() { b.refused(b.intruder("a"), "name_taken", "there is a node a already") },
		"an edge of another cluster": func() {
			c := b.intruder("x")
			c.Data, c.Cluster.Name, c.Cluster.Edge = "", "other", true
			b.refused(c, "other_cluster")
		},
		"a copy of the leader's disk": func() { c := b.intruder("a"); c.Data = b.copied("a"); b.refused(c, "another process is this node") },
		"a copy of a follower's disk": func() { c := b.intruder("b"); c.Data = b.copied("b"); b.refused(c, "another process is this node") },
		"a second start from one disk": func() {
			c := b.intruder("b")
			c.Data = b.several.nodes["b"].Data
			b.refused(c, "another process is this node")
		},
		"another node's disk":      func() { c := b.intruder("x"); c.Data = b.copied("b"); b.refused(c, `is of node "b", not "x"`) },
		"garbage at its ports":     b.garbagePorts,
		"garbage on the bus":       b.garbageBus,
		"garbage for the operator": b.garbageOperator,
	} {
		t.Run(name, func(*testing.T) { try(); b.goesOn() })
	}
	b.end()
}

// TestOldDisks has nodes start from directories that they may not start from, one way or the other. The cluster goes on with the others.
func TestOldDisks(t *testing.T) {
	b := besiege(t)
	late := func(says ...string) { b.refused(b.several.nodes["b"], says...) }
	disk := b.several.nodes["b"].Data
	use := func(dir string) {
		c := b.several.nodes["b"]
		c.Data = dir
		b.several.nodes["b"] = c
	}

	// From before its last start.
	old := b.stopped("b")
	b.started("b")
	b.stopped("b")
	use(old)
	for range 2 {
		late("the directory is an old copy", "empty directory")
	}

	// A log from before what it has acknowledged, and all else as it is to be.
	use(disk)
	older := b.copied("b")
	b.started("b")
	if got := sum(t, b.clients["b"], 1); got < 1 {
		t.Errorf("the tally is %d", got)
	}
	b.sent.Add(1)
	b.stopped("b")
	identity, err := os.ReadFile(filepath.Join(disk, "node.json"))
	if err == nil {
		err = os.WriteFile(filepath.Join(older, "node.json"), identity, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	use(older)
	for range 2 {
		late("the directory is an old copy", "has acknowledged offset", "empty directory")
	}

	// Removed from the cluster.
	if code, body := b.order("remove", `{"node":"b","force":true}`); code != http.StatusOK {
		t.Fatalf("remove = %d %s", code, body)
	}
	use(disk)
	late("the cluster has removed this node", "empty directory")
	b.clients["b"] = b.clients["c"]
	b.end()
}
