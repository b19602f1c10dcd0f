// Package ring holds rings of bytes that are ready for the wire: what many links send, kept once.
package ring

import (
	"slices"
	"sort"
	"sync"
	"sync/atomic"
)

// Ring is an append-only sequence of entries. A position is one more than the number of
// bytes before it since the ring was made; the ring keeps those from Tail to Head, on entries' boundaries. An entry is
// durable, with a revision that rises, or ephemeral. It is safe for concurrent use.
type Ring struct {
	budget *Budget
	max    int
	used   atomic.Bool // since the budget last looked; see Budget.Age

	mu     sync.Mutex
	chunks []*chunk // replaced or resliced, never changed in place, since views share them
	head   uint64
	floor  uint64 // all durable entries with a higher revision are in the ring
	last   uint64 // revision of the newest durable entry, or the first floor
	size   int    // bytes, as chunk.bytes counts
	closed bool

	// What follows belongs to the budget: its list, from the ring that grew longest ago to the
	// one that grew last, and what it last counted.
	older, newer *Ring
	listed       bool
	counted      int
}

// New returns an empty ring that holds at most about max bytes and counts them against the budget.
// The first durable entry that it gets is the first one with a revision above floor.
func New(b *Budget, max int, floor uint64) *Ring {
	return &Ring{budget: b, max: max, head: 1, floor: floor, last: floor}
}

// Append adds an entry with the bytes of p and returns where it begins and ends. A durable entry
// whose revision is not above all before it is already known and is not added again: start and end
// are then equal. rev is ignored for an ephemeral entry. When the ring is full, its oldest entries
// make room. at is what StampAt tells of the entry.
func (r *Ring) Append(p []byte, rev uint64, ephemeral bool, at Stamp) (start, end uint64) {
	r.used.Store(true)
	r.mu.Lock()
	start = r.head
	if r.closed || (!ephemeral && rev <= r.last) || len(p) == 0 {
		r.mu.Unlock()
		return start, start
	}
	if ephemeral {
		rev = r.last
	}
	r.last = rev
	grown := false
	last := r.newest()
	if last == nil || !last.fits(len(p)) {
		before := 0
		if last != nil {
			before = len(last.data)
		}
		last = newChunk(r.head, before, len(p))
		r.chunks = append(r.chunks, last)
		r.size += last.bytes()
		for r.size > r.max && len(r.chunks) > 1 {
			r.drop()
		}
		grown = true
	}
	last.append(p, rev, ephemeral, at)
	r.head += uint64(len(p))
	end = r.head
	r.mu.Unlock()
	if grown {
		r.budget.grow(r)
	}
	return start, end
}

func (r *Ring) newest() *chunk {
	if len(r.chunks) == 0 {
		return nil
	}
	return r.chunks[len(r.chunks)-1]
}

// drop lets the oldest chunk go.
func (r *Ring) drop() {
	c := r.chunks[0]
	r.floor = c.marks[len(c.marks)-1].rev
	r.chunks = slices.Clone(r.chunks[1:])
	r.size -= c.bytes()
}

// trim lets the oldest of more than keep chunks go, and reports whether there was one.
func (r *Ring) trim(keep int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.chunks) <= keep {
		return false
	}
	r.drop()
	return true
}

// bytes returns what the ring counts against the budget.
func (r *Ring) bytes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.size
}

// Close gives back what the ring holds. Whatever is appended afterwards is dropped, and every
// position is below the tail, so that whoever follows the ring learns that it has ended.
func (r *Ring) Close() {
	r.mu.Lock()
	r.closed = true
	r.chunks, r.size = nil, 0
	r.floor = r.last
	r.head++
	r.mu.Unlock()
	r.budget.forget(r)
}

// Closed reports whether the ring was closed.
func (r *Ring) Closed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// Head returns the position after the newest entry.
func (r *Ring) Head() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.head
}

// Last returns the revision of the newest durable entry, or the ring's first floor.
func (r *Ring) Last() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// Place returns the position of whoever has everything up to rev, and the head: what lies between
// them came before and concerns it only where it is durable. It reports false when entries after
// rev are gone.
func (r *Ring) Place(rev uint64) (pos, head uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rev >= r.last {
		return r.head, r.head, !r.closed
	}
	if rev < r.floor || r.closed {
		return 0, r.head, false
	}
	i := sort.Search(len(r.chunks), func(i int) bool {
		m := r.chunks[i].marks
		return m[len(m)-1].rev > rev
	})
	c := r.chunks[i]
	j := sort.Search(len(c.marks), func(j int) bool { return c.marks[j].rev > rev })
	return c.base + uint64(c.marks[j].off), r.head, true
}

// RevisionAt returns the revision of the last durable entry before pos, an entry's boundary that
// the ring still holds, and false when it does not.
func (r *Ring) RevisionAt(pos uint64) (uint64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if pos == r.head && !r.closed {
		return r.last, true
	}
	c := r.find(pos)
	if c == nil {
		return 0, false
	}
	if i := c.at(pos); i > 0 {
		return c.marks[i-1].rev, true
	}
	for i := 1; i < len(r.chunks); i++ {
		if r.chunks[i] == c {
			before := r.chunks[i-1]
			return before.marks[len(before.marks)-1].rev, true
		}
	}
	return r.floor, true
}

// StampAt returns the stamp of the entry that begins at pos, and none where the ring does not hold it.
func (r *Ring) StampAt(pos uint64) Stamp {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.find(pos)
	if c == nil {
		return 0
	}
	const near = 8 // most often it is one of the newest
	for i := len(c.marks) - 1; i >= max(len(c.marks)-near, 0); i-- {
		if c.base+uint64(c.marks[i].off) == pos {
			return c.marks[i].stamp()
		}
	}
	return c.marks[c.at(pos)].stamp()
}

// find returns the chunk that holds the byte at pos, or nil.
func (r *Ring) find(pos uint64) *chunk {
	for i := len(r.chunks) - 1; i >= 0; i-- {
		if c := r.chunks[i]; pos >= c.base {
			if pos < c.end() {
				return c
			}
			return nil
		}
	}
	return nil
}

// NextDurable returns the first stretch of durable entries that begins at or after from, an
// entry's boundary, and ends at or before to. Where there is none, start and end are to. It reports
// false when entries after from are gone.
func (r *Ring) NextDurable(from, to uint64) (start, end uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	start, end = to, to
	if r.closed || len(r.chunks) == 0 || from < r.chunks[0].base {
		return start, end, from == r.head && !r.closed
	}
	for _, c := range r.chunks {
		if c.end() <= from {
			continue
		}
		i := 0
		if from > c.base {
			i = c.at(from)
		}
		for ; i < len(c.marks); i++ {
			at := c.base + uint64(c.marks[i].off)
			switch {
			case at >= to:
				return start, end, true
			case !c.marks[i].ephemeral() && start == to:
				start, end = at, c.entryEnd(i)
			case !c.marks[i].ephemeral():
				end = c.entryEnd(i)
			case start != to:
				return start, end, true
			}
		}
	}
	return start, end, true
}
