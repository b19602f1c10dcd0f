package control

import (
	"cmp"
	"slices"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
)

// survey is what the nodes have said, put together.
type survey struct {
	registry cluster.Registry
	revision uint64
	up       map[journal.NodeID]time.Time // the nodes that answer, and since when they are up
	nodes    map[journal.NodeID]*NodeStatus
	// partitions are as those say that lead them; where nobody does, as those that know of the latest election.
	partitions map[journal.Partition]*journal.Status
	changing   map[journal.Partition]*Change // changes under way
	failed     map[journal.Partition]*Change // that ended without being done
}

func newSurvey(r cluster.Registry, revision uint64) *survey {
	return &survey{
		registry: r, revision: revision, up: make(map[journal.NodeID]time.Time), nodes: make(map[journal.NodeID]*NodeStatus),
		partitions: make(map[journal.Partition]*journal.Status), changing: make(map[journal.Partition]*Change),
		failed: make(map[journal.Partition]*Change),
	}
}

// add takes the word of a node.
func (s *survey) add(n *NodeStatus, since time.Time) {
	s.up[n.Node] = since
	s.nodes[n.Node] = n
	for i := range n.Partitions {
		p := n.Partitions[i]
		leads := p.Leader == n.Node
		if !leads {
			p.Leader = 0 // hearsay
		}
		if now := s.partitions[p.Partition]; now == nil || cmp.Or(cmp.Compare(p.Term, now.Term), cmp.Compare(p.Leader, now.Leader)) > 0 {
			s.partitions[p.Partition] = &p
		}
	}
	for i := range n.Changes {
		switch c := &n.Changes[i]; {
		case !c.Ended:
			s.changing[c.Partition] = c
		case c.Error != "":
			s.failed[c.Partition] = c
		}
	}
}

func (s *survey) isUp(id journal.NodeID) bool {
	_, up := s.up[id]
	return up
}

func (s *survey) known(id journal.NodeID) bool { return s.registry.Node(id) != nil }

// leaving reports whether a node is to hold nothing, or is none any more.
func (s *survey) leaving(id journal.NodeID) bool {
	n := s.registry.Node(id)
	return n == nil || n.Draining || !n.State
}

// leaders returns who leads each partition.
func (s *survey) leaders() map[journal.Partition]journal.NodeID {
	all := make(map[journal.Partition]journal.NodeID, len(s.partitions))
	for p, seen := range s.partitions {
		all[p] = seen.Leader
	}
	return all
}

// voters returns who has each partition.
func (s *survey) voters() map[journal.Partition][]journal.NodeID {
	all := make(map[journal.Partition][]journal.NodeID, len(s.partitions))
	for p, seen := range s.partitions {
		all[p] = seen.Voters
	}
	return all
}

// plan is what is to be done.
type plan struct {
	moves []wish
	// leads are the nodes of which one is to lead each partition.
	leads map[journal.Partition][]journal.NodeID
	// unplaced says why there are partitions without a place.
	unplaced error
}

// wish is the next step of a partition.
type wish struct {
	partition journal.Partition
	step      cluster.Step
	urgency   int // the least first
}

// makePlan compares what is with what is to be.
func makePlan(s *survey) *plan {
	p := &plan{leads: make(map[journal.Partition][]journal.NodeID)}
	var places map[journal.Partition][]journal.NodeID
	places, p.unplaced = s.registry.Place(s.voters())
	for name, seen := range s.partitions {
		pool := s.registry.Pool(name.Pool)
		if pool == nil || !pool.Made || seen.Leader == 0 {
			continue
		}
		place := places[name]
		stay := slices.DeleteFunc(slices.Clone(seen.Voters), func(id journal.NodeID) bool { return !slices.Contains(place, id) })
		if len(stay) == 0 {
			stay = seen.Voters
		}
		p.leads[name] = stay
		if step, ok := cluster.Next(seen.Voters, place, seen.Leader, s.isUp, s.known); ok {
			p.moves = append(p.moves, wish{partition: name, step: step, urgency: s.urgency(name, seen)})
		} else if s.stuck(name, seen, place) {
			p.moves = append(p.moves, wish{partition: name, step: cluster.Step{Voters: slices.Sorted(slices.Values(seen.Voters))}, urgency: 0})
		}
	}
	slices.SortFunc(p.moves, func(a, b wish) int {
		return cmp.Or(cmp.Compare(a.urgency, b.urgency), cluster.ComparePartitions(a.partition, b.partition))
	})
	return p
}

// stuck reports whether a change was begun that nobody goes on with, of a node that is not to come any more: it is undone.
func (s *survey) stuck(p journal.Partition, seen *journal.Status, place []journal.NodeID) bool {
	if len(seen.Learners) == 0 || s.changing[p] != nil {
		return false
	}
	return slices.ContainsFunc(seen.Learners, func(id journal.NodeID) bool { return !slices.Contains(place, id) })
}

// urgency orders moves: first what is under way, then replicas that are lost, then those of nodes that drain.
func (s *survey) urgency(p journal.Partition, seen *journal.Status) int {
	switch {
	case s.changing[p] != nil:
		return 1
	case slices.ContainsFunc(seen.Voters, func(id journal.NodeID) bool { return !s.known(id) }):
		return 2
	case slices.ContainsFunc(seen.Voters, func(id journal.NodeID) bool { return !s.isUp(id) }):
		return 3
	case slices.ContainsFunc(seen.Voters, s.leaving):
		return 4
	}
	return 5
}
