package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/online"
)

// directory is a node's part in knowing who is online: all shards, as long as a node is alone, and what its edge reports to them.
type directory struct {
	shards *online.Directory
	agent  *online.Agent
	may    func(tutti.Claims) bool
}

func (n *Node) makeDirectory() error {
	if n.c.OnlineClaim == "" {
		return nil
	}
	may, err := claimed(n.c.OnlineClaim)
	if err != nil {
		return err
	}
	shards, err := n.newShards()
	if err != nil {
		return err
	}
	name := n.c.Name
	if name == "" {
		name = "edge"
	}
	agent, err := online.NewAgent(online.AgentConfig{Edge: name, Bus: n.c.Bus, Clock: n.c.Clock, Logger: n.c.Logger})
	if err != nil {
		return err
	}
	n.online = &directory{shards, agent, may}
	return nil
}

// newShards returns the directory's shards, all of them: one node of a cluster has them, and begins with none of what another knew.
func (n *Node) newShards() (*online.Directory, error) {
	c := online.DirectoryConfig{Bus: n.c.Bus, Logger: n.c.Logger}
	if n.c.Cluster != nil {
		c.Warmup = 11 * time.Second // a little more than a beat
	}
	return online.NewDirectory(c)
}

// directory returns what serves the directory here. In a cluster that is whoever owns the registry's partition, as long as it does.
func (p *parts) directory() func(context.Context) error {
	if p.joined == nil {
		return p.online.shards.Run
	}
	return p.joined.whileFirst(p.first(), func(ctx context.Context) error {
		shards, err := p.newShards()
		if err != nil {
			return err
		}
		return shards.Run(ctx)
	})
}

// forEdge returns what the edge has to do with it. d may be nil.
func (d *directory) forEdge() edge.Online {
	if d == nil {
		return edge.Online{}
	}
	return edge.Online{Agent: d.agent, May: d.may}
}

// claimed returns what tells whether claims have the one that is written name=value.
func claimed(text string) (func(tutti.Claims) bool, error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" || value == "" {
		return nil, fmt.Errorf("node: the claim %q of those who may ask who is online has to be name=value", text)
	}
	is := func(v any) bool { return v != nil && fmt.Sprint(v) == value }
	return func(c tutti.Claims) bool {
		if name == "sub" {
			return c.Subject == value
		}
		if list, ok := c.Extra[name].([]any); ok {
			return slices.ContainsFunc(list, is)
		}
		return is(c.Extra[name])
	}, nil
}

// onlineStats is what the node's part in knowing who is online does.
type onlineStats struct {
	online.DirectoryStats
	agent online.AgentStats
}

func newOnlineMetrics(d *directory) *collector[onlineStats] {
	stats := func() onlineStats { return onlineStats{d.shards.Stats(), d.agent.Stats()} }
	return newCollector("tutti_online_", stats, []metric[onlineStats]{
		{"subjects", "Subjects that are online, in the shards held here.", gauge, func(s onlineStats) float64 { return float64(s.Subjects) }},
		{"edge_subjects", "Subjects with links at this edge.", gauge, func(s onlineStats) float64 { return float64(s.agent.Subjects) }},
		{"watched", "Subjects that somebody at this edge follows.", gauge, func(s onlineStats) float64 { return float64(s.agent.Watched) }},
		{"sent_total", "Envelopes sent between edges and the directory.", counter, func(s onlineStats) float64 { return float64(s.Sent + s.agent.Sent) }},
	})
}
