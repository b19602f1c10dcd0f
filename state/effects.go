package state

import (
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// maxAudiences bounds the audiences whose last visible event is kept for an entity.
const maxAudiences = 256

// eventEffects appends event i of r to out, once for each edge and audience that watches and sees it.
func (e *entity) eventEffects(out []effect, r *journal.Record, i int) ([]effect, error) {
	if e.cat.hides {
		return e.seenEffects(out, r, i)
	}
	if e.here == nil {
		return out, nil
	}
	ev := &r.Events[i]
	for w := range e.here.watch {
		out = append(out, e.event(w, r, i, ev.Name, ev.Data))
	}
	return out, nil
}

// seenEffects does so for a category whose audiences see different things.
func (e *entity) seenEffects(out []effect, r *journal.Record, i int) ([]effect, error) {
	ev, revision := &r.Events[i], r.RevisionOf(i)
	visible := e.live.ledger.visible
	for audience, last := range visible {
		name, data, ok, err := viewEvent(e.cat, ev.Name, ev.Data, audience)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		visible[audience] = revision
		if e.here == nil {
			continue
		}
		for w := range e.here.watch {
			if w.audience != audience {
				continue
			}
			f := e.event(w, r, i, name, data)
			if last != revision-1 {
				f.env.Prev, f.env.Flags = last, f.env.Flags|wire.HasPrev
			}
			out = append(out, f)
		}
	}
	return out, nil
}

func (e *entity) event(w watcher, r *journal.Record, i int, name string, data []byte) effect {
	return effect{lane: e.cat.opt.Lane, to: w.edge, env: &wire.Envelope{
		Kind: wire.KindEvent, Category: e.id.Category, ID: e.id.ID, Audience: w.audience,
		Revision: r.RevisionOf(i), Name: name, Data: data, At: r.At, Member: r.By, Command: r.Command,
	}}
}

// see makes the audience one whose last visible event is kept.
func (e *entity) see(audience string) {
	l := e.live
	if !e.cat.hides {
		return
	}
	if _, ok := l.ledger.visible[audience]; ok {
		return
	}
	if len(l.ledger.visible) >= maxAudiences {
		e.forgetAudience()
	}
	if l.ledger.visible == nil {
		l.ledger.visible = make(map[string]uint64)
	}
	l.ledger.visible[audience] = e.lastSeen(audience)
}

// shownTo returns the revision of the last event that the audience, which is one of those seen, sees.
func (e *entity) shownTo(audience string) uint64 {
	if !e.cat.hides {
		return e.live.mark.Revision
	}
	return e.live.ledger.visible[audience]
}

// seeWatched does so for the audiences that watch, of an entity that was passivated meanwhile.
func (e *entity) seeWatched() {
	if e.here == nil {
		return
	}
	for w := range e.here.watch {
		e.see(w.audience)
	}
}

// forgetAudience makes room for an audience by forgetting one that nobody here is in.
func (e *entity) forgetAudience() {
	for audience := range e.live.ledger.visible {
		if !e.watched(audience) {
			delete(e.live.ledger.visible, audience)
			return
		}
	}
}

// watched reports whether somebody here watches as that audience.
func (e *entity) watched(audience string) bool {
	if e.here == nil {
		return false
	}
	for w := range e.here.watch {
		if w.audience == audience {
			return true
		}
	}
	return false
}

// lastSeen returns the revision of the last event that the audience sees, by reading the entity's history.
// It is done once for each audience. Where it cannot be read the answer is 0: what comes next then looks like a
// gap to nobody.
func (e *entity) lastSeen(audience string) uint64 {
	head := e.live.mark.Revision
	if e.cat.opt.Ephemeral || head == 0 {
		return head
	}
	if !e.part.awaitDurable(e) {
		return 0
	}
	var last uint64
	for r, err := range e.part.journal.Records(e.part.ctx, e.id, journal.Mark{}) {
		if err != nil {
			return 0
		}
		for i := range r.Events {
			ev := &r.Events[i]
			if _, _, ok, err := viewEvent(e.cat, ev.Name, ev.Data, audience); ok || err != nil {
				last = r.RevisionOf(i)
			}
		}
	}
	return last
}

// queueEffects makes envelopes of what the turn does to the outside beside its events.
func (e *entity) queueEffects(t *turn.Turn) {
	for i := range t.Effects {
		f := &t.Effects[i]
		switch f.Kind {
		case turn.EffectBroadcast:
			e.broadcast(*f, t.Member)
		case turn.EffectSend:
			e.linksOf(f.Member, func(l *link) {
				e.send(l, &wire.Envelope{Kind: wire.KindMessage, Name: f.Name, Data: f.Data, Member: t.Member})
			})
		case turn.EffectTerminate:
			e.linksOf(f.Member, func(l *link) {
				e.send(l, &wire.Envelope{Kind: wire.KindTerminate, Code: f.Code, Message: f.Message})
			})
		}
	}
}

// broadcast sends a message to the links that watch, once for each edge.
func (e *entity) broadcast(f turn.Effect, by string) {
	if e.here == nil {
		return
	}
	sent := make(map[bus.Address]bool, 1)
	for w := range e.here.watch {
		if sent[w.edge] || f.ToGroup && w.audience != f.Audience {
			continue
		}
		sent[w.edge] = true
		env := &wire.Envelope{
			Kind: wire.KindMessage, Category: e.id.Category, ID: e.id.ID,
			Name: f.Name, Data: f.Data, Member: by, Except: f.Member,
		}
		if f.ToGroup {
			env.Flags, env.Audience = wire.ToGroup, f.Audience
		}
		e.out = append(e.out, effect{lane: e.cat.opt.Lane, to: w.edge, env: env})
	}
}
