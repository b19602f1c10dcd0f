package state

import (
	"container/list"
	"sync"

	"github.com/tutti-rt/tutti/internal/turn"
)

// mirrorShare is the part of a node's memory that copies take at most: 1/mirrorShare of its budget.
const mirrorShare = 4

// copies are entities of a partition as another node's log has them: those that changed or were asked for last, as many as the
// node's share for mirrors allows. When the node comes to own the partition they are what its entities begin with. Nil has none.
type copies struct {
	node *Node

	mu   sync.Mutex
	by   map[turn.Entity]*mirrored
	used list.List // of *mirrored; who was used last is at the back
}

// mirrored is one copy. Whoever has put a token into busy may use it.
type mirrored struct {
	e     *entity // which nobody else knows; live is never nil
	busy  chan struct{}
	place *list.Element
	bytes int64 // as counted; guarded by the mutex of the copies
}

func newCopies(n *Node) *copies { return &copies{node: n, by: make(map[turn.Entity]*mirrored)} }

// find returns the copy of an entity, nil when there is none, as the one used last.
func (c *copies) find(id turn.Entity) *mirrored {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.by[id]
	if m != nil {
		c.used.MoveToBack(m.place)
	}
	return m
}

// has reports whether the copy is one of them.
func (c *copies) has(m *mirrored) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by[m.e.id] == m
}

// add keeps a copy, over another of the same entity if so said, and returns the one that is kept. It lets go of those unused for
// longest when there is no room.
func (c *copies) add(m *mirrored, over bool) *mirrored {
	c.mu.Lock()
	defer c.mu.Unlock()
	if there := c.by[m.e.id]; there != nil && !over {
		return there
	}
	c.drop(c.by[m.e.id])
	c.by[m.e.id] = m
	m.place = c.used.PushBack(m)
	c.weigh(m)
	return m
}

// weighAgain counts what a copy weighs now. Whoever calls it may use the copy.
func (c *copies) weighAgain(m *mirrored) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by[m.e.id] == m {
		c.weigh(m)
	}
}

func (c *copies) weigh(m *mirrored) {
	n := m.e.weight()
	total := c.node.meters.mirrored.Add(n - m.bytes)
	m.bytes = n
	for total > c.node.cfg.MemoryBudget/mirrorShare && c.used.Len() > 0 {
		first := c.used.Front().Value.(*mirrored)
		total -= first.bytes
		c.drop(first)
	}
}

// remove lets go of a copy.
func (c *copies) remove(m *mirrored) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by[m.e.id] == m {
		c.drop(m)
	}
}

func (c *copies) drop(m *mirrored) {
	if m == nil {
		return
	}
	delete(c.by, m.e.id)
	c.used.Remove(m.place)
	c.node.meters.mirrored.Add(-m.bytes)
}

// take returns what the copy of an entity amounts to, which is the caller's from now on; nil when there is none or it is in use.
func (c *copies) take(id turn.Entity) *folded {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.by[id]
	if m == nil {
		return nil
	}
	c.drop(m)
	select {
	case m.busy <- struct{}{}: // for good
		return &m.e.live.folded
	default:
		return nil
	}
}

// clear lets go of all.
func (c *copies) clear() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.by {
		c.drop(m)
	}
}

func (c *copies) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.by)
}
