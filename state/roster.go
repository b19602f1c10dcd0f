package state

import (
	"strconv"

	"github.com/tutti-rt/tutti/wire"
)

// roster is the members of an entity that its clients are told of: the first ones by order of arrival, wire.MaxMembers at most. All
// others are counted only. It has what the clients do not know yet.
type roster struct {
	last *member // of the arrivals, the last one that is listed
	size int

	waiting []*member       // those whose listing is not told, in order; and some who have left
	left    map[string]bool // members told of who are not listed any more
	count   int             // that was told last
	encoded []byte          // the members as JSON, nil when they have changed since
	at      int64           // when changes are told, time passed; 0 when there are none
	paid    int64           // until then what was told counts against the budget, time passed
}

// listing is what clients know of a member.
type listing struct {
	on      bool // in the roster
	known   bool // a client may have it in its list
	pending pending
}

type pending uint8

const (
	pendingNothing pending = iota
	pendingJoined
	pendingUpdated
)

// list puts a member who has just come into the roster, if there is room.
func (a *attendance) list(m *member) {
	r := &a.roster
	if r.size == wire.MaxMembers {
		return
	}
	r.size++
	r.last = m
	m.listed.on, m.listed.pending = true, pendingJoined
	r.waiting = append(r.waiting, m)
	r.encoded = nil
	if r.left[m.id] {
		delete(r.left, m.id)
		m.listed.known = true // as what it was before
	}
}

// unlist takes a member out of the roster before it leaves; the next one moves up.
func (a *attendance) unlist(m *member) {
	r := &a.roster
	if !m.listed.on {
		return
	}
	next := r.last.arrival.after
	if r.last == m {
		r.last = m.arrival.before
	}
	r.size--
	r.encoded = nil
	if m.listed.known {
		if r.left == nil {
			r.left = make(map[string]bool)
		}
		r.left[m.id] = true
	}
	m.listed = listing{}
	if next != nil {
		a.list(next)
	}
	if len(r.waiting) > 4*wire.MaxMembers {
		r.tidy()
	}
}

// tidy forgets those who have left.
func (r *roster) tidy() {
	kept := r.waiting[:0]
	for _, m := range r.waiting {
		if m.listed.pending != pendingNothing {
			kept = append(kept, m)
		}
	}
	clear(r.waiting[len(kept):])
	r.waiting = kept
}

// update notes that what a member shows has changed.
func (a *attendance) update(m *member) {
	if !m.listed.on {
		return
	}
	a.roster.encoded = nil
	if m.listed.pending == pendingNothing {
		m.listed.pending = pendingUpdated
		a.roster.waiting = append(a.roster.waiting, m)
	}
}

// rostered returns the roster as the elements of a JSON array.
func (a *attendance) rostered() []byte {
	r := &a.roster
	if r.encoded != nil || r.size == 0 {
		return r.encoded
	}
	var out []byte
	for m := a.arrivals.first; m != nil; m = m.arrival.after {
		if len(out) > 0 {
			out = append(out, ',')
		}
		out = m.appendShown(out)
		m.listed.known = true
		if m == r.last {
			break
		}
	}
	r.encoded = out
	return out
}

// untold reports whether there is something that clients do not know.
func (a *attendance) untold() bool {
	r := &a.roster
	return len(r.waiting)+len(r.left) > 0 || r.count != a.count()
}

// settled notes that the clients know everything.
func (a *attendance) settled() {
	r := &a.roster
	for _, m := range r.waiting {
		m.listed.pending = pendingNothing
	}
	r.waiting, r.left, r.count = nil, nil, a.count()
}

// maxPresenceFrame is from how many bytes on a frame takes no further members; those come with the next one.
const maxPresenceFrame = 32 << 10

// takeChanges returns a frame with changes, as many as fit, which then count as told.
func (a *attendance) takeChanges() []byte {
	r := &a.roster
	frame := append(make([]byte, 0, 512), `{"count":`...)
	frame = strconv.AppendInt(frame, int64(a.count()), 10)
	left := make([]byte, 0, 32)
	for id := range r.left {
		if len(left) > maxPresenceFrame {
			break
		}
		left = append(strconv.AppendQuote(left, id), ',')
		delete(r.left, id)
	}
	var joined, updated []byte
	taken := 0
	for _, m := range r.waiting {
		if len(left)+len(joined)+len(updated) > maxPresenceFrame {
			break
		}
		taken++
		switch m.listed.pending {
		case pendingJoined:
			joined = append(m.appendShown(joined), ',')
		case pendingUpdated:
			updated = append(m.appendShown(updated), ',')
		case pendingNothing:
			continue // has left
		}
		m.listed.pending, m.listed.known = pendingNothing, true
	}
	clear(r.waiting[:taken])
	if r.waiting = r.waiting[taken:]; len(r.waiting) == 0 {
		r.waiting = nil
	}
	r.count = a.count()
	frame = appendList(frame, "joined", joined)
	frame = appendList(frame, "left", left)
	frame = appendList(frame, "updated", updated)
	return append(frame, '}')
}

// appendList appends a member of a JSON object: the list of elements, each with a comma after it. An empty one is absent.
func appendList(frame []byte, name string, elements []byte) []byte {
	if len(elements) == 0 {
		return frame
	}
	frame = append(append(append(frame, `,"`...), name...), `":[`...)
	return append(append(frame, elements[:len(elements)-1]...), ']')
}

// appendShown appends what others see of m.
func (m *member) appendShown(dst []byte) []byte {
	dst = append(append(append(dst, `{"member":"`...), m.id...), '"')
	if len(m.who) > 0 {
		dst = append(append(dst, `,"who":`...), m.who...)
	}
	if len(m.data) > 0 {
		dst = append(append(dst, `,"data":`...), m.data...)
	}
	return append(dst, '}')
}
