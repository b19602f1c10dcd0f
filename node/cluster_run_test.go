package node_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/process"
	"github.com/tutti-rt/tutti/node"
)

// freeAddress returns a loopback address that nobody listens at just now.
func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := process.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// several are the configurations of the nodes of a cluster.
type several struct {
	t     *testing.T
	dir   string
	seed  string
	nodes map[string]node.Config
}

func newSeveral(t *testing.T) *several {
	return &several{t: t, dir: t.TempDir(), nodes: make(map[string]node.Config)}
}

// node returns the configuration of a node, the same each time.
func (s *several) node(name string) node.Config {
	s.t.Helper()
	if c, ok := s.nodes[name]; ok {
		return c
	}
	c := config()
	c.Data = filepath.Join(s.dir, name)
	c.Admin, c.AdminToken = freeAddress(s.t), adminToken
	c.Partitions, c.DrainSpread = 4, 100*time.Millisecond
	c.Cluster = &node.Cluster{
		Name: "test", Node: name, Secret: []byte("the cluster's own secret, 32 bytes"), Listen: freeAddress(s.t), RouteListen: freeAddress(s.t),
	}
	if s.seed == "" {
		s.seed = c.Cluster.Listen
	} else {
		c.Cluster.Join = []string{s.seed}
	}
	s.nodes[name] = c
	return c
}

// calm waits until a node says that this many hold every partition.
func (s *several) calm(n *running, voters int) {
	s.t.Helper()
	var body string
	settled := func() bool {
		var code int
		var status struct {
			Partitions []struct {
				Leader string
				Voters []string
				To     []string
			}
		}
		code, body = get(s.t, "http://"+n.AdminAddr().String()+"/admin/v1/cluster", "Authorization", "Bearer "+adminToken)
		if code != http.StatusOK || json.Unmarshal([]byte(body), &status) != nil || len(status.Partitions) == 0 {
			return false
		}
		for _, p := range status.Partitions {
			if len(p.Voters) != voters || p.Leader == "" || len(p.To) > 0 {
				return false
			}
		}
		return true
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(time.Minute); !settled(); {
		if now := <-tick.C; now.After(until) {
			s.t.Fatalf("not every partition has %d voters: %s", voters, body)
		}
	}
}

// TestCluster grows a node alone to three while it serves, and replaces one after the other. Clients lose nothing and see no error.
func TestCluster(t *testing.T) {
	s := newSeveral(t)
	nodes := map[string]*running{"a": start(t, s.node("a"))}
	clients := map[string]*client.Client{"a": mustOpen(t, nodes["a"])}
	total := sum(t, clients["a"], 1)
	for _, name := range []string{"b", "c"} {
		nodes[name] = start(t, s.node(name))
		clients[name] = mustOpen(t, nodes[name])
		if total++; sum(t, clients[name], 1) != total {
			t.Fatalf("node %s does not see what the others do", name)
		}
	}
	s.calm(nodes["c"], 3)
	for _, name := range []string{"a", "b", "c"} {
		others := []string{"a", "b", "c"}
		var senders sync.WaitGroup
		quit := make(chan struct{})
		sent := make(chan int, 2)
		for _, other := range others {
			if other == name {
				continue
			}
			c := clients[other]
			senders.Go(func() { // at nodes that stay
				n := 0
				for ; ; n++ {
					select {
					case <-quit:
						sent <- n
						return
					default:
					}
					if _, err := send(t, c, 1); err != nil {
						t.Errorf("Send at %s while %s is away = %v", other, name, err)
						sent <- n
						return
					}
				}
			})
		}
		if err := nodes[name].stop(); err != nil {
			t.Fatalf("stop %s: %v", name, err)
		}
		_ = clients[name].Close()
		nodes[name] = start(t, s.node(name))
		clients[name] = mustOpen(t, nodes[name])
		close(quit)
		senders.Wait()
		total += <-sent + <-sent
		if total++; sum(t, clients[name], 1) != total {
			t.Fatalf("after %s was replaced the tally is not %d", name, total)
		}
		s.calm(nodes[name], 3)
	}
	for name, c := range clients {
		if err := c.Close(); err != nil {
			t.Errorf("close the client at %s: %v", name, err)
		}
	}
}

// TestFounderThatForgets founds another cluster of the same name, which changes nothing of the first one.
func TestFounderThatForgets(t *testing.T) {
	s := newSeveral(t)
	a := start(t, s.node("a"))
	if sum(t, mustOpen(t, a), 1) != 1 {
		t.Fatal("the tally of a new cluster is not 1")
	}
	b := start(t, s.node("b"))
	c := start(t, s.node("c"))
	s.calm(c, 3)
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(s.node("a").Data); err != nil {
		t.Fatal(err)
	}
	for range 5 { // each time it leads in a later term
		if err := start(t, s.node("a")).stop(); err != nil {
			t.Fatal(err)
		}
	}
	start(t, s.node("a"))
	clients := []*client.Client{mustOpen(t, b), mustOpen(t, c)}
	tick := time.NewTicker(100 * time.Millisecond) // until the nodes would have met
	defer tick.Stop()
	for want := 2; want < 27; want++ {
		if got := sum(t, clients[want%2], 1); got != want {
			t.Fatalf("the tally is %d, want %d", got, want)
		}
		<-tick.C
	}
}

// TestClusterRefuses nodes that are none of it.
func TestClusterRefuses(t *testing.T) {
	s := newSeveral(t)
	a := start(t, s.node("a"))
	for what, change := range map[string]func(c *node.Config){
		"another cluster": func(c *node.Config) { c.Cluster.Name = "other" },
		"another secret":  func(c *node.Config) { c.Cluster.Secret = []byte("somebody else's secret, of 32 bytes") },
		"the same name":   func(c *node.Config) { c.Cluster.Node = "a" },
	} {
		t.Run(what, func(t *testing.T) {
			c := newSeveral(t).node("b")
			c.Cluster.Join, c.Cluster.JoinTime = []string{s.seed}, 3*time.Second
			change(&c)
			n, err := node.New(c)
			if err != nil {
				t.Fatal(err)
			}
			if err := n.Run(t.Context()); err == nil {
				t.Error("the node runs")
			} else if text := err.Error(); strings.Contains(text, "secret, of 32") {
				t.Errorf("Run = %v, which tells the secret", err)
			}
		})
	}
	if got := sum(t, mustOpen(t, a), 1); got != 1 {
		t.Errorf("the tally is %d, want 1", got)
	}
}

// TestEdgeAlone: an edge without data serves what others hold.
func TestEdgeAlone(t *testing.T) {
	s := newSeveral(t)
	a := start(t, s.node("a"))
	c := s.node("edge")
	c.Data, c.Cluster.Edge = "", true
	e := start(t, c)
	atEdge, atA := mustOpen(t, e), mustOpen(t, a)
	for i := range 3 {
		if sum(t, atEdge, 1) != 2*i+1 || sum(t, atA, 1) != 2*i+2 {
			t.Fatal("the edge and the node do not see the same tally")
		}
	}
	if code, _ := get(t, "http://"+e.AdminAddr().String()+"/admin/v1/cluster", "Authorization", "Bearer "+adminToken); code != http.StatusNotFound {
		t.Errorf("an edge without data answers for the cluster with %d, want 404", code)
	}
	if err := e.stop(); err != nil {
		t.Errorf("stop the edge: %v", err)
	}
}
