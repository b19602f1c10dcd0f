package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/tutti-rt/tutti/journal"
)

const (
	// handOversAtOnce is how many partitions a node that drains hands over at once, of few: each waits for the disks and cores that
	// the others use. Of many it hands over so many that handOverRounds are enough.
	handOversAtOnce = 2
	handOverRounds  = 32
)

// Drain hands every partition that this node owns over to another voter, to the one that leads least among those that keep up. It
// returns once the node owns none that another could have, with an error for each that it could not hand over.
func (n *Node) Drain(ctx context.Context) error {
	if n.replicated == nil {
		return errors.New("drain: partitions are not placed")
	}
	n.drains.Store(true)
	defer n.drains.Store(false)
	d := drain{node: n, leads: n.leads(), failed: make(map[journal.NodeID]int), refused: make(map[journal.Partition]error)}
	for ctx.Err() == nil {
		todo := d.todo()
		if len(todo) == 0 {
			break
		}
		d.handOver(ctx, todo)
	}
	errs := []error{ctx.Err()}
	for _, p := range n.partitions {
		errs = append(errs, d.refused[p])
	}
	return errors.Join(errs...)
}

// drain is one Drain under way.
type drain struct {
	node *Node

	mu      sync.Mutex
	leads   map[journal.NodeID]int
	failed  map[journal.NodeID]int // hand-overs to it in a row that came to nothing
	refused map[journal.Partition]error
}

// todo returns the partitions that are owned here and were not refused by all.
func (d *drain) todo() []journal.Partition {
	var all []journal.Partition
	for _, p := range d.node.served() {
		if d.refused[p.id] == nil {
			all = append(all, p.id)
		}
	}
	return all
}

func (d *drain) handOver(ctx context.Context, all []journal.Partition) {
	var wait sync.WaitGroup
	slots := make(chan struct{}, max(handOversAtOnce, len(all)/handOverRounds))
	for _, p := range all {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			if err := d.handOverOne(ctx, p); err != nil && !errors.Is(err, ErrNotOwned) {
				d.mu.Lock()
				d.refused[p] = err
				d.mu.Unlock()
			}
		})
	}
	wait.Wait()
}

// handOverOne tries the voters one after the other.
func (d *drain) handOverOne(ctx context.Context, p journal.Partition) error {
	err := fmt.Errorf("hand %s over: no other node has it", p)
	for tried := make(map[journal.NodeID]bool); ctx.Err() == nil; {
		to := d.best(p, tried)
		if to == 0 {
			return err
		}
		tried[to] = true
		err = d.node.HandOver(ctx, p, to)
		if d.ended(to, err); err == nil || errors.Is(err, ErrNotOwned) {
			return err
		}
	}
	return err
}

// ended notes how a hand-over to a node ended.
func (d *drain) ended(to journal.NodeID, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		d.failed[to] = 0
	case !errors.Is(err, ErrNotOwned):
		d.leads[to]--
		d.failed[to]++
	}
}

// best returns the voter to try next, counted as the leader that it will be; 0 when there is none.
func (d *drain) best(p journal.Partition, tried map[journal.NodeID]bool) journal.NodeID {
	s, err := d.node.replicated.Status(p)
	if err != nil {
		return 0
	}
	me := d.node.replicated.Node()
	voters := slices.DeleteFunc(slices.Clone(s.Voters), func(v journal.NodeID) bool { return v == me || tried[v] })
	if len(voters) == 0 {
		return 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	to := slices.MinFunc(voters, func(a, b journal.NodeID) int {
		return cmp.Or(cmp.Compare(d.away(a), d.away(b)), cmp.Compare(s.Behind[a]/keepsUp, s.Behind[b]/keepsUp), cmp.Compare(d.leads[a], d.leads[b]), cmp.Compare(a, b))
	})
	d.leads[to]++
	return to
}

// mostFailed is how many hand-overs in a row may come to nothing before a node comes after all others: one may be behind in a partition, and one that is not
// there costs each partition the time to find that out.
const mostFailed = 2

// away returns 1 for a node that seems not to be there, else 0. The caller holds d.mu.
func (d *drain) away(id journal.NodeID) int {
	if d.failed[id] >= mostFailed {
		return 1
	}
	return 0
}

// keepsUp is how many batches a voter may be behind that counts as one that keeps up.
const keepsUp = 256

// leads returns how many of the node's partitions each node leads, as far as is known here.
func (n *Node) leads() map[journal.NodeID]int {
	count := make(map[journal.NodeID]int)
	for _, p := range n.partitions {
		if s, err := n.replicated.Status(p); err == nil {
			count[s.Leader]++
		}
	}
	return count
}
