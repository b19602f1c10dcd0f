package state

import "time"

// passivateAtOnce bounds how many entities one pass looks at, and so how long it holds the mutex. The
// next pass goes on from there.
const passivateAtOnce = 10_000

// passivate lets go of entities that have been idle for long, and of those idle for longest while
// the node is over its budget. What links and members know of an entity stays.
func (p *partition) passivate(now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	e := p.used.looked
	if e == nil {
		e = p.used.oldest
	}
	defer func() { p.used.looked = e }()
	for range passivateAtOnce {
		if e == nil {
			return
		}
		next := e.place.newer
		idle := time.Duration(now - e.place.used)
		over := p.node.memory.Load() > p.node.cfg.MemoryBudget
		if e.spent() {
			p.remove(e)
		} else if idle < e.cat.opt.Idle && !over {
			if idle < time.Second {
				e = nil
				return // and so are all that follow
			}
			p.slim(e)
		} else if e.mayPassivate() {
			p.letGo(e)
		}
		e = next
	}
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
	e.live = nil
	if e.here == nil {
		p.remove(e)
		return
	}
	p.weigh(e)
}

// slim drops what an entity keeps for the case that much happens at once. The caller holds the partition's mutex.
func (p *partition) slim(e *entity) {
	if e.active() || e.live == nil || e.live.views == nil {
		return
	}
	e.live.views = nil
	p.weigh(e)
}

// weigh brings up to date what the entity weighs. The caller holds the partition's mutex.
func (p *partition) weigh(e *entity) {
	before := e.place.bytes
	e.place.bytes = e.weight()
	p.used.bytes += e.place.bytes - before
	p.node.memory.Add(e.place.bytes - before)
}
