package control

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
)

const (
	edgeGone = 30 * time.Second // after which an edge that was not heard from counts as gone
	maxEdges = 1024             // that a node remembers; beyond, those are not shown that come
)

// edges are the edges that a node has heard from lately.
type edges struct {
	mu  sync.Mutex
	all map[string]Edge // by name
}

// note remembers that an edge is there. Of two of the same name it refuses the one that started earlier.
func (e *edges) note(edge Edge, by journal.NodeID) error {
	if !cluster.ValidName(edge.Name) || len(edge.Instance) > 64 || len(edge.Version) > 256 {
		return refuse(CodeBadRequest, "the name, instance or version of the edge is not one")
	}
	edge.Heard, edge.By = time.Now(), by
	e.mu.Lock()
	defer e.mu.Unlock()
	e.prune()
	if there, ok := e.all[edge.Name]; ok && there.Instance != edge.Instance && !edge.Started.After(there.Started) {
		return refuse(cluster.CodeNameTaken, "another edge %s has started since", edge.Name)
	}
	if e.all == nil {
		e.all = make(map[string]Edge)
	}
	if _, there := e.all[edge.Name]; there || len(e.all) < maxEdges {
		e.all[edge.Name] = edge
	}
	return nil
}

// prune forgets those that are gone. The caller holds e.mu.
func (e *edges) prune() {
	for name, edge := range e.all {
		if time.Since(edge.Heard) > edgeGone {
			delete(e.all, name)
		}
	}
}

func (e *edges) list() []Edge {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.prune()
	all := make([]Edge, 0, len(e.all))
	for _, edge := range e.all {
		all = append(all, edge)
	}
	slices.SortFunc(all, func(a, b Edge) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
