package proof

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
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
	Partition label       `json:"partition"`
	Leader    label       `json:"leader"`
	Term      json.Number `json:"term"`
}

// label is a name, or a number.
type label string

// UnmarshalJSON takes both.
func (l *label) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*l = label(text)
		return nil
	}
	*l = label(data)
	return nil
}

// number is the number of a partition, whatever its pool.
func (p *PartitionStatus) number() (int, bool) {
	text := string(p.Partition)
	n, err := strconv.Atoi(text[strings.LastIndexByte(text, '/')+1:])
	return n, err == nil
}

// ErrNoStatus means that a node is not one of a cluster.
var ErrNoStatus = errors.New("proof: the node tells nothing of a cluster")

// led returns the partitions that the node of this number (n1, n2) leads.
func (s *Status) led(node int) (all []int) {
	names := []label{label(fmt.Sprintf("n%d", node))}
	for _, n := range s.Nodes {
		if label(n.Name) == names[0] {
			names = append(names, label(n.ID))
		}
	}
	for _, p := range s.Partitions {
		if n, ok := p.number(); ok && (p.Leader == names[0] || len(names) > 1 && p.Leader == names[1]) {
			all = append(all, n)
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
	seen    map[label]string // leader and term, by partition
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
		w.seen = make(map[label]string)
	}
	for _, p := range s.Partitions {
		now := fmt.Sprintf("led by %s in term %s", p.Leader, p.Term)
		before := w.seen[p.Partition]
		w.seen[p.Partition] = now
		if before != "" && before != now {
			w.changes = append(w.changes, change{w.recorder.Now(), fmt.Sprintf("partition %s: %s, then %s", p.Partition, before, now)})
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
