package control_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
)

// simGroup is a partition. The world's mutex guards it.
type simGroup struct {
	voters, learners []journal.NodeID
	leader           journal.NodeID
	term             uint64
	busy             bool // a change is under way
}

// simJournal is the journal of one node: it knows who holds and leads what, and no logs.
type simJournal struct {
	journal.Replicated // nil: what it does not simulate

	w  *world
	n  *simNode
	id journal.NodeID
}

func (j *simJournal) ID() string           { return "J" }
func (j *simJournal) Node() journal.NodeID { return j.id }

func (j *simJournal) Partitions(context.Context) ([]journal.Partition, error) {
	j.w.mu.Lock()
	defer j.w.mu.Unlock()
	var all []journal.Partition
	for p, g := range j.w.groups {
		if slices.Contains(g.voters, j.id) || slices.Contains(g.learners, j.id) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, cluster.ComparePartitions)
	return all, nil
}

// Create makes a partition, which nobody else may have made.
func (j *simJournal) Create(_ context.Context, p journal.Partition) error {
	j.w.mu.Lock()
	defer j.w.mu.Unlock()
	switch g := j.w.groups[p]; {
	case g == nil:
		j.w.groups[p] = &simGroup{voters: []journal.NodeID{j.id}, leader: j.id, term: 1}
		if n := len(j.w.layouts); n > 0 && !j.w.allowed(j.id, p.Pool) {
			j.w.never("node %d made %s, which it may not hold", j.id, p)
		}
	case !slices.Contains(g.voters, j.id):
		j.w.never("node %d made %s, which is at %v", j.id, p, g.voters)
	}
	return nil
}

func (j *simJournal) Status(p journal.Partition) (journal.Status, error) {
	j.w.mu.Lock()
	defer j.w.mu.Unlock()
	g := j.w.groups[p]
	if g == nil || !slices.Contains(g.voters, j.id) && !slices.Contains(g.learners, j.id) {
		return journal.Status{}, journal.ErrNoReplica
	}
	return journal.Status{
		Partition: p, Leader: g.leader, Term: g.term, Voters: slices.Clone(g.voters), Learners: slices.Clone(g.learners),
		Behind: make(map[journal.NodeID]uint64),
	}, nil
}

func (j *simJournal) Watch(changed func(journal.Partition)) func() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for seen := make(map[journal.Partition]uint64); ctx.Err() == nil; {
			j.w.mu.Lock()
			now := make(map[journal.Partition]uint64)
			for p, g := range j.w.groups {
				now[p] = g.term
			}
			j.w.mu.Unlock()
			if !maps.Equal(seen, now) {
				changed(registryAt)
			}
			seen = now
			select {
			case <-ctx.Done():
			case <-time.After(500 * time.Millisecond):
			}
		}
	}()
	return func() { cancel(); <-done }
}

// Reconfigure copies for a while, and then waits until both majorities are there.
func (j *simJournal) Reconfigure(ctx context.Context, p journal.Partition, voters []journal.NodeID) error {
	w := j.w
	w.mu.Lock()
	g := w.groups[p]
	if g == nil || g.leader != j.id || g.busy {
		w.mu.Unlock()
		return journal.ErrFenced
	}
	g.learners = nil
	then := 0
	for _, v := range voters {
		n := w.at(v)
		if n != nil || w.recently(v) {
			then++
		}
		if slices.Contains(g.voters, v) {
			continue
		}
		g.learners = append(g.learners, v)
		if !w.allowed(v, p.Pool) {
			w.never("%s goes to node %d, which may not hold it", p, v)
		}
	}
	if then <= len(voters)/2 {
		w.never("%s goes from %v to %v, of which %d are up", p, g.voters, voters, then)
	}
	g.busy = true
	copying := time.Duration(w.rng.IntN(3000)) * time.Millisecond * time.Duration(min(len(g.learners), 1))
	term := g.term
	w.mu.Unlock()
	err := sleep(ctx, copying)
	for err == nil {
		w.mu.Lock()
		done := false
		switch {
		case g.leader != j.id || g.term != term:
			err = journal.ErrFenced
		case w.quorum(g.voters) && w.quorum(voters) && !slices.ContainsFunc(g.learners, func(v journal.NodeID) bool { return !w.isUp(v) }):
			done = true
			g.voters, g.learners = slices.Clone(voters), nil
			if !slices.Contains(voters, j.id) {
				w.never("the leader %d of %s leaves", j.id, p)
				g.leader = 0
			}
		}
		w.mu.Unlock()
		if done || err != nil {
			break
		}
		err = sleep(ctx, 50*time.Millisecond)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	g.busy = false
	if err != nil {
		return fmt.Errorf("reconfigure %s: %w", p, err)
	}
	return nil
}

// recently reports whether a node was up a moment ago. The caller holds w.mu.
func (w *world) recently(id journal.NodeID) bool {
	for _, n := range w.nodes {
		if n.id != nil && n.id.Node() == id && time.Since(n.downAt) < 3*time.Second {
			return true
		}
	}
	return false
}

// quorum reports whether a majority is up. The caller holds w.mu.
func (w *world) quorum(ids []journal.NodeID) bool {
	n := 0
	for _, id := range ids {
		if w.isUp(id) {
			n++
		}
	}
	return n > len(ids)/2
}

func (j *simJournal) HandOver(_ context.Context, p journal.Partition, to journal.NodeID) error {
	time.Sleep(10 * time.Millisecond)
	j.w.mu.Lock()
	defer j.w.mu.Unlock()
	g := j.w.groups[p]
	switch {
	case g == nil || g.leader != j.id:
		return journal.ErrFenced
	case !slices.Contains(g.voters, to) || !j.w.isUp(to):
		return errors.New("does not keep up")
	}
	g.leader = to
	g.term++
	return nil
}

// elections gives partitions leaders that have none.
func (w *world) elections(ctx context.Context) {
	for sleep(ctx, 100*time.Millisecond) == nil {
		w.mu.Lock()
		for _, p := range slices.SortedFunc(maps.Keys(w.groups), cluster.ComparePartitions) {
			g := w.groups[p]
			if g.leader != 0 && w.isUp(g.leader) && w.quorum(g.voters) {
				continue
			}
			g.leader = 0
			if w.quorum(g.voters) {
				up := slices.DeleteFunc(slices.Clone(g.voters), func(id journal.NodeID) bool { return !w.isUp(id) })
				g.leader = up[w.rng.IntN(len(up))]
				g.term++
			}
		}
		w.mu.Unlock()
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
