package ownerbus

import (
	"maps"
	"strings"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

const (
	// lossEvery bounds how often losses between two nodes are acted upon: what follows from them is work for both.
	lossEvery = 250 * time.Millisecond
	// longestRefused is when an edge is told that something was refused that was sent to it, while more still is.
	longestRefused = 2 * time.Second
)

// losses is what the bus below has lost, and nobody has been told of yet. The bus's mutex guards it.
type losses struct {
	mine   map[string]map[*route]bool // by the node that has sent it: partitions at this node that have not got something
	others map[string]bool            // nodes of whose owners something has not come to this node; "": any
	told   time.Time
	// refused are the nodes to whose edges this one could not send something, which no number will be missing of there.
	refused map[string]refused
}

// refused is when the bus below took something for an edge no more, first and last.
type refused struct{ first, last time.Time }

// due returns when the edge is told: once all is taken again, or after long.
func (r refused) due() time.Time {
	if after, limit := r.last.Add(lossEvery), r.first.Add(longestRefused); after.Before(limit) {
		return after
	}
	return r.first.Add(longestRefused)
}

// notTaken notes that the bus below has not taken something for an edge.
func (b *Bus) notTaken(to bus.Address) {
	edge, ok := strings.CutPrefix(string(to), "edge.")
	if !ok {
		return
	}
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	r, again := b.losses.refused[edge]
	if len(b.mine) == 0 || !again && len(b.losses.refused) >= maxNodes {
		return
	}
	if r.last = now; !again {
		r.first = now
		b.wake()
	}
	b.losses.refused[edge] = r
}

// settleRefusals tells edges that they may have missed something of the owners at this node.
func (b *Bus) settleRefusals(now time.Time) {
	b.mu.Lock()
	var edges []string
	for edge, r := range b.losses.refused {
		if !now.Before(r.due()) {
			edges = append(edges, edge)
			delete(b.losses.refused, edge)
		}
	}
	var mine []byte
	if len(edges) > 0 {
		for r := range b.mine {
			mine = wire.AppendOwned(mine, wire.Owned{Pool: r.pool, Partition: r.partition})
		}
	}
	b.mu.Unlock()
	for _, edge := range edges {
		e := &wire.Envelope{Kind: wire.KindMissed, From: b.cfg.Node, Edge: edge, Data: mine}
		if err := b.cfg.Bus.Broadcast(b.cfg.Lane, everybody, e); err != nil {
			b.notTaken(bus.Edge(edge))
		}
	}
}

// lost takes what the bus below says. It is called on goroutines that must not wait.
func (b *Bus) lost(l bus.Loss) {
	at, _, owner := strings.Cut(string(l.At), "@")
	b.mu.Lock()
	defer b.mu.Unlock()
	switch x := &b.losses; {
	case l.From == b.cfg.Node:
		return
	case owner:
		r := b.makeRoute(bus.Address(at))
		if r == nil {
			return
		}
		if x.mine[l.From] == nil {
			if len(x.mine) >= maxNodes {
				return
			}
			x.mine[l.From] = make(map[*route]bool)
		}
		x.mine[l.From][r] = true
	case l.All && l.At == everybody, strings.HasPrefix(string(l.At), "edge."):
		if len(x.others) < maxNodes {
			x.others[l.From] = true
		}
	default:
		return // whoever listens there asks again by itself
	}
	b.count.losses.Add(1)
	b.wake()
}

// settleLosses has watchers told of owners from whom something was lost as of owners that have come, and tells other nodes of what was
// lost of theirs.
func (b *Bus) settleLosses(now time.Time) {
	b.mu.Lock()
	x := &b.losses
	if len(x.mine)+len(x.others) == 0 || now.Sub(x.told) < lossEvery {
		b.mu.Unlock()
		return
	}
	x.told = now
	mine, others := x.mine, x.others
	x.mine, x.others = make(map[string]map[*route]bool), make(map[string]bool)
	b.routes.Range(func(_, v any) bool {
		if r := v.(*route); r.newest.node != b.cfg.Node && (others[""] || others[r.newest.node]) {
			b.comeAgain(r)
		}
		return true
	})
	var tell []*wire.Envelope
	for node, routes := range mine {
		e := &wire.Envelope{Kind: wire.KindMissed, From: b.cfg.Node, Edge: node}
		for r := range routes {
			e.Data = wire.AppendOwned(e.Data, wire.Owned{Pool: r.pool, Partition: r.partition})
		}
		tell = append(tell, e)
	}
	b.mu.Unlock()
	if len(others) > 0 {
		b.ask()
	}
	for _, e := range tell {
		if err := b.cfg.Bus.Broadcast(b.cfg.Lane, everybody, e); err != nil {
			b.cfg.Logger.Debug("node not told of what was lost", "node", e.Edge, "err", err)
			b.lostStill(e.Edge, mine[e.Edge])
		}
	}
}

// lostStill notes that a node could not be told of what has not come of it.
func (b *Bus) lostStill(node string, routes map[*route]bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if x := &b.losses; x.mine[node] == nil {
		x.mine[node] = routes
	} else {
		maps.Copy(x.mine[node], routes)
	}
}

// comeAgain has watchers be told of an owner once more. The caller holds b.mu.
func (b *Bus) comeAgain(r *route) {
	if r.here {
		r.came = true
		b.await(r)
	}
}

// missed takes what another node has not got of what this one has sent to its partitions. It returns false when that is malformed.
func (b *Bus) missed(e *wire.Envelope) bool {
	var all []wire.Owned
	for o, err := range wire.DecodeOwned(e.Data) {
		if err != nil || len(all) >= maxRoutes {
			return false
		}
		all = append(all, o)
	}
	if e.Edge != b.cfg.Node && e.Edge != "" {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range all {
		if v, ok := b.routes.Load(bus.Owner(o.Pool, o.Partition)); ok && v.(*route).newest.node == e.From {
			b.comeAgain(v.(*route))
		}
	}
	return true
}
