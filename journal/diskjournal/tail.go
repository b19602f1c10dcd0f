package diskjournal

import (
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// tail is the part of a log that is not indexed: it is answered from memory. The partition's mutex
// guards it; batches and entries never change.
type tail struct {
	batches []*tailBatch
	bytes   int
	// recent finds the entries of an entity in the first folded batches. It is made when somebody reads.
	recent map[journal.Entity][]*entry
	folded int
}

// tailBatch is one batch of a tail.
type tailBatch struct {
	offset journal.Offset
	hash   codec.Hash
	// previous is the hash of the batch before.
	previous codec.Hash
	entries  []entry
	size     int
}

// entry is one record of a tail.
type entry struct {
	entity journal.Entity
	mark   journal.Mark
	wake   int64
	body   []byte
}

func newEntry(r *journal.Record, body []byte) entry {
	return entry{entity: r.Entity, mark: r.Mark(), wake: r.Wake, body: body}
}

// decodeTail decodes and verifies a batch that was not indexed when the journal was closed. It keeps data.
func decodeTail(data []byte) (*tailBatch, codec.Header, error) {
	var spans []codec.Span
	h, records, hash, err := codec.DecodeBatch(data, func(_ int, s codec.Span) { spans = append(spans, s) })
	if err != nil {
		return nil, h, err
	}
	b := &tailBatch{offset: h.Offset, hash: hash, previous: h.Previous, entries: make([]entry, len(records)), size: len(data)}
	for i := range records {
		b.entries[i] = newEntry(&records[i], data[spans[i].Start:spans[i].End])
	}
	return b, h, nil
}

func (t *tail) add(b *tailBatch) {
	t.batches = append(t.batches, b)
	t.bytes += b.size
}

// drop forgets the first n batches, which are indexed now, and returns their size.
func (t *tail) drop(n int) int {
	size := 0
	for _, b := range t.batches[:n] {
		size += b.size
	}
	t.batches = append([]*tailBatch(nil), t.batches[n:]...)
	t.bytes -= size
	t.recent, t.folded = nil, 0
	return size
}

// of returns the entries of e, in order.
func (t *tail) of(e journal.Entity) []*entry {
	t.fold()
	return t.recent[e]
}

func (t *tail) fold() {
	if t.recent == nil {
		t.recent = make(map[journal.Entity][]*entry)
	}
	for ; t.folded < len(t.batches); t.folded++ {
		entries := t.batches[t.folded].entries
		for i := range entries {
			e := &entries[i]
			t.recent[e.entity] = append(t.recent[e.entity], e)
		}
	}
}
