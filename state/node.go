package state

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/internal/latency"
	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// tendEvery is how often a node looks after its partitions: slow turns, idle entities.
const tendEvery = 500 * time.Millisecond

// shedPause is how long a node that made room in memory waits at least before it does so again.
const shedPause = 5 * time.Millisecond

// readingAtOnce bounds how many entities and backlogs a node reads from the journal at once.
const readingAtOnce = 64

// savingAtOnce bounds how many snapshots of large states a node makes and stores at once.
const savingAtOnce = 64

// Node is a state node. Its methods may be called concurrently; Run once.
type Node struct {
	cfg        Config
	categories map[string]*category
	partitions []journal.Partition
	ids        identity
	memory     atomic.Int64 // bytes of entities, as estimated
	batches    atomic.Int64 // appended
	records    atomic.Int64 // in them
	meters     meters
	idle       time.Duration // how long an entity of any category stays in memory at least, when that is not short
	short      chan struct{} // holds a token when memory is short
	reading    chan struct{}
	saving     chan struct{}
	runners    runners
	ready      chan struct{} // closed once nothing is in waiting
	began      time.Time     // when it was made
	born       int64         // the time of day then, Unix ns
	ahead      int64         // by how much the time of day is, of the time passed, in ns: see clockSet

	replicated journal.Replicated // the journal, nil unless partitions are placed
	ours       map[journal.Partition]bool
	noted      chan struct{}  // holds a token when there is something in changed
	drains     atomic.Bool    // hands everything over
	leaving    sync.WaitGroup // ownerships that have ended and wait for turns

	edges edges

	mu      sync.Mutex
	serves  map[journal.Partition]*partition
	holders map[journal.Partition]*holder
	waiting map[journal.Partition]bool // served by nobody yet since the node began
	changed map[journal.Partition]bool // to be looked at
	mirrors map[journal.Partition]*mirror
}

// New returns a node of that configuration, or every mistake in it. It starts nothing.
func New(c Config) (*Node, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg:        c,
		categories: make(map[string]*category),
		ids:        newIdentity(c.Identity),
		short:      make(chan struct{}, 1),
		reading:    make(chan struct{}, readingAtOnce),
		saving:     make(chan struct{}, savingAtOnce),
		ready:      make(chan struct{}),
		serves:     make(map[journal.Partition]*partition),
		holders:    make(map[journal.Partition]*holder),
		changed:    make(map[journal.Partition]bool),
		mirrors:    make(map[journal.Partition]*mirror),
		ours:       make(map[journal.Partition]bool),
		noted:      make(chan struct{}, 1),
		runners:    runners{most: keptRunners()},
		waiting:    make(map[journal.Partition]bool),
		began:      time.Now(),
	}
	if c.Placed {
		n.replicated, _ = c.Journal.(journal.Replicated)
	}
	n.born = n.wall(n.began).UnixNano()
	n.ahead = n.born
	for _, cat := range c.Categories {
		own := newCategory(cat)
		n.categories[cat.Name()] = own
		if n.idle == 0 || own.opt.Idle < n.idle {
			n.idle = own.opt.Idle
		}
		for i := range c.Partitions {
			p := journal.Partition{Pool: own.opt.Pool, Number: i}
			if !n.ours[p] {
				n.ours[p] = true
				n.partitions = append(n.partitions, p)
			}
		}
	}
	return n, nil
}

// Run serves the node's partitions until ctx is done: then it takes no more messages, finishes
// the turns under way, stores what they decided and returns nil. It returns an error when the journal
// is laid out for another number of partitions, or when it stops.
//
// Where others place them these are the partitions that it leads; it takes others over when it comes to lead them.
func (n *Node) Run(ctx context.Context) error {
	if err := n.checkLayout(ctx); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer n.runners.close()
	deaf, err := n.hearEdges()
	if err != nil {
		return fmt.Errorf("state: hear of edges: %w", err)
	}
	defer deaf()
	var holders, parts sync.WaitGroup
	if n.replicated == nil {
		n.holdAll(ctx, &holders, stop)
	} else {
		parts.Go(func() { n.follow(ctx, &holders, stop) })
	}
	parts.Go(func() { n.tend(ctx) })
	parts.Wait()
	holders.Wait()
	n.leaving.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// Ready is closed once every partition of the node is served: where others place them, once each of which a replica was here when
// the node began has an owner, here or elsewhere.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// checkLayout refuses a journal that was laid out for another number of partitions than the node
// serves, and begins to lay out pools that are new.
func (n *Node) checkLayout(ctx context.Context) error {
	there, err := n.cfg.Journal.Partitions(ctx)
	if err != nil {
		return fmt.Errorf("state: read the journal's partitions: %w", err)
	}
	count := make(map[string]int)
	for _, p := range there {
		count[p.Pool] = max(count[p.Pool], p.Number+1)
	}
	if n.replicated != nil {
		return n.checkReplicas(there, count)
	}
	for _, p := range n.partitions {
		have := count[p.Pool]
		if have == 0 && p.Number == n.cfg.Partitions-1 {
			// The last one is made first: it tells how many there are, whatever stops the node meanwhile.
			if _, err := n.cfg.Journal.Acquire(ctx, p); err != nil {
				return fmt.Errorf("state: make pool %q: %w", p.Pool, err)
			}
		}
		if have != 0 && have != n.cfg.Partitions {
			return fmt.Errorf("state: pool %q was made with %d partitions, and the node is configured for %d",
				p.Pool, have, n.cfg.Partitions)
		}
	}
	n.await(n.partitions)
	return nil
}

// checkReplicas refuses replicas of partitions beyond those of the node's pools. A node may hold any of them, and none.
func (n *Node) checkReplicas(there []journal.Partition, count map[string]int) error {
	for _, p := range n.partitions {
		if have := count[p.Pool]; have > n.cfg.Partitions {
			return fmt.Errorf("state: pool %q has a partition %d here, and the node is configured for %d partitions",
				p.Pool, have-1, n.cfg.Partitions)
		}
	}
	n.await(there)
	return nil
}

// await has the node be ready once those of the partitions that are its own are served.
func (n *Node) await(all []journal.Partition) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range all {
		if n.ours[p] {
			n.waiting[p] = true
		}
	}
	if len(n.waiting) == 0 {
		close(n.ready)
	}
}

