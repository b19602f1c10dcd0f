package memjournal

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sort"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// Log is the log of one partition in the hands of one owner.
type Log struct {
	j    *Journal
	part *partition
	term uint64
	// held returns how many batches are to be seen, of the log of a replica; nil: all.
	held func() int
}

var _ journal.Log = (*Log)(nil)

// Append stores b.
func (l *Log) Append(ctx context.Context, b journal.Batch) (journal.Offset, error) {
	at, err := l.append(ctx, b)
	if err != nil {
		return 0, fmt.Errorf("append to %s: %w", l.part.name, err)
	}
	return at, nil
}

func (l *Log) append(ctx context.Context, b journal.Batch) (journal.Offset, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if len(b.Records) == 0 {
		return 0, errEmpty
	}
	l.j.mu.Lock()
	if err := l.check(); err != nil {
		l.j.mu.Unlock()
		return 0, err
	}
	l.j.appends.Add(1)
	f := l.j.faults.Append
	l.j.mu.Unlock()
	defer l.j.appends.Done()

	var fault Fault
	if f != nil {
		fault = f(ctx, l.part.name, b)
	}
	if fault.Err != nil && !fault.Stored {
		return 0, fault.Err
	}
	l.j.mu.Lock()
	defer l.j.mu.Unlock()
	if l.part.term != l.term {
		return 0, journal.ErrFenced
	}
	at, err := l.part.store(b)
	if fault.Err != nil {
		return 0, fault.Err
	}
	return at, err
}

// check returns ErrClosed or ErrFenced where they apply. The caller holds the journal's mutex.
func (l *Log) check() error {
	switch {
	case l.j.isClosed():
		return journal.ErrClosed
	case l.part.term != l.term:
		return journal.ErrFenced
	}
	return nil
}

// Confirm returns nil when the partition is still the caller's.
func (l *Log) Confirm(ctx context.Context) error {
	l.j.mu.Lock()
	defer l.j.mu.Unlock()
	if err := cmp.Or(ctx.Err(), l.check()); err != nil {
		return fmt.Errorf("confirm %s: %w", l.part.name, err)
	}
	return nil
}

// End returns the offset of the last batch.
func (l *Log) End() journal.Offset {
	l.j.mu.Lock()
	defer l.j.mu.Unlock()
	return journal.Offset(len(l.seen()))
}

// seen returns the batches that are to be seen. The caller holds the journal's mutex.
func (l *Log) seen() [][]byte {
	if l.held == nil {
		return l.part.batches
	}
	return l.part.batches[:min(l.held(), len(l.part.batches))]
}

// places returns where the records of e are that are to be seen. The caller holds the journal's mutex.
func (l *Log) places(e journal.Entity) []place {
	known := l.part.entities[e]
	if known == nil {
		return nil
	}
	end := journal.Offset(len(l.seen()))
	return known.records[:sort.Search(len(known.records), func(i int) bool { return known.records[i].at > end })]
}

// last returns the mark of the last record of e that is to be seen. The caller holds the journal's mutex.
func (l *Log) last(e journal.Entity) journal.Mark {
	places := l.places(e)
	if len(places) == 0 {
		return journal.Mark{}
	}
	return places[len(places)-1].mark
}

// Read yields the batches after the offset given.
func (l *Log) Read(ctx context.Context, after journal.Offset) iter.Seq2[journal.Stored, error] {
	l.j.mu.Lock()
	batches := l.seen()
	l.j.mu.Unlock()
	return func(yield func(journal.Stored, error) bool) {
		var before codec.Hash
		for i := uint64(after); i < uint64(len(batches)); i++ {
			err := l.usable(ctx)
			var h codec.Header
			var s journal.Stored
			if err == nil {
				var hash codec.Hash
				h, s.Records, hash, err = codec.DecodeBatch(bytes.Clone(batches[i]), nil)
				if err == nil && i > uint64(after) && h.Previous != before {
					err = fmt.Errorf("hash chain: %w", journal.ErrCorrupt)
				}
				before = hash
			}
			if err != nil {
				yield(journal.Stored{}, fmt.Errorf("read %s at offset %d: %w", l.part.name, i+1, err))
				return
			}
			s.Offset, s.Term = h.Offset, h.Term
			if !yield(s, nil) {
				return
			}
		}
		if err := l.usable(ctx); err != nil {
			yield(journal.Stored{}, fmt.Errorf("read %s: %w", l.part.name, err))
		}
	}
}

// usable returns why nothing can be read any more, if so.
func (l *Log) usable(ctx context.Context) error {
	if l.j.isClosed() {
		return journal.ErrClosed
	}
	return ctx.Err()
}

// Wait returns once there is a batch after the offset given.
func (l *Log) Wait(ctx context.Context, after journal.Offset) error {
	for {
		l.j.mu.Lock()
		end, changed := journal.Offset(len(l.seen())), l.part.changed
		l.j.mu.Unlock()
		if err := l.usable(ctx); err != nil {
			return fmt.Errorf("wait for %s: %w", l.part.name, err)
		}
		if end > after {
			return nil
		}
		select {
		case <-changed:
		case <-l.j.closed:
		case <-ctx.Done():
		}
	}
}

