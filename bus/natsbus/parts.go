package natsbus

import (
	"sync"
	"time"
)

const (
	// maxPartialBytes bounds what a bus holds of envelopes that have not arrived whole. When it is full, the one that has
	// waited longest for its next part makes room.
	maxPartialBytes = 2 * MaxEnvelopeBytes
	// maxPartials bounds their number alike.
	maxPartials = 1024
	// partialAge is how long one is kept that gets nothing more.
	partialAge = 10 * time.Second
)

// parts puts envelopes together that have come in pieces.
type parts struct {
	mu      sync.Mutex
	partial map[partialKey]*partial
	bytes   int
}

// partialKey tells envelopes apart that are under way at the same time: a sender finishes one at a subject before it begins
// the next.
type partialKey struct {
	sender  uint64
	subject string
}

type partial struct {
	number uint64
	total  uint64
	data   []byte
	last   time.Time
}

// add takes the next piece of an envelope, and returns the envelope when it is whole. Torn counts envelopes that are given up.
func (a *parts) add(subject string, p *part, now time.Time) (whole []byte, torn int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	torn = a.age(now)
	key := partialKey{p.sender, subject}
	have := a.partial[key]
	if have != nil && (have.number != p.number || have.total != p.total || p.offset != uint64(len(have.data))) {
		a.drop(key)
		torn++
		have = nil
	}
	if have == nil {
		if p.offset != 0 {
			return nil, torn // its beginning was lost, and has been counted if it was here
		}
		have = &partial{number: p.number, total: p.total}
		if a.partial == nil {
			a.partial = make(map[partialKey]*partial)
		}
		a.partial[key] = have
	}
	have.data = append(have.data, p.data...) // grows with what comes, not with what is announced
	have.last = now
	a.bytes += len(p.data)
	if uint64(len(have.data)) == have.total {
		a.drop(key)
		return have.data, torn
	}
	for a.bytes > maxPartialBytes || len(a.partial) > maxPartials {
		a.drop(a.oldest())
		torn++
	}
	return nil, torn
}

// age gives up what has got nothing for long, and returns how many that were.
func (a *parts) age(now time.Time) (torn int) {
	for key, have := range a.partial {
		if now.Sub(have.last) > partialAge {
			a.drop(key)
			torn++
		}
	}
	return torn
}

func (a *parts) oldest() (oldest partialKey) {
	var last time.Time
	for key, have := range a.partial {
		if last.IsZero() || have.last.Before(last) {
			oldest, last = key, have.last
		}
	}
	return oldest
}

func (a *parts) drop(key partialKey) {
	a.bytes -= len(a.partial[key].data)
	delete(a.partial, key)
}
