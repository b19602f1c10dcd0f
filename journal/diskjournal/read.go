package diskjournal

import (
	"context"
	"fmt"
	"iter"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// A page is what is read at a time: no iterator of Pebble's is open while the reader's code runs,
// so that no reader can hold up Close or the removal of files.
const (
	pageBytes = 1 << 20
	pageKeys  = 256
)

// Read yields the durable batches after the offset given.
func (l *Log) Read(ctx context.Context, from journal.Offset) iter.Seq2[journal.Stored, error] {
	l.part.mu.Lock()
	end := codec.Position{Offset: l.part.end, Hash: l.part.hash}
	l.part.mu.Unlock()
	return func(yield func(journal.Stored, error) bool) {
		at := codec.Position{Offset: from}
		var err error
		for first := true; err == nil && (first || at.Offset < end.Offset); first = false {
			var page [][]byte
			if page, err = l.page(ctx, &at, end.Offset, first); err != nil {
				break
			}
			for _, data := range page {
				if err = l.usable(ctx); err != nil {
					break
				}
				var s journal.Stored
				if s, err = l.decode(data, &at); err != nil {
					break
				}
				if at.Offset == end.Offset && at.Hash != end.Hash {
					err = fmt.Errorf("batch at offset %d is another one: %w", at.Offset, journal.ErrCorrupt)
					break
				}
				if !yield(s, nil) {
					return
				}
			}
		}
		if err != nil {
			yield(journal.Stored{}, fmt.Errorf("read %s after offset %d: %w", l.part.name, at.Offset, err))
		}
	}
}

// page returns the next encoded batches up to end. The first time, it also sets the hash of the batch that
// they follow.
func (l *Log) page(ctx context.Context, at *codec.Position, end journal.Offset, first bool) ([][]byte, error) {
	if err := l.j.begin(ctx); err != nil {
		return nil, err
	}
	defer l.j.end()
	if at.Offset >= end {
		return nil, nil
	}
	if first && at.Offset > 0 {
		v, err := l.j.store.get(batchKey(l.part.name, at.Offset))
		if err != nil {
			return nil, fmt.Errorf("batch at offset %d: %w: %w", at.Offset, journal.ErrCorrupt, err)
		}
		at.Hash, _ = codec.BatchHash(v)
	}
	var page [][]byte
	size := 0
	lower, upper := batchKey(l.part.name, at.Offset+1), batchKey(l.part.name, end+1)
	err := l.j.store.scan(lower, upper, func(_ []byte, value func() ([]byte, error)) (bool, error) {
		v, err := value()
		if err != nil {
			return false, err
		}
		page, size = append(page, append([]byte(nil), v...)), size+len(v)
		return size < pageBytes && len(page) < pageKeys, nil
	})
	if err == nil && len(page) == 0 {
		err = fmt.Errorf("batch at offset %d is missing: %w", at.Offset+1, journal.ErrCorrupt)
	}
	return page, err
}

// decode verifies the batch after at and moves at past it.
func (l *Log) decode(data []byte, at *codec.Position) (journal.Stored, error) {
	h, records, hash, err := codec.DecodeBatch(data, nil)
	if err != nil {
		return journal.Stored{}, err
	}
	if err := follows(l.part.name, at.Offset+1, at.Hash, h); err != nil {
		return journal.Stored{}, err
	}
	at.Offset, at.Hash = h.Offset, hash
	return journal.Stored{Offset: h.Offset, Term: h.Term, Records: records}, nil
}
