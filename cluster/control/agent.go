package control

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
)

// Names of what members do for the one that decides.
const (
	serviceStatus      = "cluster.status"
	serviceReconfigure = "cluster.reconfigure"
	serviceHandOver    = "cluster.handover"
)

const (
	// changeLease is how long a change goes on that nobody asks for any more.
	changeLease = 15 * time.Second
	// changeKept is how long the end of a change is told.
	changeKept = 30 * time.Second
	// maxChanges bounds those of a node.
	maxChanges = cluster.MaxMoves

	handOverTime = 5 * time.Second
)

// NodeStatus is what a node says of itself.
type NodeStatus struct {
	Node       journal.NodeID   `json:"node"`
	Revision   uint64           `json:"revision"` // of the registry that it knows
	Version    string           `json:"version,omitempty"`
	Started    time.Time        `json:"started"`
	Size       int64            `json:"size,omitempty"` // of its journal, in bytes
	Partitions []journal.Status `json:"partitions"`     // of which it has a replica
	Changes    []Change         `json:"changes,omitempty"`
	Edges      []Edge           `json:"edges,omitempty"`
}

// Change is a change of the voters of a partition, which the node carries out that leads it.
type Change struct {
	Partition journal.Partition `json:"partition"`
	Voters    []journal.NodeID  `json:"voters"` // those to be
	Since     time.Time         `json:"since"`
	Ended     bool              `json:"ended,omitempty"`
	Error     string            `json:"error,omitempty"` // why it ended without being done
}

// agent does for the one that decides what can be done here alone.
type agent struct {
	member *Member
	tasks  sync.WaitGroup

	mu      sync.Mutex
	ctx     context.Context // of Run; nil before and after
	changes map[journal.Partition]*change
}

// change is a Change, and what ends it.
type change struct {
	Change
	come   []journal.NodeID // the voters that are new
	asked  time.Time        // when somebody asked for it last
	ended  time.Time
	cancel context.CancelFunc
}

// services are what the agent does, by name.
func (a *agent) services() map[string]service {
	return map[string]service{serviceStatus: a.status, serviceReconfigure: a.reconfigure, serviceHandOver: a.handOver}
}

// run lets changes begin until ctx is done, and ends those that nobody asks for any more.
func (a *agent) run(ctx context.Context) error {
	a.mu.Lock()
	a.ctx = ctx
	a.mu.Unlock()
	defer a.tasks.Wait()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.ctx = nil
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-tick.C:
			a.sweep(now)
		}
	}
}

func (a *agent) sweep(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for p, c := range a.changes {
		switch {
		case !c.Ended && now.Sub(c.asked) > changeLease:
			c.cancel()
		case c.Ended && now.Sub(c.ended) > changeKept:
			delete(a.changes, p)
		}
	}
}

// status says how the node is.
func (a *agent) status(ctx context.Context, _ journal.NodeID, _ []byte) (any, error) {
	return a.local(ctx)
}

