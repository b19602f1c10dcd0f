package state

import (
	"container/heap"
	"context"
	"time"

	"github.com/tutti-rt/tutti/internal/turn"
)

// agenda has the times at which entities of a partition have something to do though nobody
// asks: timers, grace periods, presence to hand out, messages to repeat. An entity stands once in either part,
// with the first of its times; what comes later it finds out itself when it is asked. One that comes too early
// or for nothing does no harm. It is guarded by the partition's mutex.
type agenda struct {
	moments entries       // by time passed: what nobody moves by setting the clock
	times   entries       // by time of day, Unix ms: timers
	changed chan struct{} // holds a token when a first entry may be another
}

type entry struct {
	at    int64
	id    turn.Entity
	index int
}

// entries is a heap by time, and finds the entry of an entity.
type entries struct {
	heap []*entry
	by   map[turn.Entity]*entry
}

func (h *entries) Len() int           { return len(h.heap) }
func (h *entries) Less(i, j int) bool { return h.heap[i].at < h.heap[j].at }
func (h *entries) Swap(i, j int) {
	h.heap[i], h.heap[j] = h.heap[j], h.heap[i]
	h.heap[i].index, h.heap[j].index = i, j
}

func (h *entries) Push(x any) {
	n := x.(*entry)
	n.index = len(h.heap)
	h.heap = append(h.heap, n)
	h.by[n.id] = n
}

func (h *entries) Pop() any {
	last := len(h.heap) - 1
	n := h.heap[last]
	h.heap[last] = nil
	h.heap = h.heap[:last]
	delete(h.by, n.id)
	if last == 0 {
		h.heap, h.by = nil, make(map[turn.Entity]*entry) // a map keeps the memory of the most that it held
	}
	return n
}

// add sees that the entity is asked at that time, of that part, at the latest.
func (a *agenda) add(h *entries, at int64, id turn.Entity) {
	switch n := h.by[id]; {
	case n == nil:
		heap.Push(h, &entry{at: at, id: id})
	case at < n.at:
		n.at = at
		heap.Fix(h, n.index)
	default:
		return
	}
	if h.heap[0].at == at {
		a.lookAgain()
	}
}

// lookAgain has the first entries looked at.
func (a *agenda) lookAgain() {
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// remind sees that the entity is asked what it has to do when that time has passed, at the latest; 0 is never.
func (p *partition) remind(e *entity, at int64) { p.note(&p.agenda.moments, e, at) }

// remindAt does so for a time of day, in Unix ms.
func (p *partition) remindAt(e *entity, at int64) { p.note(&p.agenda.times, e, at) }

func (p *partition) note(h *entries, e *entity, at int64) {
	if at == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.agenda.add(h, at, e.id)
	}
}

// keepAgenda wakes entities when their time has come, until ctx is done.
func (p *partition) keepAgenda(ctx context.Context) {
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	for {
		alarm.Reset(p.wakeDue())
		select {
		case <-ctx.Done():
			return
		case <-alarm.C:
		case <-p.agenda.changed:
		}
	}
}

// wakeDue wakes every entity whose time has come and returns how long there is until the next.
func (p *partition) wakeDue() time.Duration {
	passed, day := p.node.passed(), p.node.wall(time.Now())
	p.mu.Lock()
	defer p.mu.Unlock()
	wait := time.Hour
	if at, ok := p.wakeUntil(&p.agenda.moments, passed); ok {
		wait = min(wait, time.Duration(at-passed))
	}
	if at, ok := p.wakeUntil(&p.agenda.times, day.UnixMilli()); ok {
		wait = min(wait, time.UnixMilli(at).Sub(day))
	}
	return wait
}

// wakesAtOnce bounds how many entities of a partition are being activated because their time has come: after a start
// that may be the time of many.
const wakesAtOnce = 64

// wakeUntil wakes those who stand there with this time or an earlier one, and returns the next. It ends early, to be called again, when
// too many are being activated. The caller holds p.mu.
func (p *partition) wakeUntil(h *entries, now int64) (next int64, ok bool) {
	for h.Len() > 0 && !p.ended {
		first := h.heap[0]
		if first.at > now {
			return first.at, true
		}
		e := p.entities[first.id]
		activates := e == nil || !e.active() && e.live == nil
		if activates && p.waking >= wakesAtOnce {
			return 0, false
		}
		heap.Pop(h)
		cat := p.node.categories[first.id.Category]
		if cat == nil {
			continue // an older version's; its entities sleep until somebody serves them again
		}
		e = p.entity(first.id, cat)
		p.post(e, message{job: e.wakeUp})
		if activates {
			p.waking++
			e.waking = true
		}
	}
	return 0, false
}

// wakeUp has the entity do what it has to do at this time.
func (e *entity) wakeUp() {
	defer e.awoke() // also when it needs no activation
	e.attend()
}

// awoke notes that an entity has been activated because its time had come, or could not be.
func (e *entity) awoke() {
	if !e.waking {
		return
	}
	e.waking = false
	p := e.part
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waking--; p.waking == wakesAtOnce-1 {
		p.agenda.lookAgain()
	}
}

// wakeHorizon is how far ahead the journal's wakes are brought into the agenda.
const wakeHorizon = time.Minute

// bringWakes does so, every half horizon and when the clock was set. It belongs to the goroutine that tends
// the node.
func (p *partition) bringWakes(now time.Time, clockSet bool) {
	if now.Sub(p.broughtAt) < wakeHorizon/2 && !clockSet {
		return
	}
	p.broughtAt = now
	p.loadWakes(p.ctx)
	if clockSet {
		p.agenda.lookAgain()
	}
}

// loadWakes brings the wakes within the horizon into the agenda, for entities not in memory: the others
// know their own.
func (p *partition) loadWakes(ctx context.Context) {
	for w, err := range p.journal.Due(ctx, p.node.wall(time.Now()).Add(wakeHorizon)) {
		if err != nil {
			if ctx.Err() == nil {
				p.log.Error("wakes not read", "err", err)
			}
			return
		}
		p.mu.Lock()
		if e := p.entities[w.Entity]; !p.ended && (e == nil || !e.active() && e.live == nil && !(e.asleep && e.wake != 1)) {
			p.agenda.add(&p.agenda.times, w.At.UnixMilli(), w.Entity)
		}
		p.mu.Unlock()
	}
}
