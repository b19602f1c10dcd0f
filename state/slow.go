package state

import (
	"time"

	"github.com/tutti-rt/tutti/internal/turn"
)

// underway is the handler that an entity is running. It is guarded by the partition's mutex.
type underway struct {
	kind     turn.Kind
	name     string
	since    time.Time
	reported bool
}

// begin notes that a handler runs.
func (e *entity) begin(t *turn.Turn, now time.Time) {
	e.part.mu.Lock()
	e.underway = underway{kind: t.Kind, name: t.Name, since: now}
	e.part.mu.Unlock()
}

// finish notes that the handler has returned.
func (e *entity) finish(t *turn.Turn, began time.Time) {
	e.part.mu.Lock()
	reported := e.underway.reported
	e.underway = underway{}
	e.part.mu.Unlock()
	if reported {
		e.part.log.Warn("slow turn ended", "entity", e.id.String(), "name", t.Name, "took", time.Since(began))
	}
}

// reportSlow reports handlers that have been running for too long. They hold up their own entity only.
func (p *partition) reportSlow(now time.Time) {
	type slow struct {
		entity turn.Entity
		underway
	}
	var found []slow
	p.mu.Lock()
	for e := range p.running {
		u := &e.underway
		if !u.since.IsZero() && !u.reported && now.Sub(u.since) > e.cat.opt.SlowTurn {
			u.reported = true
			found = append(found, slow{e.id, *u})
		}
	}
	p.mu.Unlock()
	for _, s := range found {
		p.log.Warn("slow turn", "entity", s.entity.String(), "name", s.name, "running", now.Sub(s.since))
	}
}