// tend looks after the partitions until ctx is done.
func (n *Node) tend(ctx context.Context) {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	short, pause := n.short, time.NewTimer(shedPause)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-short:
			short = nil
			if n.shed(false) {
				pause.Reset(shedPause)
			} // else until the next tick
		case <-pause.C:
			short = n.short
		case now := <-tick.C:
			short = n.short
			step := n.clockSet()
			if step.Abs() >= time.Second {
				n.cfg.Logger.Warn("the clock was set", "by", step)
			}
			for _, p := range n.served() {
				p.reportSlow(now)
				p.passivate(n.passed())
				p.bringWakes(now, step != 0)
			}
			n.lookAfterEdges()
			n.shed(true)
		}
	}
}

func (n *Node) served() []*partition {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]*partition, 0, len(n.serves))
	for _, p := range n.serves {
		all = append(all, p)
	}
	return all
}

// send hands an envelope to the bus. What is lost there is noticed by whoever misses it.
func (n *Node) send(lane string, to bus.Address, env *wire.Envelope) {
	if err := n.cfg.Bus.Send(lane, to, env); err != nil {
		n.cfg.Logger.Debug("envelope lost", "to", string(to), "kind", env.Kind, "err", err)
	}
}

func (n *Node) address(p journal.Partition) bus.Address { return bus.Owner(p.Pool, p.Number) }

// owner returns where the owner of an entity is reached.
func (n *Node) owner(cat *category, id turn.Entity) bus.Address {
	return bus.Owner(cat.opt.Pool, wire.Partition(id.Category, id.ID, n.cfg.Partitions))
}

// Stats is what a node is doing.
type Stats struct {
	Partitions  int   // served now
	Entities    int   // in memory, with their state or attended by links
	Running     int   // entities with a turn under way or messages waiting
	MemoryBytes int64 // of entities, as estimated
	// Activations are those from the journal, each from when it began to wait for its turn to read. Passivations count
	// ephemeral entities as well.
	Activations  latency.Distribution
	Passivations int64
	Batches      int64 // appended since the node was made
	Records      int64 // in those batches: one for each turn that wrote

	Snapshots     latency.Distribution // each from when its making began, for a large state with bringing its shadow up to date, until it was stored
	SnapshotBytes int64                // stored
	Saving        int                  // snapshots under way now
	SnapshotTurns latency.Distribution // what turns spent on snapshots, and so what messages waited for them
	ViewTurns     latency.Distribution // what turns spent on encoding views for welcomes

	HandOvers latency.Distribution // each from when no more messages were taken until the lead was given up
	Pauses    latency.Distribution // of the same, until the next owner was known here

	Mirrors     int   // partitions that are mirrored
	Mirrored    int   // copies of entities that they keep
	MirrorBytes int64 // of these, as estimated
	Answered    int64 // by mirrors
	Passed      int64 // on to owners by mirrors
	Warm        int64 // activations with what a mirror had kept
	Mismatches  int64 // copies whose state was not that of the owner

	Hops Hops
}

// Stats returns figures as of now.
func (n *Node) Stats() Stats {
	m := &n.meters
	s := Stats{
		MemoryBytes: n.memory.Load(), Batches: n.batches.Load(), Records: n.records.Load(),
		Snapshots: m.snapshots.Distribution(), SnapshotBytes: m.snapshotBytes.Load(), Saving: int(m.saving.Load()),
		Activations: m.activations.Distribution(), Passivations: m.passivations.Load(), HandOvers: m.handOvers.Distribution(),
		Pauses:        m.pauses.Distribution(),
		SnapshotTurns: m.snapshotTurns.Distribution(), ViewTurns: m.viewTurns.Distribution(),
		Hops: Hops{
			Bus: m.hops.bus.Distribution(), Mailbox: m.hops.mailbox.Distribution(),
			Handler: m.hops.handler.Distribution(), Journal: m.hops.journal.Distribution(),
		},
	}
	s.Answered, s.Passed, s.Warm, s.Mismatches = m.answered.Load(), m.passed.Load(), m.warm.Load(), m.mismatches.Load()
	s.MirrorBytes = m.mirrored.Load()
	n.mu.Lock()
	for _, m := range n.mirrors {
		s.Mirrors++
		s.Mirrored += m.copies.len()
	}
	n.mu.Unlock()
	for _, p := range n.served() {
		p.mu.Lock()
		s.Partitions++
		s.Entities += len(p.entities)
		s.Running += len(p.running)
		p.mu.Unlock()
	}
	return s
}
