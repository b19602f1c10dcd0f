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
	// pieceBytes is about what a piece takes beside its bytes.
	pieceBytes = 256
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
	pieces [][]byte // as they came: what is announced takes no memory
	size   int      // of them
	last   time.Time
}

// held is about how much memory is kept for one.
func (p *partial) held() int { return p.size + len(p.pieces)*pieceBytes }

// add takes the next piece of an envelope, which it keeps, and returns all of them with the last one. Torn counts envelopes that are given up.
func (a *parts) add(subject string, p *part, now time.Time) (whole [][]byte, torn int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	torn = a.age(now)
	key := partialKey{p.sender, subject}
	have := a.partial[key]
	if have != nil && (have.number != p.number || have.total != p.total || p.offset != uint64(have.size)) {
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
	have.pieces, have.size, have.last = append(have.pieces, p.data), have.size+len(p.data), now
	a.bytes += len(p.data) + pieceBytes
	if uint64(have.size) == have.total {
		a.drop(key)
		return have.pieces, torn
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
	a.bytes -= a.partial[key].held()
	delete(a.partial, key)
}
