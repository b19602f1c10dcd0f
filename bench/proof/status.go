package proof

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Status is how a cluster is, as a node of it says at /admin/v1/cluster.
type Status struct {
	Nodes      []NodeStatus      `json:"nodes"`
	Partitions []PartitionStatus `json:"partitions"`
}

// NodeStatus is one node.
type NodeStatus struct {
	ID   json.Number `json:"id"`
	Name string      `json:"name"`
	Up   bool        `json:"up"`
}

// PartitionStatus is one partition.
type PartitionStatus struct {
	Pool   string `json:"pool"`
	Number int    `json:"number"`
	Leader string `json:"leader"` // its name
	Term   uint64 `json:"term"`   // of the election that it was known by
}

func (p *PartitionStatus) String() string { return fmt.Sprintf("%s/%d", p.Pool, p.Number) }

// ErrNoStatus means that a node is not one of a cluster.
var ErrNoStatus = errors.New("proof: the node tells nothing of a cluster")

// led returns the partitions that the node of this number (n1, n2) leads.
func (s *Status) led(node int) (all []int) {
	name := fmt.Sprintf("n%d", node)
	for i := range s.Partitions {
		if p := &s.Partitions[i]; p.Leader == name {
			all = append(all, p.Number)
		}
	}
	return all
}

// change is a partition that has got another leader or term.
type change struct {
	at   time.Duration
	what string
}

// watch asks again and again who leads what.
type watch struct {
	*run

	mu      sync.Mutex
	last    Status
	seen    map[string]string // leader and term, by partition
	changes []change
	asked   int
}

// How often, and for how long.
const (
	watchEvery = 200 * time.Millisecond
	watchTime  = time.Second
)

// follow watches until ctx is done.
func (w *watch) follow(ctx context.Context) {
	for wait(ctx, watchEvery) == nil {
		w.ask(ctx)
	}
}

// ask asks the first node that answers.
func (w *watch) ask(ctx context.Context) {
	for _, n := range w.nodes() {
		patience, cancel := context.WithTimeout(ctx, watchTime)
		s, err := n.Status(patience)
		cancel()
		if err == nil {
			w.take(s)
			return
		}
	}
}

func (w *watch) take(s Status) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	w.last = s
	if w.seen == nil {
		w.seen = make(map[string]string)
	}
	for _, p := range s.Partitions {
		now := fmt.Sprintf("led by %s in term %d", p.Leader, p.Term)
		before := w.seen[p.String()]
		w.seen[p.String()] = now
		if before != "" && before != now {
			w.changes = append(w.changes, change{w.recorder.Now(), fmt.Sprintf("partition %s: %s, then %s", &p, before, now)})
		}
	}
}

// led returns the partitions that any of the nodes led when last asked. A node alone leads all.
func (w *watch) led(nodes []int) (all []int) {
	if len(w.config.Nodes) == 1 {
		for p := range w.config.Partitions {
			all = append(all, p)
		}
		return all
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range nodes {
		all = append(all, w.last.led(n)...)
	}
	return all
}
