package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/tutti-rt/tutti/journal"
)

// ErrCannotPlace means that a layout asks for more than the nodes are.
var ErrCannotPlace = errors.New("cluster: the layout cannot be satisfied")

// Place returns the nodes that each partition belongs to, those that count most first: by weighted rendezvous hashing, so that a
// node that comes or goes moves its own share and no more. Each partition gets an odd number of nodes.
//
// Partitions that cannot be placed are left out, and the error wraps ErrCannotPlace and says for each pool why.
func (l *Layout) Place(nodes []Node, partitions []journal.Partition) (map[journal.Partition][]journal.NodeID, error) {
	return l.PlaceFrom(nodes, partitions, nil)
}

// PlaceFrom is Place for partitions that are somewhere now. While there are fewer nodes than a partition is to have, one that drains
// keeps the replica that it holds, unless the pool's rule excludes it: it goes when another node can take it.
func (l *Layout) PlaceFrom(nodes []Node, partitions []journal.Partition, voters map[journal.Partition][]journal.NodeID) (map[journal.Partition][]journal.NodeID, error) {
	places := make(map[journal.Partition][]journal.NodeID, len(partitions))
	pools := make(map[string]candidates)
	var errs []error
	for _, p := range partitions {
		c, known := pools[p.Pool]
		if !known {
			var err error
			if c, err = l.candidates(nodes, p.Pool); err != nil {
				errs = append(errs, err)
			}
			pools[p.Pool] = c
		}
		if c.replicas > 0 {
			places[p] = c.place(p, voters[p])
		}
	}
	return places, errors.Join(errs...)
}

// candidates are the nodes that may hold the partitions of a pool.
type candidates struct {
	nodes    []Node
	drain    []Node // that may, and are to go
	spread   string // label in which they are to differ
	want     int    // replicas of each partition
	replicas int    // that the nodes are enough for; 0: it cannot be placed
}

func (l *Layout) candidates(nodes []Node, pool string) (candidates, error) {
	rule := l.Pools[pool]
	c := candidates{spread: rule.Spread}
	var others []string
	for _, n := range nodes {
		switch {
		case n.State && n.Draining && rule.allows(&n):
			c.drain = append(c.drain, n)
		case !n.holds():
		case rule.allows(&n):
			c.nodes = append(c.nodes, n)
		default:
			others = append(others, n.Name)
		}
	}
	want, insists := l.replicas(pool)
	have := len(c.nodes)
	if have >= want || have > 0 && !insists {
		c.want, c.replicas = want, odd(min(want, have))
		return c, nil
	}
	reason := fmt.Sprintf("pool %q wants %d replicas", pool, want)
	if len(rule.Require) > 0 {
		reason += " on nodes with " + labelText(rule.Require)
	}
	reason += fmt.Sprintf(", and %s", count(have, "node"))
	names := make([]string, have)
	for i := range c.nodes {
		names[i] = c.nodes[i].Name
	}
	if have > 0 {
		reason += " (" + strings.Join(names, ", ") + ")"
	}
	reason += " may hold them"
	if len(others) > 0 && len(rule.Require) > 0 {
		reason += "; other labels have " + strings.Join(others[:min(len(others), 10)], ", ")
	}
	return c, fmt.Errorf("%w: %s", ErrCannotPlace, reason)
}

// odd returns n, or the next lower number where n is even.
func odd(n int) int { return n - 1 + n%2 }

func count(n int, what string) string {
	switch n {
	case 0:
		return "no " + what
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func labelText(labels map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, name+"="+labels[name])
	}
	return strings.Join(all, ",")
}

// Allows reports whether n may hold replicas of the pool.
func (l *Layout) Allows(n *Node, pool string) bool {
	rule := l.Pools[pool]
	return n.holds() && rule.allows(n)
}

// allows reports whether n has every label that is required.
func (r *Rule) allows(n *Node) bool {
	for name, value := range r.Require {
		if n.Labels[name] != value {
			return false
		}
	}
	return true
}

// place returns the nodes of p: of those with the highest scores one for each value of the label to spread over, then the rest; and where
// there are too few, of its voters those that drain.
func (c candidates) place(p journal.Partition, voters []journal.NodeID) []journal.NodeID {
	var stay []Node
	for _, n := range c.drain {
		if slices.Contains(voters, n.ID) {
			stay = append(stay, n)
		}
	}
	want := max(c.replicas, odd(min(c.want, len(c.nodes)+len(stay))))
	ids := c.best(p, c.nodes, min(want, len(c.nodes)))
	return append(ids, c.best(p, stay, want-len(ids))...)
}

// best returns so many of the nodes.
func (c candidates) best(p journal.Partition, nodes []Node, want int) []journal.NodeID {
	type scored struct {
		node  *Node
		score float64
	}
	all := make([]scored, len(nodes))
	for i := range nodes {
		all[i] = scored{&nodes[i], score(p, &nodes[i])}
	}
	slices.SortFunc(all, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.node.ID, b.node.ID))
	})
	var ids []journal.NodeID
	taken := make(map[string]int) // nodes by value of the label
	for round := 0; len(ids) < want; round++ {
		for i := range all {
			n := all[i].node
			if n == nil || len(ids) == want {
				continue
			}
			value := n.Labels[c.spread] // those without the label share one value
			if c.spread != "" && taken[value] > round {
				continue
			}
			taken[value]++
			ids = append(ids, n.ID)
			all[i].node = nil
		}
	}
	return ids
}

// score returns the weight of n for p, which is higher than another node's as often as their weights say: -w/ln(h) of a hash
// h between 0 and 1 (Weighted Distributed Hash Tables, Schindelhauer and Schomaker, 2005).
func score(p journal.Partition, n *Node) float64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%d/%d", p.Pool, p.Number, n.ID)
	unit := (float64(mix(h.Sum64())>>11) + 0.5) / (1 << 53)
	return float64(n.weight()) / -math.Log(unit)
}

// mix spreads what differs in few bits over all (the finalizer of MurmurHash3).
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
