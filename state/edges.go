package state

import (
	"sync"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// Edges say now and then that they are there. The links of one that is killed, and says nothing any more, are ended as if it had
// detached them: their connections have their grace period from then on. So are those of the process before when one starts again
// under its name.

const (
	// edgeSilence is how long an edge is not heard of before it counts as gone. Should it be there nevertheless, as one that stood still,
	// it attaches its links anew: it is told that they have ended.
	edgeSilence = 10 * time.Second
	// maxEdges bounds how many edges a node knows. The links of others stay until they are detached.
	maxEdges = 1 << 12
	// maxEdgeName bounds the name of an edge.
	maxEdgeName = 64
)

// edges is what a node knows of the edges of its cluster.
type edges struct {
	mu  sync.Mutex
	all map[string]*edgeHeard
	new map[string]uint64 // that have started again since they were looked at: the first link of each
}

type edgeHeard struct {
	first uint64 // of its links
	at    int64  // when it was heard of, time passed
}

// hearEdges has the node hear of edges until stop is called.
func (n *Node) hearEdges() (stop func(), err error) {
	all, ok := n.cfg.Bus.(bus.Broadcaster)
	if !ok || n.replicated == nil {
		return func() {}, nil // edges end with this process
	}
	return all.Join(bus.Edges, n.hearEdge)
}

func (n *Node) hearEdge(env *wire.Envelope) {
	if env.Kind != wire.KindHere || env.Edge == "" || len(env.Edge) > maxEdgeName {
		return
	}
	x := &n.edges
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.all[env.Edge]
	if e == nil {
		if len(x.all) >= maxEdges {
			return
		}
		if x.all == nil {
			x.all = make(map[string]*edgeHeard)
		}
		e = &edgeHeard{}
		x.all[env.Edge] = e
	}
	if e.first != env.Link {
		if x.new == nil {
			x.new = make(map[string]uint64)
		}
		x.new[env.Edge] = env.Link
	}
	e.first, e.at = env.Link, n.passed()
}

// lookAfterEdges ends the links of edges that are gone.
func (n *Node) lookAfterEdges() {
	x, now := &n.edges, n.passed()
	x.mu.Lock()
	begun := x.new
	x.new = nil
	var gone []string
	for name, e := range x.all {
		if now-e.at > int64(edgeSilence) {
			gone = append(gone, name)
			delete(x.all, name)
		}
	}
	x.mu.Unlock()
	for name, first := range begun {
		n.endLinks(name, func(link uint64) bool { return !wire.LinkOfEdge(link, first) })
	}
	for _, name := range gone {
		n.endLinks(name, func(uint64) bool { return true })
	}
}

// endLinks ends those links of an edge of which that is said.
func (n *Node) endLinks(edge string, ends func(link uint64) bool) {
	ended := 0
	for _, p := range n.served() {
		all := p.linksOf(edge, ends)
		for i := range all {
			p.deliver(&all[i])
			if cat := n.categories[all[i].Category]; cat != nil {
				p.cut(cat, &all[i], "nothing was heard of the edge")
			}
		}
		ended += len(all)
	}
	if ended > 0 {
		n.cfg.Logger.Info("links of an edge that is gone ended", "edge", edge, "links", ended)
	}
}

// linksOf returns what detaches those links of an edge of which that is said.
func (p *partition) linksOf(edge string, ends func(link uint64) bool) (all []wire.Envelope) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, s := range p.streams {
		if key.edge == edge && ends(key.link) {
			all = append(all, wire.Envelope{
				Kind: wire.KindDetach, Category: s.entity.Category, ID: s.entity.ID, Edge: key.edge, Link: key.link, Number: s.number + 1,
			})
		}
	}
	return all
}
