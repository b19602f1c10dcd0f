package memjournal

import (
	"fmt"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// partition is one log. The journal's mutex guards it.
type partition struct {
	name      journal.Partition
	term      uint64
	hash      codec.Hash // of the last batch
	batches   [][]byte   // encoded; batch i has offset i+1
	entities  map[journal.Entity]*entity
	snapshots map[journal.Entity]journal.Snapshot
	changed   chan struct{} // closed, and replaced, when there is a new batch or a replica has got more
	group     group         // of a cluster's partition
}

// entity is where the records of one entity are.
type entity struct {
	records []place
}

// place is where the body of a record is, and which one it is.
type place struct {
	at   journal.Offset
	mark journal.Mark
	body []byte
	wake int64
}

func newPartition(p journal.Partition) *partition {
	return &partition{
		name:      p,
		entities:  make(map[journal.Entity]*entity),
		snapshots: make(map[journal.Entity]journal.Snapshot),
		changed:   make(chan struct{}),
	}
}

// last returns the mark of the last record of e.
func (p *partition) last(e journal.Entity) journal.Mark {
	if known := p.entities[e]; known != nil {
		return known.records[len(known.records)-1].mark
	}
	return journal.Mark{}
}

// store appends b. Records that do not follow what their entities have are refused.
func (p *partition) store(b journal.Batch) (journal.Offset, error) {
	next := make(map[journal.Entity]journal.Mark)
	for i := range b.Records {
		r := &b.Records[i]
		last, ok := next[r.Entity]
		if !ok {
			last = p.last(r.Entity)
		}
		if r.Seq != last.Seq+1 || r.Revision != last.Revision+uint64(len(r.Events)) {
			return 0, fmt.Errorf("record %d of %s at revision %d with %d events does not follow record %d at revision %d",
				r.Seq, r.Entity, r.Revision, len(r.Events), last.Seq, last.Revision)
		}
		next[r.Entity] = r.Mark()
	}
	at := journal.Offset(len(p.batches) + 1)
	h := codec.Header{Partition: p.name, Term: p.term, Offset: at, Previous: p.hash}
	spans := make([]codec.Span, len(b.Records))
	data, hash := codec.AppendBatch(nil, h, b.Records, func(i int, s codec.Span) { spans[i] = s })
	if len(data) > journal.MaxBatchBytes {
		return 0, fmt.Errorf("%d bytes: %w", len(data), journal.ErrTooLarge)
	}
	p.batches, p.hash = append(p.batches, data), hash
	for i := range b.Records {
		r := &b.Records[i]
		known := p.entities[r.Entity]
		if known == nil {
			known = &entity{}
			p.entities[r.Entity] = known
		}
		known.records = append(known.records, place{at, r.Mark(), data[spans[i].Start:spans[i].End], r.Wake})
	}
	p.grew()
	return at, nil
}

// grew has those look again who wait for batches.
func (p *partition) grew() {
	close(p.changed)
	p.changed = make(chan struct{})
}
