package memjournal

import (
	"crypto/rand"
	"slices"
	"sync"

	"github.com/tutti-rt/tutti/journal"
)

// Cluster is the journals of several nodes that hold replicas of the same logs. There is no network and no election: the test
// says who leads, who is cut off, and which replicas are behind. A batch is on all other replicas as soon as it is stored.
type Cluster struct {
	nodes []*Replicated

	mu    sync.Mutex
	parts map[journal.Partition]*partition
}

// group is who holds and leads a partition. The cluster's mutex guards it.
type group struct {
	voters  []journal.NodeID
	leader  journal.NodeID // 0: nobody
	term    uint64         // of the election
	held    map[journal.NodeID]int
	changed chan struct{} // closed, and replaced, when one of these has changed
}

// NewCluster returns the empty journals of nodes 1 to n.
func NewCluster(n int) *Cluster {
	c := &Cluster{parts: make(map[journal.Partition]*partition)}
	id := rand.Text()
	for i := range n {
		c.nodes = append(c.nodes, &Replicated{Journal: newJournal(id, &c.mu), cluster: c, node: journal.NodeID(i + 1)})
	}
	return c
}

// Node returns the journal of a node.
func (c *Cluster) Node(id journal.NodeID) *Replicated { return c.nodes[id-1] }

// Create makes a partition, led by the first of its voters, unless there is one already.
func (c *Cluster) Create(p journal.Partition, voters ...journal.NodeID) {
	c.change(p, func(there *partition) {
		if there != nil {
			return
		}
		part := newPartition(p)
		part.group = group{voters: voters, leader: voters[0], term: 1, held: make(map[journal.NodeID]int), changed: make(chan struct{})}
		c.parts[p] = part
	})
}

// Lead has a node lead the partition, or nobody, for 0. Who owned it is fenced, also when it leads again.
func (c *Cluster) Lead(p journal.Partition, by journal.NodeID) {
	c.change(p, func(part *partition) { part.elect(by) })
}

// Hold keeps what is appended from now on from the replica of a node.
func (c *Cluster) Hold(p journal.Partition, node journal.NodeID) {
	c.change(p, func(part *partition) { part.hold(node) })
}

// Cut cuts a node off from the others: it leads nothing, hears of no other leader, and its replicas get nothing.
func (c *Cluster) Cut(node journal.NodeID) {
	c.each(func(part *partition) {
		c.nodes[node-1].cut = true
		part.hold(node)
		if part.group.leader == node {
			part.elect(0)
		}
	})
}

// Heal ends Hold and Cut of a node.
func (c *Cluster) Heal(node journal.NodeID) {
	c.each(func(part *partition) {
		c.nodes[node-1].cut = false
		delete(part.group.held, node)
		part.grew()
	})
}

// each changes all partitions.
func (c *Cluster) each(f func(*partition)) {
	c.mu.Lock()
	all := make([]journal.Partition, 0, len(c.parts))
	for p := range c.parts {
		all = append(all, p)
	}
	c.mu.Unlock()
	for _, p := range all {
		c.change(p, f)
	}
}

// change changes a partition and tells those who watch.
func (c *Cluster) change(p journal.Partition, f func(*partition)) {
	c.mu.Lock()
	f(c.parts[p])
	g := &c.parts[p].group
	close(g.changed)
	g.changed = make(chan struct{})
	c.mu.Unlock()
	for _, n := range c.nodes {
		n.tell(p)
	}
}

// elect makes a node the leader. The caller holds the cluster's mutex.
func (p *partition) elect(leader journal.NodeID) {
	p.group.leader = leader
	p.group.term++
	p.term++ // fences
}

// hold freezes a replica. The caller holds the cluster's mutex.
func (p *partition) hold(node journal.NodeID) {
	if _, ok := p.group.held[node]; !ok {
		p.group.held[node] = len(p.batches)
	}
}

// batchesAt returns how many batches a replica has. The caller holds the cluster's mutex.
func (p *partition) batchesAt(node journal.NodeID) int {
	if n, ok := p.group.held[node]; ok {
		return n
	}
	return len(p.batches)
}

// has reports whether the node has a replica.
func (g *group) has(node journal.NodeID) bool { return slices.Contains(g.voters, node) }
