package online

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/tutti-rt/tutti/wire"
)

// Following is a set of subjects that somebody wants to know of. Next is called by one goroutine at a time.
type Following struct {
	agent    *Agent
	subjects []string // sorted, each once

	mu      sync.Mutex
	unknown int              // how many of them are not known yet
	pending map[string]int64 // what Next has not returned yet: since when they are online; 0: they are not
	ready   chan struct{}    // holds a token when Next may have something
	begun   bool             // Next has returned who is online
}

// Follow returns a following of these subjects. Whoever gets it closes it.
func (a *Agent) Follow(subjects []string) *Following {
	all := slices.Clone(subjects)
	slices.Sort(all)
	all = slices.Compact(all)
	f := &Following{
		agent: a, subjects: all, unknown: len(all), pending: make(map[string]int64), ready: make(chan struct{}, 1),
	}
	for _, name := range all {
		a.stream(name).follow(name, f)
	}
	a.wake()
	return f
}

// tell notes what has become of a subject. What was noted before and has not been asked for is replaced, so that a following never
// holds more than its subjects.
func (f *Following) tell(name string, since int64, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if first {
		f.unknown--
	}
	f.pending[name] = since
	select {
	case f.ready <- struct{}{}:
	default: // Next looks anyway
	}
}

// Next waits for changes and returns them, each with Came or Went. The first time it waits until everything is known, and returns
// those who are online. The error is that of ctx.
func (f *Following) Next(ctx context.Context) ([]wire.Subject, error) {
	for {
		if all, ok := f.Changes(); ok {
			return all, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-f.ready:
		}
	}
}

// Ready holds a token when Changes may have something.
func (f *Following) Ready() <-chan struct{} { return f.ready }

// Changes returns what Next would, if it would not have to wait.
func (f *Following) Changes() (all []wire.Subject, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unknown > 0 || f.begun && len(f.pending) == 0 {
		return nil, false
	}
	for name, since := range f.pending {
		if f.begun || since != 0 {
			all = append(all, state(name, since))
		}
	}
	slices.SortFunc(all, func(a, b wire.Subject) int { return strings.Compare(a.Name, b.Name) })
	clear(f.pending)
	f.begun = true
	return all, true
}

// Close ends the following.
func (f *Following) Close() {
	for _, name := range f.subjects {
		f.agent.stream(name).unfollow(name, f)
	}
	f.agent.wake()
}