func (a *agent) local(ctx context.Context) (*NodeStatus, error) {
	m := a.member
	_, revision := m.Identity.Registry()
	s := &NodeStatus{Node: m.id, Revision: revision, Version: m.Version, Started: m.began, Size: m.Size(), Edges: m.edges.list()}
	all, err := m.Journal.Partitions(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		one, err := m.Journal.Status(p)
		if errors.Is(err, journal.ErrNoReplica) {
			continue
		}
		if err != nil {
			return nil, err
		}
		s.Partitions = append(s.Partitions, one)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.changes {
		s.Changes = append(s.Changes, c.Change)
	}
	return s, nil
}

// order is what the one that decides wants of a partition, by the registry of that revision.
type order struct {
	Partition journal.Partition `json:"partition"`
	Revision  uint64            `json:"revision"`
	Voters    []journal.NodeID  `json:"voters,omitempty"`
	To        journal.NodeID    `json:"to,omitempty"`
}

// decode reads an order for a partition that this node leads.
func (a *agent) decode(request []byte) (order, journal.Status, error) {
	var o order
	if err := json.Unmarshal(request, &o); err != nil {
		return o, journal.Status{}, refuse(CodeBadRequest, "no order: %v", err)
	}
	s, err := a.member.Journal.Status(o.Partition)
	if err != nil {
		return o, s, refuse(CodeNotLeader, "%v", err)
	}
	if s.Leader != a.member.id {
		return o, s, refuse(CodeNotLeader, "node %d leads %s", s.Leader, o.Partition)
	}
	return o, s, nil
}

// reconfigure begins a change of the voters of a partition, or has it go on. Another one that is under way is ended first: whoever
// asks asks again.
func (a *agent) reconfigure(_ context.Context, _ journal.NodeID, request []byte) (any, error) {
	o, s, err := a.decode(request)
	if err != nil {
		return nil, err
	}
	slices.Sort(o.Voters)
	if err := a.permits(&o, &s); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ctx == nil {
		return nil, refuse(CodeUnavailable, "the node stops")
	}
	running := 0
	for _, c := range a.changes {
		if !c.Ended {
			running++
		}
	}
	switch c := a.changes[o.Partition]; {
	case c != nil && !c.Ended && slices.Equal(c.Voters, o.Voters):
		c.asked = time.Now()
		return struct{}{}, nil
	case c != nil && !c.Ended:
		c.cancel()
		return nil, refuse(CodeBusy, "another change of %s ends", o.Partition)
	case running >= maxChanges:
		return nil, refuse(CodeBusy, "%d changes are under way", running)
	case !slices.Contains(o.Voters, a.member.id):
		// Decided before the lead came here: another one leads first, so that nobody waits for an election.
		return nil, refuse(CodeBadRequest, "node %d leads %s, and would leave it", a.member.id, o.Partition)
	}
	a.begin(o, &s)
	return struct{}{}, nil
}

// permits refuses voters that the registry does not allow, as this node knows it.
func (a *agent) permits(o *order, now *journal.Status) error {
	r, revision := a.member.Identity.Registry()
	if o.Revision < revision {
		return refuse(CodeOld, "decided by revision %d of the registry, there is %d", o.Revision, revision)
	}
	if len(o.Voters) == 0 || len(o.Voters) > cluster.MaxReplicas+1 || len(slices.Compact(slices.Clone(o.Voters))) != len(o.Voters) {
		return refuse(CodeBadRequest, "%d voters", len(o.Voters))
	}
	for _, v := range o.Voters {
		if !slices.Contains(now.Voters, v) && !allows(&r, v, o.Partition.Pool) {
			return refuse(CodeBadRequest, "node %d may not hold %s", v, o.Partition)
		}
	}
	return nil
}

func allows(r *cluster.Registry, id journal.NodeID, pool string) bool {
	n := r.Node(id)
	return n != nil && r.Layout.Allows(n, pool)
}

// recheck ends changes that a newer registry does not allow.
func (a *agent) recheck(r *cluster.Registry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for p, c := range a.changes {
		if !c.Ended && slices.ContainsFunc(c.come, func(id journal.NodeID) bool { return !allows(r, id, p.Pool) }) {
			c.cancel()
		}
	}
}

// begin carries out a change. The caller holds a.mu.
func (a *agent) begin(o order, now *journal.Status) {
	ctx, cancel := context.WithCancel(a.ctx)
	c := &change{Change: Change{Partition: o.Partition, Voters: o.Voters, Since: time.Now()}, asked: time.Now(), cancel: cancel}
	c.come = slices.DeleteFunc(slices.Clone(o.Voters), func(id journal.NodeID) bool { return slices.Contains(now.Voters, id) })
	a.changes[o.Partition] = c
	m := a.member
	a.tasks.Go(func() {
		defer cancel()
		err := m.Journal.Reconfigure(ctx, o.Partition, o.Voters)
		a.mu.Lock()
		c.Ended, c.ended = true, time.Now()
		if err != nil {
			c.Error = err.Error()
		}
		a.mu.Unlock()
		if err != nil {
			m.log.Warn("replicas not moved", "partition", o.Partition, "to", o.Voters, "err", err)
		} else {
			m.log.Info("replicas moved", "partition", o.Partition, "to", o.Voters, "took", time.Since(c.Since))
		}
	})
}

// handOver has another voter lead.
func (a *agent) handOver(ctx context.Context, _ journal.NodeID, request []byte) (any, error) {
	o, s, err := a.decode(request)
	switch {
	case err != nil:
		return nil, err
	case !slices.Contains(s.Voters, o.To) || o.To == a.member.id:
		return nil, refuse(CodeBadRequest, "node %d is not another voter of %s", o.To, o.Partition)
	}
	ctx, cancel := context.WithTimeout(ctx, handOverTime)
	defer cancel()
	if err := a.member.HandOver(ctx, o.Partition, o.To); err != nil {
		return nil, err
	}
	a.member.log.Info("lead handed over", "partition", o.Partition, "to", o.To)
	return struct{}{}, nil
}
