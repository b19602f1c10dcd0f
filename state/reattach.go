package state

import (
	"errors"
	"fmt"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// Links that had been welcomed by another owner are attached again by their edges, and their clients are to notice nothing:
// neither a handler runs nor are the members of the entity told anew. What a new owner does not know is who else was
// here; it waits for them to come back for the grace period, and then has the edges tell their clients who is.

// maxSettling bounds how long those who were here are waited for.
const maxSettling = 10 * time.Second

// recovery is an entity's members coming back to a new owner.
type recovery struct {
	until int64 // when those who have not come back count as gone, time passed; 0: none are waited for
	count int   // how many were here as clients were told last
}

// count returns how many members clients are told are here.
func (a *attendance) count() int { return max(a.seen, a.recovery.count) }

// hasLater reports whether the member has a link that was made after l: as its client counts them, or, where it does not, by the clocks of
// their edges.
func (a *attendance) hasLater(member string, l *link) bool {
	return !l.sender && a.has(member, l, func(other *link) bool {
		if l.attempt != other.attempt && l.attempt != 0 && other.attempt != 0 {
			return other.attempt > l.attempt
		}
		return other.made > l.made
	})
}

// hasAgain reports whether the member has the link l under the number that its edge has given it since: what comes by way of an owner before
// may be overtaken.
func (a *attendance) hasAgain(member string, l *link) bool {
	return a.has(member, l, func(other *link) bool {
		return other.made == l.made && other.key.edge == l.key.edge && other.key.link > l.key.link
	})
}

// has reports whether the member has a link of l's sort that is so.
func (a *attendance) has(member string, l *link, is func(other *link) bool) bool {
	if m := a.members[member]; m != nil {
		for other := m.link; other != nil; other = other.next {
			if other.sender == l.sender && is(other) {
				return true
			}
		}
	}
	return false
}

// comesBack takes what the edge knows of a member whose link is attached again.
func (e *entity) comesBack(m *member, env *wire.Envelope) {
	if len(env.Data) > 0 {
		e.shows(m, env.Data)
	}
	r := &e.here.recovery
	if r.until == 0 {
		r.until = e.part.node.passed() + int64(min(e.cat.opt.Grace, maxSettling))
		e.part.remind(e, r.until)
	}
	r.count = max(r.count, int(min(env.Acked, maxConns)))
}

// endRecovery has the edges tell who is here, once members had the time to come back.
func (e *entity) endRecovery(now int64) {
	here := e.here
	switch r := &here.recovery; {
	case r.until == 0:
		return
	case now < r.until:
		e.part.remind(e, r.until)
		return
	}
	here.recovery = recovery{}
	if here.listeners == 0 {
		return
	}
	data := here.everybody()
	here.settled()
	here.roster.paid = max(here.roster.paid, now) + costs(len(data), here.listeners)
	for addr := range here.told {
		e.tellPresence(addr, wire.Refresh, data)
	}
	e.conclude(nil, nil)
}

// errNotWhole ends the reading of history that cannot be sent whole.
var errNotWhole = errors.New("state: more events than are sent again")

// fill sends the link's edge the events after from that its audience sees and that were stored before anything was sent to the
// edge by this owner. It returns false when they are too many or cannot be read: then nothing is sent.
func (e *entity) fill(l *link, from uint64) bool {
	w := watcher{l.addr, l.member.audience}
	sent := e.here.watch[w]
	if from >= sent.since {
		return true
	}
	if e.cat.opt.Ephemeral || !e.part.awaitDurable(e) {
		return false
	}
	before := len(e.out)
	e.part.node.reading <- struct{}{}
	err := e.readEvents(w, from, sent.since)
	<-e.part.node.reading
	if err != nil {
		clear(e.out[before:])
		e.out = e.out[:before]
		if !errors.Is(err, errNotWhole) && e.part.ctx.Err() == nil {
			e.part.log.Error("events not sent again", "entity", e.id.String(), "err", err)
		}
		return false
	}
	sent.since = from
	e.here.watch[w] = sent
	return true
}

// readEvents makes effects of the events after one revision up to another.
func (e *entity) readEvents(w watcher, from, until uint64) error {
	last, bytes := from, 0
	for r, err := range e.part.journal.Records(e.part.ctx, e.id, journal.Mark{Revision: from}) {
		if err != nil {
			return fmt.Errorf("read %s after revision %d: %w", e.id, from, err)
		}
		for i := range r.Events {
			at := r.RevisionOf(i)
			if at <= from || at > until {
				continue
			}
			name, data, ok, err := viewEvent(e.cat, r.Events[i].Name, r.Events[i].Data, w.audience)
			if err != nil {
				return fmt.Errorf("event %q of %s, revision %d: %w", r.Events[i].Name, e.id, at, err)
			}
			if !ok {
				continue
			}
			f := e.event(w, &r, i, name, data)
			if last != at-1 {
				f.env.Prev, f.env.Flags = last, f.env.Flags|wire.HasPrev
			}
			last = at
			e.out = append(e.out, f)
			if bytes += len(data) + eventBytes; bytes > e.cat.opt.BacklogBytes {
				return errNotWhole
			}
		}
		if r.Revision >= until {
			break
		}
	}
	return nil
}
