package state

import "github.com/tutti-rt/tutti/wire"

// idlers are the members of an entity whose category has a SessionTimeout, in the order of what they did last: the first
// has done nothing for longest. The zero value has none.
type idlers struct{ first, last *member }

// idling is a member's place among the idlers.
type idling struct {
	since        int64 // when it did something last, time passed; 0: it is not among them
	before, next *member
}

// add puts a member at the end.
func (i *idlers) add(m *member, now int64) {
	m.idling = idling{since: now, before: i.last}
	if i.last == nil {
		i.first = m
	} else {
		i.last.idling.next = m
	}
	i.last = m
}

// remove takes a member out, if it is there.
func (i *idlers) remove(m *member) {
	at := m.idling
	if at.since == 0 {
		return
	}
	m.idling = idling{}
	if at.before == nil {
		i.first = at.next
	} else {
		at.before.idling.next = at.next
	}
	if at.next == nil {
		i.last = at.before
	} else {
		at.next.idling.before = at.before
	}
}

// replace puts fresh where old was.
func (i *idlers) replace(old, fresh *member) {
	at := old.idling
	old.idling, fresh.idling = idling{}, at
	if at.before == nil {
		i.first = fresh
	} else {
		at.before.idling.next = fresh
	}
	if at.next == nil {
		i.last = fresh
	} else {
		at.next.idling.before = fresh
	}
}

// acted notes that a member has done something.
func (e *entity) acted(m *member) {
	if e.cat.opt.SessionTimeout == 0 {
		return
	}
	i, now := &e.here.idle, e.part.node.passed()
	i.remove(m)
	i.add(m, now)
	if i.first == m {
		e.part.remind(e, now+int64(e.cat.opt.SessionTimeout))
	}
}

// stays has fresh stand for known, who has attached again, which is nothing that a client does for others to see: who was
// idle still is. A member that nobody has seen before begins anew.
func (e *entity) stays(known, fresh *member) {
	if known != nil && known.idling.since != 0 {
		e.here.idle.replace(known, fresh)
		return
	}
	e.acted(fresh)
}

// endIdle ends the connections that have done nothing for as long as the category allows.
func (e *entity) endIdle(now int64) {
	timeout, i := int64(e.cat.opt.SessionTimeout), &e.here.idle
	var over []*member
	for m := i.first; m != nil && m.idling.since+timeout <= now; m = i.first {
		i.remove(m)
		over = append(over, m)
	}
	if len(over) > 0 {
		ended := make(map[*member]bool, len(over))
		for _, m := range over {
			ended[m] = true
		}
		for _, l := range e.here.links {
			if ended[l.member] {
				e.here.drop(l)
				e.refuse(l, 0, wire.EndSessionTimeout, "the connection has done nothing for too long")
			}
		}
		e.conclude(nil, nil)
		for _, m := range over {
			e.disconnect(m)
		}
	}
	if i.first != nil {
		e.part.remind(e, i.first.idling.since+timeout)
	}
}
