package state

import (
	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/wire"
)

// Views of a large state are kept and lent to links that come while little has happened since: the events
// after them follow, and cost less than another view.
const (
	maxShown     = 4    // views kept for an entity
	shownEvents  = 1000 // events since, at most
	shownPortion = 8    // of a view's bytes, 1/shownPortion may follow as events
)

// shown is a view as of a revision.
type shown struct {
	data     []byte
	revision uint64
	grown    int // of the shadow then
}

// eventBytes is what an event takes in a backlog beside its data, about.
const eventBytes = 128

// lend fills in the welcome of a link that has seen nothing yet, and returns false when there is no view that is
// recent enough. Of what the category lets a link follow it leaves half for what happens meanwhile: with more
// the link would be sent a fresh state as well.
func (s *shadow) lend(w *wire.Envelope, o *turn.Options) bool {
	if s == nil {
		return false
	}
	v, ok := s.views[w.Audience]
	if !ok {
		return false
	}
	events, bytes := int(w.Revision-v.revision), s.grown-v.grown
	if events > min(shownEvents, o.BacklogEvents/2) || bytes > len(v.data)/shownPortion || bytes+eventBytes*events > o.BacklogBytes/2 {
		return false
	}
	w.Revision, w.Data = v.revision, v.data
	return true
}

// keep keeps the views that were made.
func (s *shadow) keep(w *shadowWork) {
	if w.err != nil || len(w.views) == 0 {
		return
	}
	if s.views == nil || len(s.views)+len(w.views) > maxShown {
		s.views = make(map[string]shown)
	}
	for audience, data := range w.views {
		if len(s.views) < maxShown {
			s.views[audience] = shown{data: data, revision: w.mark.Revision, grown: w.grown}
		}
	}
}

// bytes estimates what the shadow of a state of that size costs in memory.
func (s *shadow) bytes(size int) (n int64) {
	if s.held {
		n = int64(size)
	}
	for _, v := range s.views {
		n += int64(len(v.data))
	}
	return n
}
