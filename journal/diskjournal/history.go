package diskjournal

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// Records yields the entity's durable records after the mark given: first those in runs, then those of
// the tail.
func (l *Replica) Records(ctx context.Context, e journal.Entity, from journal.Mark) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		r := recordReader{l: l, entity: e, from: from}
		if err := r.read(ctx, yield); err != nil {
			yield(journal.Record{}, fmt.Errorf("records of %s: %w", e, l.because(err)))
		}
	}
}

// recordReader reads the records of one entity and checks that each follows the one before.
type recordReader struct {
	l      *Replica
	entity journal.Entity
	from   journal.Mark // what is asked for
	last   journal.Mark // of the last record yielded
	begun  bool
}

func (r *recordReader) read(ctx context.Context, yield func(journal.Record, error) bool) error {
	recent := r.l.recent(r.entity)
	prefix := entityKey(keyRun, r.l.part.name, r.entity)
	next := appendMark(bytes.Clone(prefix), journal.Mark{Seq: r.from.Seq + 1, Revision: r.from.Revision})
	for next != nil {
		var page []journal.Record
		var err error
		if page, next, err = r.page(ctx, prefix, next); err != nil {
			return err
		}
		for i := range page {
			if len(recent) > 0 && page[i].Seq >= recent[0].mark.Seq {
				next = nil // indexed since the tail was looked at
				break
			}
			if more, err := r.give(&page[i], yield); !more || err != nil {
				return err
			}
		}
	}
	for _, e := range recent {
		rec, err := codec.DecodeRecord(bytes.Clone(e.body), r.entity)
		if err != nil {
			return err
		}
		if err := r.l.usable(ctx); err != nil {
			return err
		}
		if more, err := r.give(&rec, yield); !more || err != nil {
			return err
		}
	}
	return nil
}

// recent returns the entries of e in the tail.
func (l *Replica) recent(e journal.Entity) []*entry {
	l.part.mu.Lock()
	defer l.part.mu.Unlock()
	return l.part.tail.of(e)
}

// page returns the records of the next runs, from the key next on, and the key to go on from, nil
// at the end.
func (r *recordReader) page(ctx context.Context, prefix, next []byte) (page []journal.Record, more []byte, err error) {
	if err := r.l.begin(ctx); err != nil {
		return nil, nil, err
	}
	defer r.l.j.end()
	size := 0
	err = r.l.j.store.scan(next, after(prefix), func(key []byte, value func() ([]byte, error)) (bool, error) {
		m, ok := runMark(key, prefix)
		if !ok {
			return false, fmt.Errorf("key %x: %w", key, journal.ErrCorrupt)
		}
		if m.Seq <= r.from.Seq {
			return true, nil
		}
		v, err := value()
		if err == nil {
			page, err = codec.DecodeRun(page, key, bytes.Clone(v), r.entity)
		}
		if err != nil {
			return false, fmt.Errorf("run up to record %d: %w", m.Seq, err)
		}
		if last := page[len(page)-1].Mark(); last != m {
			return false, fmt.Errorf("run up to record %d ends at record %d: %w", m.Seq, last.Seq, journal.ErrCorrupt)
		}
		if size += len(v); size < pageBytes/4 {
			return true, nil
		}
		more = append(bytes.Clone(key), 0)
		return false, nil
	})
	return page, more, err
}

// give yields a record if it is asked for, and returns whether to go on.
func (r *recordReader) give(rec *journal.Record, yield func(journal.Record, error) bool) (bool, error) {
	if rec.Seq <= r.from.Seq || rec.Revision < r.from.Revision {
		return true, nil
	}
	before := rec.Revision - uint64(len(rec.Events))
	ok := rec.Seq == r.last.Seq+1 && before == r.last.Revision
	if !r.begun { // the record before this one must be one that was not asked for
		ok = rec.Seq == r.from.Seq+1 || before < r.from.Revision
	}
	if !ok {
		return false, fmt.Errorf("records before record %d are missing: %w", rec.Seq, journal.ErrCorrupt)
	}
	r.begun, r.last = true, rec.Mark()
	return yield(*rec, nil), nil
}

// Last returns the mark of the entity's last durable record.
func (l *Replica) Last(ctx context.Context, e journal.Entity) (journal.Mark, error) {
	m, err := l.last(ctx, e)
	if err != nil {
		return m, fmt.Errorf("last record of %s: %w", e, l.because(err))
	}
	return m, nil
}

func (l *Replica) last(ctx context.Context, e journal.Entity) (journal.Mark, error) {
	if err := l.begin(ctx); err != nil {
		return journal.Mark{}, err
	}
	defer l.j.end()
	if recent := l.recent(e); len(recent) > 0 {
		return recent[len(recent)-1].mark, nil
	}
	prefix := entityKey(keyRun, l.part.name, e)
	key, _, err := l.j.store.last(prefix, after(prefix), false)
	if err != nil || key == nil {
		return journal.Mark{}, err
	}
	m, ok := runMark(key, prefix)
	if !ok {
		return m, fmt.Errorf("key %x: %w", key, journal.ErrCorrupt)
	}
	return m, nil
}
