package memjournal

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/tutti-rt/tutti/journal"
)

// Replicated is the journal of one node of a cluster.
type Replicated struct {
	*Journal
	cluster *Cluster
	node    journal.NodeID
	cut     bool // guarded by the cluster's mutex

	watching sync.Mutex
	watchers []*watcher
}

var _ journal.Replicated = (*Replicated)(nil)

// watcher is one who watches.
type watcher struct {
	mu      sync.Mutex // held while it is told
	changed func(journal.Partition)
}

// Node returns the ID of this node.
func (r *Replicated) Node() journal.NodeID { return r.node }

// Acquire waits until this node leads p. It makes a partition that no node has.
func (r *Replicated) Acquire(ctx context.Context, p journal.Partition) (journal.Log, error) {
	if p.Pool == "" || p.Number < 0 {
		return nil, fmt.Errorf("acquire %s: not a partition", p)
	}
	if f := r.current().Acquire; f != nil {
		if err := f(ctx, p); err != nil {
			return nil, fmt.Errorf("acquire %s: %w", p, err)
		}
	}
	for {
		l, changed, err := r.acquire(ctx, p)
		if l != nil || err != nil {
			return l, err
		}
		select {
		case <-ctx.Done():
		case <-r.closed:
		case <-changed:
		}
	}
}

// acquire returns the log, or what is closed when there may be one.
func (r *Replicated) acquire(ctx context.Context, p journal.Partition) (journal.Log, <-chan struct{}, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("acquire %s: %w", p, err)
	}
	if err := r.Create(ctx, p); err != nil {
		return nil, nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	part, err := r.replica(p)
	if err != nil {
		return nil, nil, fmt.Errorf("acquire %s: %w", p, err)
	}
	if part.group.leader != r.node {
		return nil, part.group.changed, nil
	}
	part.term++
	return &Log{j: r.Journal, part: part, term: part.term}, nil, nil
}

// replica returns the partition if this node has it. The caller holds the cluster's mutex.
func (r *Replicated) replica(p journal.Partition) (*partition, error) {
	part := r.cluster.parts[p]
	switch {
	case r.isClosed():
		return nil, journal.ErrClosed
	case part == nil || !part.group.has(r.node):
		return nil, journal.ErrNoReplica
	}
	return part, nil
}

// Create makes p, led and held by this node alone, if no node has it.
func (r *Replicated) Create(ctx context.Context, p journal.Partition) error {
	r.mu.Lock()
	there, closed := r.cluster.parts[p] != nil, r.isClosed()
	r.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case closed:
		return fmt.Errorf("create %s: %w", p, journal.ErrClosed)
	case !there:
		r.cluster.Create(p, r.node)
	}
	return nil
}

// Partitions returns the partitions of which a replica is here.
func (r *Replicated) Partitions(context.Context) ([]journal.Partition, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.isClosed() {
		return nil, fmt.Errorf("partitions: %w", journal.ErrClosed)
	}
	return r.here(), nil
}

// here returns them in order of their names. The caller holds the cluster's mutex.
func (r *Replicated) here() []journal.Partition {
	var ps []journal.Partition
	for p, part := range r.cluster.parts {
		if part.group.has(r.node) {
			ps = append(ps, p)
		}
	}
	slices.SortFunc(ps, func(a, b journal.Partition) int {
		if c := strings.Compare(a.Pool, b.Pool); c != 0 {
			return c
		}
		return a.Number - b.Number
	})
	return ps
}

// Replica returns what this node has of p.
func (r *Replicated) Replica(ctx context.Context, p journal.Partition) (journal.Replica, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	part, err := r.replica(p)
	if err = cmp.Or(err, ctx.Err()); err != nil {
		return nil, fmt.Errorf("replica of %s: %w", p, err)
	}
	return &Log{j: r.Journal, part: part, held: func() int { return part.batchesAt(r.node) }}, nil
}

// Status returns what this node knows of p.
func (r *Replicated) Status(p journal.Partition) (journal.Status, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	part, err := r.replica(p)
	if err != nil {
		return journal.Status{}, fmt.Errorf("status of %s: %w", p, err)
	}
	g := &part.group
	s := journal.Status{
		Partition: p, Leader: g.leader, Term: g.term, Voters: slices.Clone(g.voters),
		End: journal.Offset(part.batchesAt(r.node)),
	}
	if r.cut {
		s.Leader = 0
	}
	if s.Leader == r.node {
		s.Behind = make(map[journal.NodeID]uint64)
		for _, v := range g.voters {
			if v != r.node {
				s.Behind[v] = uint64(len(part.batches) - part.batchesAt(v))
			}
		}
	}
	return s, nil
}

// Watch calls changed for every partition that is here, and for each that changes.
func (r *Replicated) Watch(changed func(journal.Partition)) (stop func()) {
	w := &watcher{changed: changed}
	r.watching.Lock()
	r.watchers = append(r.watchers, w)
	r.watching.Unlock()
	r.mu.Lock()
	there := r.here()
	r.mu.Unlock()
	for _, p := range there {
		w.tell(p)
	}
	return func() {
		r.watching.Lock()
		r.watchers = slices.DeleteFunc(r.watchers, func(o *watcher) bool { return o == w })
		r.watching.Unlock()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.changed = func(journal.Partition) {}
	}
}

func (w *watcher) tell(p journal.Partition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed(p)
}

func (r *Replicated) tell(p journal.Partition) {
	r.watching.Lock()
	all := slices.Clone(r.watchers)
	r.watching.Unlock()
	for _, w := range all {
		w.tell(p)
	}
}

// Reconfigure makes these nodes the voters of p.
func (r *Replicated) Reconfigure(_ context.Context, p journal.Partition, voters []journal.NodeID) error {
	if err := r.leads(p); err != nil {
		return fmt.Errorf("reconfigure %s: %w", p, err)
	}
	r.cluster.change(p, func(part *partition) {
		part.group.voters = slices.Clone(voters)
		if !part.group.has(r.node) {
			part.elect(voters[0])
		}
	})
	return nil
}

// HandOver has a voter that is not behind lead p.
func (r *Replicated) HandOver(_ context.Context, p journal.Partition, to journal.NodeID) error {
	if err := r.leads(p); err != nil {
		return fmt.Errorf("hand %s over: %w", p, err)
	}
	refused := false
	r.cluster.change(p, func(part *partition) {
		refused = !part.group.has(to) || part.batchesAt(to) < len(part.batches)
		if !refused && to != r.node {
			part.elect(to)
		}
	})
	if refused {
		return fmt.Errorf("hand %s over: node %d does not keep up", p, to)
	}
	return nil
}

func (r *Replicated) leads(p journal.Partition) error {
	s, err := r.Status(p)
	if err == nil && s.Leader != r.node {
		err = journal.ErrFenced
	}
	return err
}
