package control

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
)

// Status is what an operator sees of a cluster.
type Status struct {
	Cluster  string `json:"cluster"`
	Revision uint64 `json:"revision"` // of the registry
	By       string `json:"by"`       // the node that says so
	Driver   string `json:"driver,omitempty"`
	// Nodes are the members, Edges those that are edges alone.
	Nodes      []NodeView      `json:"nodes"`
	Edges      []Edge          `json:"edges,omitempty"`
	Partitions []PartitionView `json:"partitions"`
	Layout     cluster.Layout  `json:"layout"`
	// Unplaced says which pools have no place, and why.
	Unplaced string `json:"unplaced,omitempty"`
}

// NodeView is a member.
type NodeView struct {
	cluster.Node
	Up      bool      `json:"up"`
	Version string    `json:"version,omitempty"`
	Started time.Time `json:"started,omitzero"`
	Size    int64     `json:"size,omitempty"` // of its journal, in bytes
	Holds   int       `json:"holds"`          // replicas
	Leads   int       `json:"leads"`
}

// PartitionView is a partition. Nodes stand there by name.
type PartitionView struct {
	Pool   string `json:"pool"`
	Number int    `json:"number"`
	Leader string `json:"leader,omitempty"`
	Term   uint64 `json:"term,omitempty"` // of the election that its leader has won
	// Voters have it now, Place are those that it belongs to.
	Voters []string `json:"voters"`
	Place  []string `json:"place,omitempty"`
	// Behind says how many batches nodes lack, those that lack none left out.
	Behind map[string]uint64 `json:"behind,omitempty"`
	// To are the voters that it is to have after the change under way, which began at Since.
	To    []string  `json:"to,omitempty"`
	Since time.Time `json:"since,omitzero"`
	Error string    `json:"error,omitempty"` // of the last change
}

// Calm reports whether nothing is to be done: all nodes are up, all partitions are where they belong, have a leader, and nobody is
// far behind.
func (s *Status) Calm() bool {
	for i := range s.Nodes {
		if !s.Nodes[i].Up {
			return false
		}
	}
	for i := range s.Partitions {
		p := &s.Partitions[i]
		if p.Leader == "" || len(p.To) > 0 || !slices.Equal(p.Voters, p.Place) {
			return false
		}
		for _, behind := range p.Behind {
			if behind > keepsUp {
				return false
			}
		}
	}
	return s.Unplaced == ""
}

// Status asks all nodes how they are.
func (m *Member) Status(ctx context.Context) *Status {
	s := m.survey(ctx)
	v := &Status{Cluster: m.Identity.Cluster(), Revision: s.revision, By: m.Identity.Name(), Layout: s.registry.Layout}
	names := func(ids []journal.NodeID) []string {
		var all []string
		for _, id := range ids {
			all = append(all, s.nameOf(id))
		}
		slices.Sort(all)
		return all
	}
	places, err := s.registry.Place(s.voters())
	if err != nil {
		v.Unplaced = err.Error()
	}
	if p := s.partitions[m.entity.partition]; p != nil && p.Leader != 0 {
		v.Driver = s.nameOf(p.Leader)
	}
	leads, holds := make(map[journal.NodeID]int), make(map[journal.NodeID]int)
	for _, p := range s.registry.Partitions() {
		one := PartitionView{Pool: p.Pool, Number: p.Number, Place: names(places[p])}
		if seen := s.partitions[p]; seen != nil {
			one.Voters = names(seen.Voters)
			for _, id := range seen.Voters {
				holds[id]++
			}
			if seen.Leader != 0 {
				leads[seen.Leader]++
				one.Leader, one.Term = s.nameOf(seen.Leader), seen.Term
			}
			for id, n := range seen.Behind {
				if n > 0 {
					if one.Behind == nil {
						one.Behind = make(map[string]uint64)
					}
					one.Behind[s.nameOf(id)] = n
				}
			}
		}
		if c := s.changing[p]; c != nil {
			one.To, one.Since = names(c.Voters), c.Since
		} else if c := s.failed[p]; c != nil {
			one.Error = c.Error
		}
		v.Partitions = append(v.Partitions, one)
	}
	for i := range s.registry.Nodes {
		n := s.registry.Nodes[i]
		view := NodeView{Node: n, Holds: holds[n.ID], Leads: leads[n.ID]}
		if got := s.nodes[n.ID]; got != nil {
			view.Up, view.Version, view.Started, view.Size = true, got.Version, got.Started, got.Size
			v.Edges = append(v.Edges, got.Edges...)
		}
		v.Nodes = append(v.Nodes, view)
	}
	slices.SortFunc(v.Edges, func(a, b Edge) int { return cmp.Or(cmp.Compare(a.Name, b.Name), b.Heard.Compare(a.Heard)) })
	v.Edges = slices.CompactFunc(v.Edges, func(a, b Edge) bool { return a.Name == b.Name })
	return v
}

func (s *survey) nameOf(id journal.NodeID) string {
	if n := s.registry.Node(id); n != nil {
		return n.Name
	}
	return fmt.Sprintf("(removed %d)", id)
}

// spares returns why a node cannot be removed without harm, as far as the nodes tell. That partitions have fewer replicas then is none if
// that may be.
func (s *survey) spares(id journal.NodeID, fewer bool) error {
	n := s.registry.Node(id)
	if n == nil {
		return refuse(cluster.CodeUnknownNode, "the cluster has no such node")
	}
	held := 0
	without := make(map[string]int)
	for i := range s.registry.Pools {
		without[s.registry.Pools[i].Name] = s.registry.ReplicasWithout(id, s.registry.Pools[i].Name)
	}
	var poorer error
	for _, p := range s.registry.Partitions() {
		pool, seen := s.registry.Pool(p.Pool), s.partitions[p]
		switch {
		case seen == nil && !pool.Made && pool.Home != id:
			continue
		case seen == nil || seen.Leader == 0:
			return refuse(CodeBusy, "nobody leads %s, and the node may be needed to", p)
		case slices.Contains(seen.Learners, id):
			return refuse(CodeBusy, "%s moves to the node", p)
		case !slices.Contains(seen.Voters, id):
			continue
		}
		held++
		up := 0
		for _, v := range seen.Voters {
			if v != id && s.isUp(v) {
				up++
			}
		}
		if up <= len(seen.Voters)/2 {
			return refuse(CodeBusy, "%s would be without a majority: %d of its %d replicas would be up", p, up, len(seen.Voters))
		}
		if then := without[p.Pool]; then < len(seen.Voters)-1 && poorer == nil { // one that comes or goes makes them even for a moment
			poorer = refuse(CodeBusy, "%s has %s, and the nodes that are left would hold %d of it: have another node join first, or say that fewer will do",
				p, plural(len(seen.Voters), "replica"), then)
		}
	}
	if held > 0 && s.isUp(id) {
		return refuse(CodeBusy, "it runs and has %s: drain it and wait until it has none, for which others have to be able to take them, or stop it", plural(held, "replica"))
	}
	if !fewer {
		return poorer
	}
	return nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
