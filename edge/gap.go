package edge

import (
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// Bounds of what an entity's hub holds back while an event is missing.
const (
	maxHeld      = 4096    // envelopes
	maxHeldBytes = 4 << 20 // of their data
)

// gap is events that a ring lacks though what comes now is later: they were lost with an owner, whose successor sends them when a link of
// that ring is attached anew, or on the way. Everything else that comes for the entity is held back until the ring has them or cannot.
type gap struct {
	audience string
	held     []*wire.Envelope
	bytes    int
}

// lacks reports whether a ring lacks events before e: one that its audience sees, or the welcome of a newcomer.
func (h *hub) lacks(e *wire.Envelope) bool {
	switch {
	case e.Kind == wire.KindWelcome && !e.Has(wire.Reattach):
		return h.isOlder(e)
	case !isEvent(e):
		return false
	}
	before := e.Prev
	if before == 0 && !e.Has(wire.HasPrev) {
		before = e.Revision - 1
	}
	for _, f := range h.fans {
		if f.audience == e.Audience && before > f.ring.Last() {
			return true
		}
	}
	return false
}

// isOlder reports whether a ring that the welcome is about to be placed in has not been sent what an owner knew that came after
// its own.
func (h *hub) isOlder(e *wire.Envelope) bool {
	for _, f := range h.fans {
		if f.audience == e.Audience && f.epoch == e.Epoch && f.owner != e.Number && e.Until > f.ring.Last() {
			return true
		}
	}
	return false
}

// confirm notes that the owner which says e, to a link that is attached anew, has sent the rings what they lacked; or gives up those that
// it could not.
func (h *hub) confirm(e *wire.Envelope) {
	for i := len(h.fans) - 1; i >= 0; i-- {
		f := h.fans[i]
		switch {
		case f.audience != e.Audience || f.epoch != e.Epoch:
		case f.owner == e.Number:
			// It has sent all up to here before, which it does not do twice.
			if h.gap == nil && e.Has(wire.Resumed) && e.Until > f.ring.Last() {
				h.edge.log.Warn("events lost on the way", "entity", h.entity(), "before", e.Until)
				h.giveUp(i)
			}
		case e.Has(wire.Resumed):
			f.owner = e.Number
		default:
			h.giveUp(i)
		}
	}
}

func isEvent(e *wire.Envelope) bool {
	return e.Kind == wire.KindEvent && e.Link == 0 && !e.Has(wire.Hidden)
}

// takeInOrder delivers e, unless it has to wait for an event that is missing. hub.mu is held.
func (h *hub) takeInOrder(e *wire.Envelope) {
	if h.gap == nil {
		if !h.lacks(e) {
			h.deliver(e)
			return
		}
		h.gap = &gap{audience: e.Audience}
		h.edge.recovery.mend(h)
	}
	if !h.passes(e) {
		g := h.gap
		g.held = append(g.held, e)
		g.bytes += len(e.Data)
		if len(g.held) > maxHeld || g.bytes > maxHeldBytes {
			h.closeGap()
		}
		return
	}
	h.deliver(e)
	h.release()
	if h.gap != nil && e.Kind == wire.KindWelcome {
		if l := h.links[e.Link]; l == nil || l.audience == h.gap.audience {
			h.closeGap() // the owner has sent all that it has
		}
	}
}

// passes reports whether e is not to wait: an event that follows those that are there, or what its owner says of a link itself.
func (h *hub) passes(e *wire.Envelope) bool {
	switch e.Kind {
	case wire.KindEvent:
		return isEvent(e) && !h.lacks(e) && !h.holds(e)
	case wire.KindWelcome, wire.KindTerminate:
		return e.Has(wire.Reattach)
	}
	return false
}

// holds reports whether an event before e waits. Those that an owner sends because a ring lacks them come before all that wait.
func (h *hub) holds(e *wire.Envelope) bool {
	for _, held := range h.gap.held {
		if isEvent(held) && held.Audience == e.Audience && held.Revision < e.Revision {
			return true
		}
	}
	return false
}

// release delivers what is held, up to the next event that cannot be.
func (h *hub) release() {
	for h.gap != nil {
		g := h.gap
		if len(g.held) == 0 {
			h.gap = nil
			return
		}
		e := g.held[0]
		if h.lacks(e) {
			g.audience = e.Audience
			return
		}
		g.held = g.held[1:]
		g.bytes -= len(e.Data)
		h.deliver(e)
	}
}

// closeGap gives up the rings that lack an event, whose links get a fresh state, and delivers what is held.
func (h *hub) closeGap() {
	for h.gap != nil {
		if g := h.gap; len(g.held) > 0 {
			e := g.held[0]
			h.edge.log.Warn("events lost on the way", "entity", h.entity(), "before", e.Revision)
			for i := len(h.fans) - 1; i >= 0; i-- {
				if h.fans[i].audience == e.Audience {
					h.giveUp(i)
				}
			}
		}
		h.release()
	}
}

// giveUp closes a ring whose history has ended. Whoever follows it asks for a fresh state.
func (h *hub) giveUp(i int) {
	f := h.fans[i]
	h.fans = append(h.fans[:i], h.fans[i+1:]...)
	f.ring.Close()
	for i := range f.shares {
		f.shares[i].markClosed(h.edge.workers[i], f)
	}
}

// maxGap is how long a missing event is waited for.
const maxGap = 2 * time.Second

// mend has the owner asked for an event that the hub lacks.
func (r *recovery) mend(h *hub) {
	r.mu.Lock()
	r.gaps[h] = r.edge.now() + int64(maxGap)
	r.mends = append(r.mends, h)
	r.mu.Unlock()
	r.wake()
}

// mendGaps has the owner asked for what is missing, by a link that is attached anew.
func (r *recovery) mendGaps() {
	r.mu.Lock()
	mends := r.mends
	r.mends = nil
	r.mu.Unlock()
	for _, h := range mends {
		if l := h.lacking(); l != nil {
			l.reattach()
		}
	}
}

// lacking returns a link whose ring lacks an event, nil where there is none any more.
func (h *hub) lacking() *link {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gap == nil {
		return nil
	}
	for _, l := range h.links {
		if l.welcomed && l.fan != nil && l.audience == h.gap.audience && !l.ending.Load() {
			return l
		}
	}
	h.closeGap()
	return nil
}

// lateGaps gives up events that have not come in time.
func (r *recovery) lateGaps(now int64) {
	var over []*hub
	r.mu.Lock()
	for h, until := range r.gaps {
		if now >= until {
			delete(r.gaps, h)
			over = append(over, h)
		}
	}
	r.mu.Unlock()
	for _, h := range over {
		h.mu.Lock()
		h.closeGap()
		h.mu.Unlock()
	}
}
