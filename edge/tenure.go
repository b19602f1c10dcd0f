package edge

import (
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// tenure is what a link needs to be attached anew at another owner. Links have one where the bus tells of new owners.
type tenure struct {
	// What attached the link first, guarded by link.sendMu.
	begun   bool // something has
	flags   wire.Flags
	attempt uint64
	cursor  wire.Cursor
	made    int64 // Unix ms

	// Guarded by link.mu.
	claims []byte         // the newest, JSON
	shown  []byte         // presence data, JSON; nil: none
	asked  *wire.Envelope // backlog or refresh that has no answer; nil: none
	bytes  int            // of the unanswered commands and queries
	wait   wait
	room   chan struct{} // closed when there may be room for more, or the link ends; nil: nobody waits for it

	held uint64 // number under which an owner has welcomed the link last, and may have it still; 0: none. Guarded by hub.mu

	// Guarded by recovery.mu.
	since    int64 // since when the link has been without an owner; while it is in an absence
	attached int64 // when it was attached anew, without a welcome since; 0: it is not attached
	told     bool  // its client knows
}

// unanswered is a command or query that has no answer.
type unanswered struct {
	id  uint64
	env *wire.Envelope // as it was sent; nil: it was not, or nobody needs to send it again
	// taken is how often it may have got to an owner.
	taken int
}

// envelopeBytes is what an envelope takes beside its data, about.
const envelopeBytes = 512

func weigh(e *wire.Envelope) int { return envelopeBytes + len(e.Data) + len(e.Name) }

// keep notes what the owner is sent as far as the next one needs it. sendMu is held.
func (l *link) keep(e *wire.Envelope) {
	t := l.tenure
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Kind {
	case wire.KindAttach:
		t.begun, t.flags, t.attempt, t.made, t.claims = true, e.Flags, e.Command, e.At, e.Claims
		t.cursor = wire.Cursor{Epoch: e.Epoch, Revision: e.Revision}
	case wire.KindCommand, wire.KindQuery:
		for i := len(l.unanswered) - 1; i >= 0; i-- {
			if u := &l.unanswered[i]; u.id == e.Command && u.env == nil {
				if u.env = e; !l.away.Load() {
					u.taken = 1
				}
				t.bytes += weigh(e)
				l.edge.count.unanswered.Add(int64(weigh(e)))
				break
			}
		}
	case wire.KindPresence:
		if t.shown = e.Data; string(e.Data) == "null" {
			t.shown = nil
		}
	case wire.KindClaims:
		t.claims = e.Claims
	case wire.KindBacklog, wire.KindRefresh:
		t.asked = e
	}
}

// drop counts an unanswered frame out. mu is held.
func (l *link) drop(u *unanswered) {
	if u.env == nil {
		return
	}
	l.tenure.bytes -= weigh(u.env)
	l.edge.count.unanswered.Add(-int64(weigh(u.env)))
	l.makeRoom()
}

// makeRoom wakes the reader that waits. mu is held.
func (l *link) makeRoom() {
	if t := l.tenure; t != nil && t.room != nil {
		close(t.room)
		t.room = nil
	}
}

// shows takes what its connection shows since it was brought beside the link.
func (l *link) shows(e *wire.Envelope) {
	if l.tenure == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tenure.shown = e.Data; string(e.Data) == "null" {
		l.tenure.shown = nil
	}
}

// caughtUp notes what answers the link's request: a part of a backlog, or a fresh welcome.
func (l *link) caughtUp(e *wire.Envelope) {
	t := l.tenure
	if t == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case t.asked == nil:
	case e.Kind == wire.KindWelcome:
		if t.asked.Kind == wire.KindRefresh && e.Has(wire.Refresh) {
			t.asked = nil
		}
	case t.asked.Kind != wire.KindBacklog || t.asked.Command != e.Command:
	case e.Has(wire.More):
		rest := *t.asked
		rest.Revision = e.Revision
		t.asked = &rest
	default:
		t.asked = nil
	}
}

// holdLook is how often a reader looks whether others have made room.
const holdLook = 50 * time.Millisecond

// hold waits with a frame for which there is no room among what has no answer. Nothing of the link is read meanwhile.
func (in *inbound) hold(size int) {
	if in.tenure == nil {
		return
	}
	for waited := false; ; waited = true {
		room := in.full(size, waited)
		if room == nil {
			return
		}
		if s, ok := in.socket.(polled); ok {
			s.aside()
		}
		look := time.NewTimer(holdLook)
		select {
		case <-room:
		case <-look.C:
		}
		look.Stop()
	}
}

// full returns what is closed when there may be room for a frame of that size, nil where there is. Whoever has waited goes on
// doing so until it is below the bound that else has a frame rejected.
func (l *link) full(size int, waited bool) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, m := l.tenure, &l.edge.memory
	switch {
	case l.gone || l.final != nil:
		return nil
	case t.bytes > 0 && t.bytes+size+envelopeBytes > m.LinkUnanswered:
	case l.edge.count.unanswered.Load()+int64(size+envelopeBytes) > m.Unanswered:
	case (waited || l.away.Load()) && len(l.unanswered) >= l.edge.limits.Unanswered:
	default:
		return nil
	}
	if t.room == nil {
		t.room = make(chan struct{})
	}
	return t.room
}

// untaken returns whether an answer or command of that ID is wanted that no owner can have, now that one sending of it was in vain.
func (l *link) untaken(id uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.unanswered {
		if u := &l.unanswered[i]; u.id == id {
			u.taken = max(u.taken-1, 0)
			return u.taken == 0 && !(u.env != nil && u.env.Kind == wire.KindCommand && l.mayRepeat(id))
		}
	}
	return false
}

// refuseUntaken answers the commands and queries that no owner can have, of a link whose node reaches none.
func (l *link) refuseUntaken() {
	l.mu.Lock()
	var ids []uint64
	for i := range l.unanswered {
		if u := &l.unanswered[i]; u.env != nil && u.taken == 0 && (u.env.Kind == wire.KindQuery || !l.mayRepeat(u.id)) {
			ids = append(ids, u.id)
		}
	}
	l.mu.Unlock()
	for _, id := range ids {
		l.answered(id)
		l.reject(id, wire.CodeUnavailable, unreachable)
	}
}

const unreachable = "the entity is not reachable"
