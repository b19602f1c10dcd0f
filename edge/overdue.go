package edge

import "time"

const (
	// overdueBeat is how often links are looked at that wait for an answer.
	overdueBeat = 2 * time.Second
	// A link is attached anew when it has waited for the same answer for firstPatience looks, then for twice as many each time,
	// up to lastPatience.
	firstPatience = 2
	lastPatience  = 32
	// mostOverdue bounds how many links are attached anew with one look. The others wait for the next.
	mostOverdue = 1024
)

// wait is what a link waited for when it was last looked at. Its link's mu guards it.
type wait struct {
	what     waited
	looks    int // for which it has been the same
	patience int // looks until the link is attached anew; 0: firstPatience
}

// waited names the oldest frame without an answer. The zero value: there is none.
type waited struct {
	id     uint64
	answer bool // to a command or query
	events bool // to what the edge asked for the link
}

// overdue returns links that have waited for an answer for long. It may have been lost on its way, or the question, and nobody
// would notice: the owner sees a gap only when something comes behind it. Whoever is attached anew asks again. An owner that is merely
// slow answers once all the same.
func (r *recovery) overdue() []*link {
	var all []*link
	e := r.edge
	for i := range e.hubs {
		t := &e.hubs[i]
		t.mu.RLock()
		for _, h := range t.hubs {
			h.mu.Lock()
			for _, l := range h.links {
				if l.welcomed && !l.away.Load() && l.isOverdue(len(all) < mostOverdue) {
					all = append(all, l)
				}
			}
			h.mu.Unlock()
		}
		t.mu.RUnlock()
	}
	return all
}

// isOverdue notes that the link is looked at, and reports whether it has waited for too long, if it may be.
func (l *link) isOverdue(may bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tenure
	if t == nil {
		return false
	}
	now := l.waitsFor()
	w := &t.wait
	if now != w.what || now == (waited{}) {
		*w = wait{what: now}
		return false
	}
	w.looks++
	patience := max(w.patience, firstPatience)
	if !may || w.looks < patience {
		return false
	}
	w.looks, w.patience = 0, min(2*patience, lastPatience)
	return true
}

// waitsFor returns what the link has waited for longest. mu is held.
func (l *link) waitsFor() waited {
	for i := range l.unanswered {
		if u := &l.unanswered[i]; u.env != nil {
			return waited{id: u.id, answer: true}
		}
	}
	if a := l.tenure.asked; a != nil {
		return waited{id: a.Command, events: true}
	}
	return waited{}
}
