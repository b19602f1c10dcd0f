package state

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/journal"
)

// mirror follows the log of a partition that another node owns, and keeps copies of its entities.
type mirror struct {
	// part stands for the partition where code of the entities asks for one. Nothing is stored by it and nobody owns it.
	part    *partition
	replica journal.Replica
	copies  *copies
	stop    context.CancelFunc
	ended   sync.WaitGroup
	answers sync.WaitGroup // goroutines of questions
	silence func()         // ends listening
	address bus.Address    // where the mirror listens; empty: nowhere

	asking atomic.Int32 // questions under way

	mu      sync.Mutex
	at      journal.Offset // up to where the copies are followed
	changed chan struct{}  // closed, and replaced, when at or known has changed
	heads   heads
}

// copyPatience is how long the mirror waits for a copy that is in use, before it lets go of it.
const copyPatience = 100 * time.Millisecond

// mirrorRetry is how long a mirror that could not read waits before it begins anew.
const mirrorRetry = time.Second

// startMirror begins to mirror a partition, unless this node leads it, or has just given it away because it is about to end.
func (n *Node) startMirror(ctx context.Context, id journal.Partition) *mirror {
	if n.replicated == nil || n.drains.Load() || n.leadsNow(id) {
		return nil
	}
	replica, err := n.replicated.Replica(ctx, id)
	if err != nil {
		return nil // it comes when the replica does
	}
	m := &mirror{
		part: newPartition(ctx, n, id, nil), replica: replica, copies: newCopies(n),
		changed: make(chan struct{}), at: replica.End(),
		heads: heads{number: rand.Uint64()}, // answers to a mirror before this one may come
	}
	ctx, m.stop = context.WithCancel(m.part.ctx)
	m.ended.Go(func() { m.run(ctx) })
	m.listen(ctx)
	if m.address != "" {
		m.ended.Go(func() { m.learn(ctx) })
	}
	n.mu.Lock()
	n.mirrors[id] = m
	n.mu.Unlock()
	return m
}

// end ends the mirror and returns its copies. Queries under way are not waited for, since the partition is led here: whoever takes a copy
// finds it in use.
func (m *mirror) end() *copies {
	if m == nil {
		return nil
	}
	n := m.part.node
	n.mu.Lock()
	delete(n.mirrors, m.part.id)
	n.mu.Unlock()
	m.silence()
	m.stop()
	m.ended.Wait()
	m.part.stop()
	n.leaving.Go(m.finishAnswers)
	return m.copies
}

// finishAnswers waits for queries under way, but not for long. A handler that never returns cannot be ended; its goroutine is left behind.
func (m *mirror) finishAnswers() {
	done := make(chan struct{})
	go func() { // ends with the last of them
		m.answers.Wait()
		close(done)
	}()
	limit := time.NewTimer(abandonAfter)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
	}
}

// run follows the log until ctx is done.
func (m *mirror) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := m.follow(ctx)
		if ctx.Err() != nil || errors.Is(err, journal.ErrClosed) {
			return
		}
		m.part.log.Warn("mirror begins anew", "err", err)
		m.copies.clear()
		select {
		case <-ctx.Done():
		case <-time.After(mirrorRetry):
		}
		m.reached(m.replica.End())
	}
}

func (m *mirror) follow(ctx context.Context) error {
	for {
		at := m.at // which only this goroutine changes
		if err := m.replica.Wait(ctx, at); err != nil {
			return err
		}
		for b, err := range m.replica.Read(ctx, at) {
			if err != nil {
				return err
			}
			for i := range b.Records {
				m.apply(ctx, &b.Records[i])
			}
			m.reached(b.Offset)
		}
	}
}

// reached notes that the copies are as of that offset.
func (m *mirror) reached(at journal.Offset) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = at
	m.heads.reached(at)
	m.tell()
}

// tell has those look again who wait. The caller holds m.mu.
func (m *mirror) tell() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// apply folds a record into the copy of its entity, which is made if there is none. While there is no room, few are made:
// each costs a replay and the place of another.
func (m *mirror) apply(ctx context.Context, r *journal.Record) {
	cat, n := m.part.node.categories[r.Entity.Category], m.part.node
	if cat == nil || cat.opt.Ephemeral {
		return
	}
	c := m.copies.find(r.Entity)
	if c == nil || !m.use(ctx, c) {
		if n.meters.mirrored.Load() < n.cfg.MemoryBudget/mirrorShare*9/10 || rand.N(16) == 0 {
			m.make(ctx, cat, r.Entity, true)
		}
		return
	}
	defer c.release()
	f := &c.e.live.folded
	var err error
	switch {
	case r.Seq <= f.mark.Seq:
		return // it was read with the copy
	case r.Seq == f.mark.Seq+1:
		if err = f.apply(r); err == nil {
			err = m.compare(ctx, c, r)
		}
	default:
		err = f.catchUp(ctx, m.replica)
	}
	if err != nil {
		m.setAside(ctx, c, err)
		return
	}
	m.measure(c)
	m.copies.weighAgain(c)
}

func (m *mirror) setAside(ctx context.Context, c *mirrored, err error) {
	if ctx.Err() == nil {
		m.part.log.Error("copy of an entity set aside", "entity", c.e.id.String(), "err", err)
	}
	m.copies.remove(c)
}

// use has the caller use the copy. It returns false, and lets go of the copy, when somebody else uses it for too long.
func (m *mirror) use(ctx context.Context, c *mirrored) bool {
	select {
	case c.busy <- struct{}{}:
		return true
	default:
	}
	limit := time.NewTimer(copyPatience)
	defer limit.Stop()
	select {
	case c.busy <- struct{}{}:
		return true
	case <-limit.C:
	case <-ctx.Done():
	}
	m.copies.remove(c)
	return false
}

func (c *mirrored) release() { <-c.busy }

// make makes a copy of what the replica has of an entity, and keeps it; over another one, if so said. It returns nil when the entity
// cannot be read.
func (m *mirror) make(ctx context.Context, cat *category, id turn.Entity, over bool) *mirrored {
	n := m.part.node
	id.ID = strings.Clone(id.ID) // it may be part of a longer string
	e := &entity{id: id, cat: cat, part: m.part, work: &work{}}
	n.reading <- struct{}{}
	f, err := fold(ctx, m.replica, cat, &e.id, func(err error) {
		m.part.log.Warn("snapshot set aside", "entity", id.String(), "err", err)
	})
	<-n.reading
	if err != nil {
		if ctx.Err() == nil {
			m.part.log.Error("entity not mirrored", "entity", id.String(), "err", err)
		}
		return nil
	}
	e.live = &live{folded: *f}
	c := &mirrored{e: e, busy: make(chan struct{}, 1)}
	c.busy <- struct{}{}
	defer c.release()
	if kept := m.copies.add(c, over); kept != c {
		return kept
	}
	// What was stored between reading and keeping it has been followed by nobody.
	if err := e.live.catchUp(ctx, m.replica); err != nil {
		m.setAside(ctx, c, err)
		return nil
	}
	return c
}

// measure brings a copy's size up to date as often as its owner stores a snapshot, and forgets what the owner forgets then.
func (m *mirror) measure(c *mirrored) {
	l := c.e.live
	if !l.snapshotDue() {
		return
	}
	l.events, l.bytes = 0, 0
	err := guard(func() error {
		data, err := l.cat.EncodeState(l.state)
		l.size, l.saved = len(data), len(data)
		return err
	})
	if err != nil {
		m.part.log.Error("copy of an entity not measured", "entity", c.e.id.String(), "err", err)
	}
	c.e.forgetConns()
}
