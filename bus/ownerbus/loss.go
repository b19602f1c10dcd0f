package ownerbus

import (
	"strings"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// lossEvery bounds how often losses between two nodes are acted upon: what follows from them is work for both.
const lossEvery = 250 * time.Millisecond

// losses is what the bus below has lost, and nobody has been told of yet. The bus's mutex guards it.
type losses struct {
	mine   map[string]map[*route]bool // by the node that has sent it: partitions at this node that have not got something
	others map[string]bool            // nodes of whose owners something has not come to this node; "": any
	told   time.Time
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
		}
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
