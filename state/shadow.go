package state

import (
	"context"
	"fmt"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// shadow is a second copy of a large entity's state. It is folded from durable records and encoded outside
// of turns, for snapshots and welcomes, so that the entity goes on meanwhile. What is asked while it
// is at work is done together next. Everything but copy belongs to the goroutine of the turn; copy
// belongs to the goroutine at work while there is one.
type shadow struct {
	copy     *folded
	held     bool // there was a copy when last it was at work
	working  bool
	snapshot bool // wanted
	snapping bool // a snapshot is wanted, being made or being stored
	welcomes []welcoming

	views map[string]shown // by audience, kept for links that come soon
	grown int              // bytes of events since the shadow was made
}

// itsShadow returns the entity's shadow, which is made when it is first needed.
func (l *live) itsShadow() *shadow {
	if l.shadow == nil {
		l.shadow = &shadow{}
	}
	return l.shadow
}

// welcoming is a welcome that lacks its state, or a sight.
type welcoming struct {
	link *link          // nil for a sight
	ask  *wire.Envelope // of a sight
	env  *wire.Envelope
}

// shadowWork is what a shadow does in one go, and what came of it.
type shadowWork struct {
	snapshot bool
	began    time.Time
	grown    int             // of the shadow then
	attached map[string]bool // members, for a snapshot
	welcomes []welcoming

	err   error
	made  *journal.Snapshot // to be stored
	mark  journal.Mark
	size  int
	saved int // of the last snapshot
	views map[string][]byte
	fails map[string]error
}

// welcomeLater welcomes the link with the shadow's state, which may be some events behind; they
// follow it.
func (e *entity) welcomeLater(l *link, w *wire.Envelope) {
	l.awaited = !w.Has(wire.Refresh)
	s := e.live.itsShadow()
	s.welcomes = append(s.welcomes, welcoming{link: l, env: w})
	e.workShadow()
}

// workShadow lets the shadow do what is wanted of it.
func (e *entity) workShadow() {
	s := e.live.shadow
	if s == nil || s.working || !s.snapshot && len(s.welcomes) == 0 {
		return
	}
	s.working = true
	work := &shadowWork{snapshot: s.snapshot, welcomes: s.welcomes, grown: s.grown}
	s.snapshot, s.welcomes = false, nil
	if work.snapshot && e.here != nil {
		work.attached = make(map[string]bool, len(e.here.members))
		for id := range e.here.members {
			work.attached[id] = true
		}
	}
	p, l := e.part, e.live
	p.mu.Lock()
	e.shadows++
	p.mu.Unlock()
	p.turns.Go(func() { e.atShadow(l, work) })
}

// atShadow does the work and comes back to the entity with it: first with what has been encoded, for which links wait, then
// again when the snapshot is stored, which takes as long as the disk does.
func (e *entity) atShadow(l *live, w *shadowWork) {
	p := e.part
	if w.snapshot {
		p.node.saving <- struct{}{}
		defer func() { <-p.node.saving }()
	}
	back := func(last bool, done func()) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if last {
			e.shadows--
		}
		if !p.ended {
			p.post(e, message{job: done})
		}
	}
	p.node.reading <- struct{}{}
	if w.began = time.Now(); w.snapshot {
		p.node.meters.saving.Add(1)
		defer p.node.meters.saving.Add(-1)
	}
	w.do(p.ctx, p, e, l)
	<-p.node.reading // the disk may take long, and nobody who reads waits for it
	back(w.made == nil, func() { e.shadowDone(l, w) })
	if w.made == nil {
		return
	}
	if err := p.save(p.ctx, *w.made, w.began); err != nil && p.ctx.Err() == nil {
		p.log.Warn("snapshot not stored", "entity", e.id.String(), "err", err)
	}
	back(true, func() { l.shadow.snapping = false })
}

// do brings the copy up to what is durable and encodes it.
func (w *shadowWork) do(ctx context.Context, p *partition, e *entity, l *live) {
	w.err = guard(func() (err error) {
		f := l.shadow.copy
		l.shadow.copy = nil // not used again after an error
		if f == nil {
			f, err = fold(ctx, p.journal, e.cat, &e.id, func(err error) {
				p.log.Warn("snapshot set aside", "entity", e.id.String(), "err", err)
			})
		} else {
			err = f.catchUp(ctx, p.journal)
		}
		if err != nil {
			return err
		}
		w.mark, w.size, w.saved = f.mark, f.size, f.saved
		if w.snapshot {
			if err := w.encode(p, f, e.cat); err != nil {
				return err
			}
		}
		w.encodeViews(f)
		l.shadow.copy = f
		return nil
	})
	if w.err != nil {
		w.made = nil
	}
}

// encode makes the snapshot.
func (w *shadowWork) encode(p *partition, f *folded, cat *category) error {
	state, err := cat.EncodeState(f.state)
	if err != nil {
		return fmt.Errorf("encode %s at revision %d: %w", f.id, f.mark.Revision, err)
	}
	attached := func(member string) bool { return w.attached[member] }
	f.ledger.prune(p.node.forgets(cat.opt.Remember), f.mark.Revision, attached)
	w.made = &journal.Snapshot{Entity: *f.id, Mark: f.mark, State: state, Notes: f.ledger.encode()}
	f.size, f.saved = len(state), len(state)+len(w.made.Notes)
	w.size, w.saved = f.size, f.saved
	return nil
}

func (w *shadowWork) encodeViews(f *folded) {
	w.views, w.fails = make(map[string][]byte), make(map[string]error)
	for _, wanted := range w.welcomes {
		audience := wanted.env.Audience
		if w.views[audience] != nil || w.fails[audience] != nil {
			continue
		}
		data, err := f.encodeView(audience)
		if err != nil {
			w.fails[audience] = err
			continue
		}
		w.views[audience] = data
	}
}

// shadowDone sends the welcomes that the shadow has filled in, as a turn of the entity.
func (e *entity) shadowDone(l *live, w *shadowWork) {
	l.shadow.working, l.shadow.held = false, w.err == nil
	if w.err != nil && e.part.ctx.Err() == nil {
		e.part.log.Error("shadow failed", "entity", e.id.String(), "err", w.err)
	}
	if w.err == nil && e.live == l {
		l.size, l.saved = w.size, w.saved
	}
	if w.made == nil && w.snapshot {
		l.shadow.snapping = false
	}
	l.shadow.keep(w)
	for _, wanted := range w.welcomes {
		if wanted.link == nil {
			e.sightFrom(w, wanted)
			continue
		}
		if e.here == nil || e.here.links[wanted.link.key] != wanted.link {
			continue // gone meanwhile
		}
		err := w.err
		if err == nil {
			err = w.fails[wanted.env.Audience]
		}
		if err != nil {
			e.viewFailed(wanted.link, err)
			continue
		}
		env := wanted.env
		// The state may be some events behind what the edge has been sent by the time it gets it.
		env.Revision, env.Until, env.Data = w.mark.Revision, e.written.Revision, w.views[env.Audience]
		e.sendWelcome(wanted.link, env)
	}
	e.conclude(nil, nil)
	if e.live == l {
		e.workShadow()
		return
	}
	// The entity has left memory meanwhile: whoever still waits for this shadow gets a welcome of
	// what is there now.
	for _, wanted := range l.shadow.welcomes {
		if wanted.link == nil {
			e.sight(wanted.ask)
			continue
		}
		if e.here != nil && e.here.links[wanted.link.key] == wanted.link {
			e.refresh(wanted.link, wanted.env.Flags)
		}
	}
}
