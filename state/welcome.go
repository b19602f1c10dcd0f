package state

import (
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// largeState is the size from which on a state is not encoded in a turn: about what JSON encodes within a
// millisecond.
const largeState = 256 << 10

// welcome answers an attach: with the state as of now, or with the promise of the events after the
// client's cursor.
func (e *entity) welcome(l *link, env *wire.Envelope) {
	w := e.newWelcome(l)
	e.part.welcomed(l, w.Acked)
	w.Flags |= e.knows(l, env) | env.Flags&wire.Reattach
	head := w.Revision
	switch {
	case !l.watch:
	case env.Has(wire.HasCursor) && env.Epoch == w.Epoch && env.Revision <= head &&
		head-env.Revision <= uint64(e.cat.opt.BacklogEvents) && (!env.Has(wire.Reattach) || e.fill(l, env.Revision)):
		w.Flags |= wire.Resumed
		w.Revision = env.Revision
		if env.Has(wire.Reattach) {
			w.Until = e.shownTo(l.member.audience) // of what is later the edge has not missed anything
		}
	case e.large():
		if !env.Has(wire.HasCursor) && e.live.shadow.lend(w, &e.cat.opt) {
			break
		}
		e.welcomeLater(l, w)
		return
	case !e.fillIn(w, l):
		return
	}
	e.sendWelcome(l, w)
}

// sendWelcome sends a welcome, and after it who is here, since the link may have missed what changed.
func (e *entity) sendWelcome(l *link, w *wire.Envelope) {
	e.send(l, w)
	if l.presence && !w.Has(wire.Reattach|wire.Resumed) {
		e.listMembers(l)
	}
	aside := l.aside
	l.awaited, l.aside = false, nil
	for i := range aside {
		e.take(&aside[i])
	}
}

// maxAside is how many messages of a link's client may come before the link is welcomed; with more the link is ended.
// It is above what a client may have without an answer.
const maxAside = 1024

// setAside keeps a message until the link has been welcomed.
func (e *entity) setAside(l *link, m *message) {
	if len(l.aside) < maxAside {
		l.aside = append(l.aside, *m)
		return
	}
	e.lose(l)
	l.aside = nil
	e.refuse(l, wire.Reconnect, wire.EndUnavailable, "too many messages came before the welcome")
	e.conclude(nil, nil)
}

// refresh gives a link a welcome with the state as of now and those flags: one that is too far behind, or whose first
// welcome could not be made.
func (e *entity) refresh(l *link, flags wire.Flags) {
	defer e.conclude(nil, nil)
	if err := e.activate(); err != nil {
		e.refuse(l, wire.Reconnect, wire.EndUnavailable, "the entity cannot be read just now")
		return
	}
	w := e.newWelcome(l)
	w.Flags |= flags
	if e.large() {
		e.welcomeLater(l, w)
		return
	}
	if e.fillIn(w, l) {
		e.sendWelcome(l, w)
	}
}

// welcomeAnew gives the links at an ephemeral entity, which has lost what it was, what it is now.
func (e *entity) welcomeAnew() {
	if e.here == nil {
		return
	}
	for _, l := range e.here.links {
		if l.sender {
			continue
		}
		w := e.newWelcome(l)
		w.Flags |= wire.Refresh | wire.Known
		if !l.watch || e.fillIn(w, l) {
			e.sendWelcome(l, w)
		}
	}
}

func (e *entity) newWelcome(l *link) *wire.Envelope {
	head := e.live.mark.Revision
	w := &wire.Envelope{
		Kind: wire.KindWelcome, Member: l.member.id, Audience: l.member.audience,
		Epoch: e.epoch(l.member.audience), Revision: head, Until: head, Number: e.part.number,
	}
	if c := e.live.ledger.find(l.member.id); c != nil {
		w.Acked = c.recorded
	}
	return w
}

// fillIn puts the state into a welcome. It returns false after refusing the link.
func (e *entity) fillIn(w *wire.Envelope, l *link) bool {
	began := time.Now()
	data, err := e.live.view(l.member.audience)
	e.part.node.meters.viewTurns.Since(began)
	if err != nil {
		e.viewFailed(l, err)
		return false
	}
	w.Data = data
	return true
}

func (e *entity) viewFailed(l *link, err error) {
	e.part.log.Error("view failed", "entity", e.id.String(), "audience", l.member.audience, "err", err)
	e.refuse(l, wire.Reconnect, wire.CodeInternal, "the entity failed to show its state")
}

// knows returns the Known flag unless outcomes of the connection's commands may have been forgotten.
func (e *entity) knows(l *link, env *wire.Envelope) wire.Flags {
	id := l.member.id
	switch {
	case !env.Has(wire.HasCursor), l.observes():
		return wire.Known
	case env.Epoch == e.epoch(l.member.audience) && e.live.ledger.known(id, env.Revision):
		return wire.Known
	case e.live.ledger.find(id) != nil:
		return wire.Known
	}
	return 0
}

// epoch names the stream of events that the audience sees.
func (e *entity) epoch(audience string) string {
	if e.cat.opt.Ephemeral {
		return e.live.epoch
	}
	return e.part.node.ids.epoch(e.id, audience)
}

func (e *entity) large() bool { return e.live.size > largeState && !e.cat.opt.Ephemeral }
