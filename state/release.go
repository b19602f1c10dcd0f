package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// ErrNotOwned means that this node does not own the partition.
var ErrNotOwned = errors.New("state: the partition is not owned here")

// errReleased ends an ownership that was given up on request.
var errReleased = errors.New("state: partition released")

// handOversAtOnce bounds how many partitions a node that drains hands over at once.
const handOversAtOnce = 4

// Release gives up a partition: the node takes no more messages for it, finishes the turns under way and stores what they decided, and
// lets its effects leave. When Release returns nil the lead may be given to another node. That takes as long as handlers do,
// ShutdownGrace or ctx at most: turns that take longer have not happened.
//
// The node owns the partition again once it has lost the lead and leads again, or if it still leads after ten seconds.
func (n *Node) Release(ctx context.Context, id journal.Partition) error {
	n.mu.Lock()
	p := n.serves[id]
	n.mu.Unlock()
	if p == nil {
		return fmt.Errorf("release %s: %w", id, ErrNotOwned)
	}
	p.giveUp(ctx)
	select {
	case <-p.done:
	case <-ctx.Done():
		return fmt.Errorf("release %s: %w", id, ctx.Err())
	}
	if !errors.Is(p.result, errReleased) {
		return fmt.Errorf("release %s: %w", id, cmp.Or(p.result, ErrNotOwned))
	}
	return nil
}

// HandOver releases a partition and has the node given lead it. When the journal refuses that, this node owns the partition again
// before HandOver returns, unless the lead was lost.
func (n *Node) HandOver(ctx context.Context, id journal.Partition, to journal.NodeID) error {
	if n.replicated == nil {
		return fmt.Errorf("hand %s over: partitions are not placed", id)
	}
	s, err := n.replicated.Status(id)
	switch {
	case err != nil:
		return fmt.Errorf("hand %s over: %w", id, err)
	case to == n.replicated.Node() || !slices.Contains(s.Voters, to):
		return fmt.Errorf("hand %s over: node %d is not another voter", id, to)
	}
	n.mu.Lock()
	h := n.holders[id]
	n.mu.Unlock()
	if h == nil {
		return fmt.Errorf("hand %s over: %w", id, ErrNotOwned)
	}
	select {
	case <-h.owned:
	default:
	}
	began := time.Now()
	if err := n.Release(ctx, id); err != nil {
		return err
	}
	err = n.replicated.HandOver(ctx, id, to)
	h.resume()
	if err != nil {
		h.awaitOwned(ctx)
		return fmt.Errorf("hand %s over to node %d: %w", id, to, err)
	}
	n.meters.handOvers.Since(began)
	return nil
}

// awaitOwned waits until a partition that still is led here is owned again.
func (h *holder) awaitOwned(ctx context.Context) {
	limit := time.NewTimer(minHoldWait)
	defer limit.Stop()
	select {
	case <-h.owned:
	case <-limit.C: // somebody else leads
	case <-ctx.Done():
	}
}

// Drain hands every partition that this node owns over to another voter, to the one that leads least among those that keep up. It
// returns once the node owns none that another could have, with an error for each that it could not hand over.
func (n *Node) Drain(ctx context.Context) error {
	if n.replicated == nil {
		return errors.New("drain: partitions are not placed")
	}
	d := drain{node: n, leads: n.leads(), refused: make(map[journal.Partition]error)}
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
	slots := make(chan struct{}, handOversAtOnce)
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
		if err = d.node.HandOver(ctx, p, to); err == nil || errors.Is(err, ErrNotOwned) {
			return err
		}
		d.mu.Lock()
		d.leads[to]--
		d.mu.Unlock()
	}
	return err
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
		return cmp.Or(cmp.Compare(s.Behind[a]/keepsUp, s.Behind[b]/keepsUp), cmp.Compare(d.leads[a], d.leads[b]), cmp.Compare(a, b))
	})
	d.leads[to]++
	return to
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

// giveUp asks for a release that is done when ctx is, at the latest.
func (p *partition) giveUp(ctx context.Context) {
	p.releaseOnce.Do(func() {
		p.grace = p.node.cfg.ShutdownGrace
		if by, ok := ctx.Deadline(); ok {
			p.grace = min(p.grace, time.Until(by)/2)
		}
		close(p.releasing)
	})
}

// leave ends the ownership on request, with everything stored that was decided. stopAgenda has nothing begun any more.
func (p *partition) leave(stopAgenda func(), quit chan<- struct{}, failed <-chan error) error {
	stopAgenda()
	p.mu.Lock()
	calm := make(chan struct{})
	if len(p.running) == 0 {
		close(calm)
	} else {
		p.calm = calm
	}
	p.mu.Unlock()
	limit := time.NewTimer(p.grace)
	defer limit.Stop()
	var err error
	stopped := false // the committer
	select {
	case <-calm:
	case err = <-failed:
		stopped = true
	case <-p.deposed:
		err = errDeposed
	case <-limit.C:
		p.log.Warn("released with turns under way")
	}
	if err == nil {
		close(quit)
		err = <-failed
		stopped = true
	}
	if err == nil {
		err = errReleased
	}
	p.end(err)
	if !stopped {
		close(quit)
		p.endCommitter(failed)
	}
	p.abandon()
	return err
}
