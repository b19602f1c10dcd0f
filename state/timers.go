package state

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/wire"
)

// Bounds of the wait before a timer whose handler failed is tried again.
const (
	minTimerRetry = time.Second
	maxTimerRetry = time.Minute
)

// retry is when a timer whose handler failed is tried again.
type retry struct {
	at   int64 // time passed
	wait time.Duration
}

// remindTimers sees that the entity is asked when its first timer is due.
func (e *entity) remindTimers() {
	e.part.remindAt(e, e.live.ledger.first())
	if e.live.ledger.outbox.len() > 0 {
		e.part.remind(e, e.part.node.passed())
	}
}

// fireTimers runs the handlers of the timers that are due, in the order in which they fell due. A timer
// whose handler fails stays and is tried again; one whose handler rejects is gone.
func (e *entity) fireTimers() {
	ms, passed := e.part.node.today(), e.part.node.passed()
	for _, key := range e.dueTimers(ms, passed) {
		l := e.live
		if l == nil || l.broken() != nil {
			break
		}
		t, ok := l.ledger.timers[key]
		if !ok || t.due.UnixMilli() > ms {
			continue // another timer's handler has changed it
		}
		e.fire(key, t, passed)
	}
	if e.live != nil && e.live.broken() == nil {
		e.remindLater(ms)
	}
}

func (e *entity) dueTimers(ms, passed int64) []string {
	var due []string
	timers := e.live.ledger.timers
	for key, t := range timers {
		if t.due.UnixMilli() <= ms && e.live.retries[key].at <= passed {
			due = append(due, key)
		}
	}
	slices.SortFunc(due, func(a, b string) int {
		return cmp.Or(timers[a].due.Compare(timers[b].due), cmp.Compare(a, b))
	})
	return due
}

func (e *entity) fire(key string, t timer, passed int64) {
	gone := appendNote(nil, note{kind: noteTimerGone, key: key})
	what := cause{kind: turn.KindTimer, name: t.name, must: true, notes: gone}
	retries := e.live.retries
	r, err := e.decide(&what, func(tn *turn.Turn, state any) error {
		h, ok := e.cat.Timers[t.name]
		if !ok {
			return errors.New("the category has no OnTimer for it")
		}
		return h.Handle(tn, state, t.data)
	})
	if err == nil {
		delete(e.live.retries, key)
		e.conclude(r, e.snapshot())
		return
	}
	if rejection, ok := errors.AsType[*turn.Rejection](err); ok && rejection.Code != wire.CodeInternal && rejection.Code != wire.CodeOverloaded {
		e.part.log.Warn("timer rejected", "entity", e.id.String(), "timer", key, "code", rejection.Code)
		what = cause{kind: turn.KindTimer, name: t.name, must: true, notes: appendNote(nil, note{kind: noteTimerGone, key: key})}
		if r, err = e.decide(&what, nothing); err == nil {
			e.conclude(r, e.snapshot())
		}
		return
	}
	if e.activate() != nil {
		return
	}
	if e.live.retries == nil {
		e.live.retries = retries // it was read again
	}
	wait := min(max(2*e.live.retries[key].wait, minTimerRetry), maxTimerRetry)
	if e.live.retries == nil {
		e.live.retries = make(map[string]retry)
	}
	e.live.retries[key] = retry{passed + int64(wait), wait}
}

// remindLater sees that the entity is asked again for the first timer that has not fired.
func (e *entity) remindLater(ms int64) {
	var next int64
	for key, t := range e.live.ledger.timers {
		if r, ok := e.live.retries[key]; ok {
			e.part.remind(e, r.at)
			continue
		}
		if at := max(t.due.UnixMilli(), ms+1); next == 0 || at < next {
			next = at
		}
	}
	e.part.remindAt(e, next)
}

// nothing is a handler that decides nothing.
func nothing(*turn.Turn, any) error { return nil }
