package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/journal"
)

// Pool is a pool that was laid out.
type Pool struct {
	Name       string         `json:"name"`
	Partitions int            `json:"partitions"`
	Home       journal.NodeID `json:"home"` // the node that makes its partitions; no other one does
	// Made means that all of its partitions have been made. Until then none of them moves, and nobody makes one afterwards.
	Made bool `json:"made,omitempty"`
}

// MaxPartitions bounds those of a pool.
const MaxPartitions = 4096

// Lay says that there is a pool, whose partitions the node Home makes unless the pool is known: then the Home that is known
// does, or the new one if that is no node any more and had not made them all. The reply is the Pool.
type Lay struct{ Pool Pool }

// Finish is the word of a pool's home that it has made all partitions.
type Finish struct {
	Pool string
	Home journal.NodeID
}

// Laid is a pool that there is from then on.
type Laid struct{ Pool Pool }

// Finished is a pool whose partitions are made.
type Finished struct{ Pool string }

func lay(t *tutti.Turn[Registry], c Lay) error {
	r := t.State()
	c.Pool.Made = false
	home := r.Node(c.Pool.Home)
	known := r.Pool(c.Pool.Name)
	switch {
	case known != nil && known.Partitions != c.Pool.Partitions:
		return tutti.Reject(CodeOtherLayout, "the pool was made with another number of partitions")
	case known != nil && (known.Made || r.Node(known.Home) != nil):
		t.Reply(*known)
		return nil
	case c.Pool.Name == "" || len(c.Pool.Name) > 64 || c.Pool.Partitions < 1 || c.Pool.Partitions > MaxPartitions || home == nil || len(r.Pools) >= MaxPools:
		return tutti.Reject(CodeInvalid, "a pool has a name, 1 to 4096 partitions and a node that makes them")
	case !r.Layout.Allows(home, c.Pool.Name):
		return tutti.Reject(CodeCannotPlace, "node "+home.Name+" may not hold pool "+c.Pool.Name)
	}
	then := *r
	then.Pools = slices.Clone(r.Pools)
	then.putPool(Laid(c))
	if err := then.placeable(); err != nil {
		return tutti.Reject(CodeCannotPlace, err.Error())
	}
	t.Emit(Laid(c))
	t.Reply(c.Pool)
	return nil
}

func finish(t *tutti.Turn[Registry], c Finish) error {
	p := t.State().Pool(c.Pool)
	if p == nil || p.Home != c.Home {
		return tutti.Reject(CodeInvalid, "the pool is made by another node")
	}
	if !p.Made {
		t.Emit(Finished{c.Pool})
	}
	return nil
}

// Pool returns the pool of that name, or nil.
func (r *Registry) Pool(name string) *Pool {
	if i, ok := r.findPool(name); ok {
		return &r.Pools[i]
	}
	return nil
}

func (r *Registry) findPool(name string) (int, bool) {
	return slices.BinarySearchFunc(r.Pools, name, func(p Pool, name string) int { return strings.Compare(p.Name, name) })
}

func (r *Registry) putPool(e Laid) {
	i, there := r.findPool(e.Pool.Name)
	if there {
		r.Pools[i] = e.Pool
		return
	}
	r.Pools = slices.Insert(r.Pools, i, e.Pool)
}

func (r *Registry) finishPool(e Finished) {
	if p := r.Pool(e.Pool); p != nil {
		p.Made = true
	}
}

// Partitions returns the partitions of all pools.
func (r *Registry) Partitions() []journal.Partition {
	var all []journal.Partition
	for _, pool := range r.Pools {
		all = append(all, pool.All()...)
	}
	return all
}

// All returns the partitions of the pool.
func (p *Pool) All() []journal.Partition {
	all := make([]journal.Partition, p.Partitions)
	for i := range all {
		all[i] = journal.Partition{Pool: p.Name, Number: i}
	}
	return all
}

// Check returns what is wrong with a registry that somebody told.
func (r *Registry) Check() error {
	if !ValidName(r.Cluster) || r.Journal == "" || len(r.Nodes) > MaxNodes || len(r.Pools) > MaxPools {
		return errors.New("cluster: the registry has no name, no journal, or too many nodes or pools")
	}
	for i := range r.Nodes {
		n := &r.Nodes[i]
		if err := n.Check(); err != nil {
			return fmt.Errorf("cluster: node %d: %w", n.ID, err)
		}
		if n.ID == 0 || n.ID > r.Last || i > 0 && n.ID <= r.Nodes[i-1].ID {
			return fmt.Errorf("cluster: node %d is out of order", n.ID)
		}
	}
	for i := range r.Pools {
		p := &r.Pools[i]
		if p.Name == "" || p.Partitions < 1 || p.Partitions > MaxPartitions || i > 0 && p.Name <= r.Pools[i-1].Name {
			return fmt.Errorf("cluster: pool %.64q has %d partitions, or is out of order", p.Name, p.Partitions)
		}
	}
	return r.Layout.Check()
}
