package edge

import (
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// lose notes that the link has no owner: what is sent from now on is kept for the next one. It may be called within hub.mu and
// sendMu.
func (l *link) lose() {
	if l.ending.Load() || l.state.Load() == stateDead {
		return
	}
	l.away.Store(true)
	l.edge.recovery.add(l)
}

// reattach attaches the link anew under another number, so that what is on its way from an owner before is not taken for an
// answer, and sends again what has none. What the client sends meanwhile comes after it.
func (l *link) reattach() {
	t, r := l.tenure, l.edge.recovery
	l.sendMu.Lock()
	defer l.sendMu.Unlock()
	if !t.begun {
		return // it will be attached to the owner that is there then
	}
	before, attach := l.hub.renumber(l)
	if attach == nil {
		r.forget(l)
		return
	}
	envelopes := append(make([]*wire.Envelope, 0, 2), attach)
	l.mu.Lock()
	attach.Claims = t.claims
	if attach.Has(wire.Reattach) {
		attach.Data = t.shown
	}
	for i := range l.unanswered {
		if u := &l.unanswered[i]; u.env != nil {
			u.taken++
			e := *u.env
			envelopes = append(envelopes, &e)
		}
	}
	if t.asked != nil {
		e := *t.asked
		envelopes = append(envelopes, &e)
	}
	l.mu.Unlock()
	last := l.sent
	l.sent = 0
	r.attaches(l)
	l.away.Store(false)
	l.edge.count.reattached.Add(1)
	now := l.edge.wall(time.Now()).UnixMicro()
	for _, e := range envelopes {
		if l.away.Load() {
			break // the owner has refused it meanwhile
		}
		l.address(e)
		e.Number, e.Sent = l.sent+1, now
		if l.edge.bus.Send(l.hub.lane, l.hub.owner, e) != nil {
			l.lose()
			break
		}
		l.sent++
	}
	// An owner that is the same one has the link under its old number, too.
	gone := &wire.Envelope{Kind: wire.KindDetach}
	l.address(gone)
	gone.Link, gone.Number, gone.Sent = before, last+1, now
	_ = l.edge.bus.Send(l.hub.lane, l.hub.owner, gone) // whoever is not there has forgotten it, and the attachment replaces what it ends
}

// address says what e is about, and where it is from. sendMu is held.
func (l *link) address(e *wire.Envelope) {
	e.Category, e.ID = l.hub.category, l.hub.id
	e.Edge, e.Link, e.Conn = l.edge.name, l.number, l.conn
}

// renumber gives the link another number, and returns the one before and what attaches it. There is nothing to attach once it
// has left or ends. The link's sendMu is held.
func (h *hub) renumber(l *link) (before uint64, attach *wire.Envelope) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.links[l.number] != l || l.ending.Load() {
		return 0, nil
	}
	before = l.number
	delete(h.links, before)
	l.number = h.edge.lastLink.Add(1)
	h.links[l.number] = l
	return before, h.attachment(l)
}

// attachment returns what attaches the link. hub.mu and the link's sendMu are held.
func (h *hub) attachment(l *link) *wire.Envelope {
	t := l.tenure
	e := &wire.Envelope{Kind: wire.KindAttach, Flags: t.flags, Command: t.attempt, At: t.made}
	if !l.welcomed {
		e.Epoch, e.Revision = t.cursor.Epoch, t.cursor.Revision
		return e
	}
	e.Flags &^= wire.HasCursor
	if l.fan != nil {
		pointTo(e, &wire.Cursor{Epoch: l.fan.epoch, Revision: h.has(l.fan)})
	}
	e.Flags |= wire.Reattach
	e.Audience = l.audience
	if l.presence && h.here != nil {
		e.Acked = uint64(max(h.here.count, 0))
	}
	return e
}

// has returns the revision up to which all rings of the fan's audience have what it sees.
func (h *hub) has(f *fan) uint64 {
	has := f.ring.Last()
	for _, other := range h.fans {
		if other.audience == f.audience && other.epoch == f.epoch {
			has = min(has, other.ring.Last())
		}
	}
	return has
}

// returned notes that the link has an owner, which says e. It reports whether the client is not to notice: its link goes on where
// it is in its ring, which has been sent what was missing. hub.mu is held.
func (h *hub) returned(l *link, e *wire.Envelope) (quiet bool) {
	if l.tenure == nil {
		return false
	}
	l.tenure.held = l.number
	if h.edge.recovery.back(l) {
		h.status(l, wire.StatusServing)
	}
	l.caughtUp(e)
	if e.Has(wire.Reattach) && l.watch {
		h.confirm(e)
	}
	return l.welcomed && e.Has(wire.Reattach) && (e.Has(wire.Resumed) || !l.watch)
}

// status tells a client whether its entity answers. hub.mu is held.
func (h *hub) status(l *link, state string) {
	l.pushFrame(l.here(), &wire.Envelope{Kind: wire.KindStatus, Code: state}, wire.FrameOptions{})
}

// pointTo sets the cursor of an attachment, nil: none.
func pointTo(e *wire.Envelope, c *wire.Cursor) {
	if c != nil {
		e.Flags |= wire.HasCursor
		e.Epoch, e.Revision = c.Epoch, c.Revision
	}
}
