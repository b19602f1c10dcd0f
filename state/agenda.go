package state

import (
	"container/heap"
	"context"
	"time"

	"github.com/tutti-rt/tutti/internal/turn"
)

// agenda has the times at which entities of a partition have something to do though nobody
// asks: timers, grace periods, presence to hand out, messages to repeat. An entity stands in it once,
// with the first of its times; what comes later it finds out itself when it is asked. One that comes too early
// or for nothing does no harm. It is guarded by the partition's mutex.
type agenda struct {
	entries entries
	changed chan struct{} // holds a token when the first entry may be another
}

type entry struct {
	at    int64 // Unix ms
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
	return n
}

// add sees that the entity is asked at that time at the latest.
func (a *agenda) add(at int64, id turn.Entity) {
	switch n := a.entries.by[id]; {
	case n == nil:
		heap.Push(&a.entries, &entry{at: at, id: id})
	case at < n.at:
		n.at = at
		heap.Fix(&a.entries, n.index)
	default:
		return
	}
	if a.entries.heap[0].at != at {
		return
	}
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// remind sees that the entity is asked what it has to do at that time, in Unix ms, at the latest.
func (p *partition) remind(e *entity, at int64) {
	if at == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.agenda.add(at, e.id)
	}
}

// keepAgenda wakes entities when their time has come, until ctx is done.
func (p *partition) keepAgenda(ctx context.Context) {
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	for {
		alarm.Reset(p.wakeDue(time.Now()))
		select {
		case <-ctx.Done():
			return
		case <-alarm.C:
		case <-p.agenda.changed:
		}
	}
}

// wakeDue wakes every entity whose time has come and returns how long there is until the next.
func (p *partition) wakeDue(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.agenda.entries.Len() > 0 && !p.ended {
		first := p.agenda.entries.heap[0]
		if wait := time.UnixMilli(first.at).Sub(now); wait > 0 {
			return wait
		}
		heap.Pop(&p.agenda.entries)
		cat := p.node.categories[first.id.Category]
		if cat == nil {
			continue // an older version's; its entities sleep until somebody serves them again
		}
		e := p.entity(first.id, cat)
		p.post(e, message{job: func() { e.attend(time.Now()) }})
	}
	return time.Hour
}

// wakeHorizon is how far ahead the journal's wakes are brought into the agenda.
const wakeHorizon = time.Minute

// bringWakes does so, every half horizon. It belongs to the goroutine that tends the node.
func (p *partition) bringWakes(now time.Time) {
	if now.Sub(p.broughtAt) < wakeHorizon/2 {
		return
	}
	p.broughtAt = now
	p.loadWakes(p.ctx, now.Add(wakeHorizon))
}

// loadWakes brings the wakes up to the time given into the agenda, for entities not in memory: the others
// know their own.
func (p *partition) loadWakes(ctx context.Context, until time.Time) {
	for w, err := range p.journal.Due(ctx, until) {
		if err != nil {
			if ctx.Err() == nil {
				p.log.Error("wakes not read", "err", err)
			}
			return
		}
		p.mu.Lock()
		if e := p.entities[w.Entity]; !p.ended && (e == nil || !e.active && e.live == nil && !(e.asleep && e.wake != 1)) {
			p.agenda.add(w.At.UnixMilli(), w.Entity)
		}
		p.mu.Unlock()
	}
}
