package state

import (
	"math"
	"time"
)

// How many entities are looked at while the partition's mutex is held, and how many of a partition at once.
const (
	lookWhileHeld = 500
	lookAtOnce    = 10_000
)

// restAfter is how long an entity has no messages before what it keeps for many of them is dropped.
const restAfter = time.Second

// lookAgain is how long it is at most until those are looked at again that could not be let go.
const lookAgain = 5 * time.Second

// passivate lets go of entities that have been idle for long. What links and members know of an entity stays.
func (p *partition) passivate(now int64) {
	if now-p.since > int64(p.node.idle) {
		p.warm.clear()
	}
	p.walk(&p.used.fresh, now, restAfter, p.slim)
	if p.lookFrom <= now {
		p.mu.Lock()
		p.used.looked = p.used.oldest
		p.mu.Unlock()
		p.lookFrom = math.MaxInt64
	}
	done := p.walk(&p.used.looked, now, p.node.idle, func(e *entity) {
		switch {
		case e.spent():
			p.remove(e)
		case now-e.place.used >= int64(e.cat.opt.Idle) && e.mayPassivate():
			p.letGo(e)
		}
	})
	if done && p.lookFrom == math.MaxInt64 {
		p.lookFrom = now + int64(min(lookAgain, p.node.idle/10))
	}
}

// walk calls look for entities that have had no messages for that long, in the order in which they were used last, from
// the one at the cursor on, which it moves. It looks at a bounded number and does not hold the mutex for long. It
// returns true when there is none left.
func (p *partition) walk(cursor **entity, now int64, idle time.Duration, look func(e *entity)) bool {
	for range lookAtOnce / lookWhileHeld {
		p.mu.Lock()
		for range lookWhileHeld {
			e := *cursor
			if e == nil || p.ended || now-e.place.used < int64(idle) {
				p.mu.Unlock()
				return true
			}
			*cursor = e.place.newer
			look(e)
		}
		p.mu.Unlock()
	}
	return false
}

// shed lets go of entities idle for longest until that many bytes are free, and returns how many are. It looks at a
// bounded number of them.
func (p *partition) shed(bytes int64) (freed int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range lookWhileHeld {
		e := p.used.shedding
		if e == nil {
			e = p.used.oldest // once more from the beginning
		}
		if e == nil || p.ended || freed >= bytes {
			break
		}
		p.used.shedding = e.place.newer
		before := p.used.bytes
		if e.spent() {
			p.remove(e)
		} else if e.mayPassivate() {
			p.letGo(e)
		}
		freed += before - p.used.bytes
		if p.used.shedding == nil {
			break
		}
	}
	return freed
}

// shed lets go of entities, the partitions sharing, while the node is over its budget. It returns false when there was
// nothing to let go. Thorough, it goes on although it finds none for a while.
func (n *Node) shed(thorough bool) bool {
	all, freed := n.served(), int64(0)
	for range lookAtOnce / lookWhileHeld {
		over := n.memory.Load() - n.cfg.MemoryBudget
		if over <= 0 || len(all) == 0 {
			return true
		}
		before := freed
		for _, p := range all {
			freed += p.shed(over/int64(len(all)) + 1)
		}
		if freed == before && !thorough {
			break
		}
	}
	return freed > 0
}

// mayPassivate reports whether nothing would be lost. The caller holds the partition's mutex.
func (e *entity) mayPassivate() bool {
	switch {
	case e.active() || e.live == nil || e.shadows > 0:
		return false
	case e.cat.opt.Ephemeral:
		return e.here == nil
	case e.live.broken() != nil:
		return true
	}
	return e.durable == e.written
}

// letGo drops the entity's state and ledger. The caller holds the partition's mutex.
func (p *partition) letGo(e *entity) {
	if e.live.broken() == nil {
		l := &e.live.ledger
		e.asleep, e.wake = true, l.wake()
		if e.here != nil && l.outbox.len() == 0 {
			e.wake = l.first() // who is here is known without it
		}
		if e.wake > 1 {
			p.agenda.add(&p.agenda.times, e.wake, e.id)
		}
	}
	p.node.meters.passivations.Add(1)
	e.live = nil
	if e.here == nil {
		p.remove(e)
		return
	}
	p.weigh(e)
}

// slim drops what an entity keeps for the case that much happens at once. The caller holds the partition's mutex.
func (p *partition) slim(e *entity) {
	if e.active() || e.live == nil {
		return
	}
	shadow := e.live.shadow != nil && e.shadows == 0
	if e.live.views == nil && !shadow {
		return
	}
	e.live.views = nil
	if shadow {
		e.live.shadow = nil
	}
	p.weigh(e)
}

// weigh brings up to date what the entity weighs. The caller holds the partition's mutex.
func (p *partition) weigh(e *entity) {
	before := e.place.bytes
	e.place.bytes = e.weight()
	p.used.bytes += e.place.bytes - before
	p.node.memory.Add(e.place.bytes - before)
}
