package ring

import "sync"

// Budget bounds the bytes of all rings that count against it. When they are more, the rings that
// grew longest ago lose their oldest entries.
type Budget struct {
	max int64

	mu             sync.Mutex
	used           int64
	rings          int
	oldest, newest *Ring // of the rings that hold anything
}

// NewBudget returns a budget of max bytes.
func NewBudget(max int64) *Budget { return &Budget{max: max} }

// Used returns how many bytes the rings hold, and how many rings hold any.
func (b *Budget) Used() (bytes int64, rings int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used, b.rings
}

// grow counts what r holds now and makes room for it. r itself keeps its newest chunk whatever the
// budget says.
func (b *Budget) grow(r *Ring) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unlink(r)
	b.count(r)
	if r.counted > 0 {
		b.link(r)
	}
	for b.used > b.max && b.oldest != nil {
		victim, keep := b.oldest, 0
		if victim == r {
			keep = 1
		}
		trimmed := victim.trim(keep)
		b.count(victim)
		switch {
		case trimmed && victim.counted > 0:
		case victim == r:
			return // it is the last one, with one chunk
		default:
			b.unlink(victim)
		}
	}
}

// forget counts a closed ring for the last time.
func (b *Budget) forget(r *Ring) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unlink(r)
	b.count(r)
}

// Age looks at the n rings that grew longest ago: one that got entries since it was last looked at
// goes to the end of the line, another is emptied. Called at a steady pace it lets go of what
// nobody needs any more.
func (b *Budget) Age(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range min(n, b.rings) {
		r := b.oldest
		b.unlink(r)
		if r.used.Swap(false) {
			b.link(r)
			continue
		}
		for r.trim(0) {
		}
		b.count(r)
	}
}

// count brings the sum up to date with r. A ring's mutex is taken within the budget's, never the
// other way round.
func (b *Budget) count(r *Ring) {
	n := r.bytes()
	b.used += int64(n - r.counted)
	r.counted = n
}

func (b *Budget) link(r *Ring) {
	r.listed = true
	r.older, r.newer = b.newest, nil
	if b.newest != nil {
		b.newest.newer = r
	} else {
		b.oldest = r
	}
	b.newest = r
	b.rings++
}

func (b *Budget) unlink(r *Ring) {
	if !r.listed {
		return
	}
	if r.older != nil {
		r.older.newer = r.newer
	} else {
		b.oldest = r.newer
	}
	if r.newer != nil {
		r.newer.older = r.older
	} else {
		b.newest = r.older
	}
	r.older, r.newer, r.listed = nil, nil, false
	b.rings--
}