// Records yields the records of e after the mark given.
func (l *Log) Records(ctx context.Context, e journal.Entity, after journal.Mark) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		var places []place
		err := l.faulty(ctx, e)
		if err == nil {
			l.j.mu.Lock()
			places = l.places(e)
			l.j.mu.Unlock()
			places = places[sort.Search(len(places), func(i int) bool {
				return places[i].mark.Seq > after.Seq && places[i].mark.Revision >= after.Revision
			}):]
		}
		for i := 0; err == nil && i < len(places); i++ {
			var r journal.Record
			r, err = codec.DecodeRecord(bytes.Clone(places[i].body), e)
			if err == nil {
				err = l.usable(ctx)
			}
			if told := l.j.current().Records; err == nil && told != nil {
				told(e)
			}
			if err == nil && !yield(r, nil) {
				return
			}
		}
		if err != nil {
			yield(journal.Record{}, fmt.Errorf("records of %s: %w", e, err))
		}
	}
}

// faulty returns the injected error for an entity, or why nothing can be read any more.
func (l *Log) faulty(ctx context.Context, e journal.Entity) error {
	if f := l.j.current().Entity; f != nil {
		if err := f(ctx, e); err != nil {
			return err
		}
	}
	return l.usable(ctx)
}

// Last returns the mark of the last record of e.
func (l *Log) Last(ctx context.Context, e journal.Entity) (journal.Mark, error) {
	if err := l.faulty(ctx, e); err != nil {
		return journal.Mark{}, fmt.Errorf("last record of %s: %w", e, err)
	}
	l.j.mu.Lock()
	defer l.j.mu.Unlock()
	return l.last(e), nil
}

// SaveSnapshot stores s.
func (l *Log) SaveSnapshot(ctx context.Context, s journal.Snapshot) error {
	if err := l.saveSnapshot(ctx, s); err != nil {
		return fmt.Errorf("save snapshot of %s: %w", s.Entity, err)
	}
	return nil
}

func (l *Log) saveSnapshot(ctx context.Context, s journal.Snapshot) error {
	if f := l.j.current().SaveSnapshot; f != nil {
		if err := f(ctx, s); err != nil {
			return err
		}
	}
	l.j.mu.Lock()
	defer l.j.mu.Unlock()
	if err := cmp.Or(ctx.Err(), l.check()); err != nil {
		return err
	}
	if last := l.part.last(s.Entity); s.Mark.Seq > last.Seq || s.Mark.Revision > last.Revision {
		return fmt.Errorf("of record %d at revision %d, beyond the last record %d at revision %d", s.Mark.Seq, s.Mark.Revision, last.Seq, last.Revision)
	}
	if old, ok := l.part.snapshots[s.Entity]; ok && old.Mark.Seq > s.Mark.Seq {
		return fmt.Errorf("of record %d, older than the stored one of record %d", s.Mark.Seq, old.Mark.Seq)
	}
	s.State, s.Notes = bytes.Clone(s.State), bytes.Clone(s.Notes)
	l.part.snapshots[s.Entity] = s
	return nil
}

// Snapshot returns the newest snapshot of e.
func (l *Log) Snapshot(ctx context.Context, e journal.Entity) (journal.Snapshot, bool, error) {
	if err := l.faulty(ctx, e); err != nil {
		return journal.Snapshot{}, false, fmt.Errorf("snapshot of %s: %w", e, err)
	}
	l.j.mu.Lock()
	defer l.j.mu.Unlock()
	s, ok := l.part.snapshots[e]
	if s.Mark.Seq > l.last(e).Seq {
		return journal.Snapshot{}, false, nil
	}
	s.State, s.Notes = bytes.Clone(s.State), bytes.Clone(s.Notes)
	return s, ok, nil
}

// Due yields the entities that must be activated by the time given.
func (l *Log) Due(ctx context.Context, until time.Time) iter.Seq2[journal.Wake, error] {
	return func(yield func(journal.Wake, error) bool) {
		var due []journal.Wake
		l.j.mu.Lock()
		for e, known := range l.part.entities {
			if wake := known.records[len(known.records)-1].wake; wake != 0 && wake <= until.UnixMilli() {
				due = append(due, journal.Wake{Entity: e, At: time.UnixMilli(wake)})
			}
		}
		l.j.mu.Unlock()
		slices.SortFunc(due, func(a, b journal.Wake) int {
			return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Entity.Category, b.Entity.Category), cmp.Compare(a.Entity.ID, b.Entity.ID))
		})
		for _, w := range due {
			if l.usable(ctx) != nil || !yield(w, nil) {
				break
			}
		}
		if err := l.usable(ctx); err != nil {
			yield(journal.Wake{}, fmt.Errorf("due in %s: %w", l.part.name, err))
		}
	}
}
