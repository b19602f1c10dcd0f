package proof

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Status is how a cluster is, as a node of it says at /admin/v1/cluster.
type Status struct {
	Nodes      []NodeStatus      `json:"nodes"`
	Partitions []PartitionStatus `json:"partitions"`
	Unplaced   string            `json:"unplaced"`
}

// NodeStatus is one node.
type NodeStatus struct {
	ID    json.Number `json:"id"`
	Name  string      `json:"name"`
	Up    bool        `json:"up"`
	Holds int         `json:"holds"` // replicas
	Leads int         `json:"leads"`
}

// PartitionStatus is one partition.
type PartitionStatus struct {
	Pool   string            `json:"pool"`
	Number int               `json:"number"`
	Leader string            `json:"leader"` // its name
	Term   uint64            `json:"term"`   // of the election that it was known by
	Voters []string          `json:"voters"`
	Place  []string          `json:"place"` // those that are to be its voters
	To     []string          `json:"to"`    // those after a change under way
	Behind map[string]uint64 `json:"behind"`
	Error  string            `json:"error"` // of the last change
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

// node returns the node of a name, nil if there is none.
func (s *Status) node(name string) *NodeStatus {
	for i := range s.Nodes {
		if s.Nodes[i].Name == name {
			return &s.Nodes[i]
		}
	}
	return nil
}

// mostBehind is how many batches a replica may lack where all is well.
const mostBehind = 256

// amiss returns what keeps a cluster of that many nodes from being well; empty: nothing does.
func (s *Status) amiss(nodes int) string {
	if len(s.Nodes) != nodes {
		return fmt.Sprintf("it has %d nodes", len(s.Nodes))
	}
	for i := range s.Nodes {
		if !s.Nodes[i].Up {
			return s.Nodes[i].Name + " is not up"
		}
	}
	for i := range s.Partitions {
		p := &s.Partitions[i]
		switch {
		case p.Leader == "":
			return p.String() + " has no leader"
		case len(p.To) > 0:
			return fmt.Sprintf("%s becomes one of %v", p, p.To)
		case !slices.Equal(p.Voters, p.Place):
			return fmt.Sprintf("%s is on %v and belongs to %v: %s", p, p.Voters, p.Place, p.Error)
		}
		for name, behind := range p.Behind {
			if behind > mostBehind {
				return fmt.Sprintf("%s lacks %d batches of %s", name, behind, p)
			}
		}
	}
	return s.Unplaced
}

// uneven returns which nodes lead more than one partition more than another; empty: none does.
func (s *Status) uneven() string {
	for i := range s.Nodes {
		for j := range s.Nodes {
			if a, b := &s.Nodes[i], &s.Nodes[j]; a.Leads > b.Leads+1 {
				return fmt.Sprintf("%s leads %d partitions, %s leads %d", a.Name, a.Leads, b.Name, b.Leads)
			}
		}
	}
	return ""
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
func (w *watch) ask(ctx context.Context) (Status, bool) {
	for _, n := range w.nodes() {
		patience, cancel := context.WithTimeout(ctx, watchTime)
		s, err := n.Status(patience)
		cancel()
		if err == nil {
			w.take(s)
			return s, true
		}
	}
	return Status{}, false
}

// settle asks until nothing is amiss, and returns what is after that long. A node alone is always well.
func (w *watch) settle(ctx context.Context, patience time.Duration, amiss func(*Status) string) (string, error) {
	if len(w.config.Nodes) == 1 {
		return "", nil
	}
	for until := time.Now().Add(patience); ; {
		text := "no node tells how the cluster is"
		if s, ok := w.ask(ctx); ok {
			text = amiss(&s)
		}
		if text == "" || time.Now().After(until) {
			return text, nil
		}
		if err := wait(ctx, watchEvery); err != nil {
			return "", err
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
