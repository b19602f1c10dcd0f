package state

import (
	"context"
	"errors"
	"sync"

	"github.com/tutti-rt/tutti/journal"
)

// follow holds the partitions of which a replicated journal has a replica here, which come and go, until ctx is done.
func (n *Node) follow(ctx context.Context, holders *sync.WaitGroup, failed func(error)) {
	defer n.replicated.Watch(n.note)()
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.noted:
		}
		n.mu.Lock()
		changed := n.changed
		n.changed = make(map[journal.Partition]bool)
		n.mu.Unlock()
		for id := range changed {
			if n.lookAt(ctx, id) {
				n.mu.Lock()
				if n.holders[id] == nil && ctx.Err() == nil {
					n.startHolder(ctx, id, holders, failed)
				}
				n.mu.Unlock()
			}
		}
	}
}

// note has a partition looked at. It is called by the journal and does not block.
func (n *Node) note(id journal.Partition) {
	if n.replicated == nil || !n.ours[id] {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.again(id)
}

// again has a partition looked at before long. The caller holds n.mu.
func (n *Node) again(id journal.Partition) {
	n.changed[id] = true
	select {
	case n.noted <- struct{}{}:
	default: // it is known
	}
}

// lookAt learns who leads a partition, ends an ownership that was lost by that, and reports whether a replica is here.
func (n *Node) lookAt(ctx context.Context, id journal.Partition) bool {
	if n.replicated == nil {
		return true
	}
	n.mu.Lock()
	owned := n.ownership(id)
	n.mu.Unlock()
	s, err := n.replicated.Status(id)
	if err != nil && !errors.Is(err, journal.ErrNoReplica) {
		if ctx.Err() == nil && !errors.Is(err, journal.ErrClosed) {
			n.cfg.Logger.Error("status of a partition not known", "partition", id.String(), "err", err)
		}
		return false
	}
	me, here := n.replicated.Node(), err == nil
	n.mu.Lock()
	defer n.mu.Unlock()
	if now := n.ownership(id); now != nil && now != owned {
		n.again(id) // what was learned may be of a time before that
		return here
	}
	if !here || s.Leader != 0 && s.Leader != me {
		n.settle(id)
	}
	h := n.holders[id]
	if h == nil {
		return here
	}
	h.leader = s.Leader
	if p := h.current; p != nil {
		if p.term == 0 {
			p.term = s.Term
		}
		if s.Leader != me || s.Term != p.term {
			p.depose()
		}
	}
	if s.Leader != me {
		h.resume()
	}
	if !here {
		h.stop()
	}
	return here
}

// ownership returns the present one of a partition, nil if there is none. The caller holds n.mu.
func (n *Node) ownership(id journal.Partition) *partition {
	if h := n.holders[id]; h != nil {
		return h.current
	}
	return nil
}

// settle notes that the partition is served, here or elsewhere. The caller holds n.mu.
func (n *Node) settle(id journal.Partition) {
	if !n.waiting[id] {
		return
	}
	delete(n.waiting, id)
	if len(n.waiting) == 0 {
		close(n.ready)
	}
}

// serving notes that messages for the partition are taken here.
func (n *Node) serving(id journal.Partition) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.settle(id)
}

// leaderless reports whether nobody is known to lead the partition.
func (n *Node) leaderless(id journal.Partition) bool {
	s, err := n.replicated.Status(id)
	return err != nil || s.Leader == 0
}
