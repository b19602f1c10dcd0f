package diskjournal

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"

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
func (r *Replica) Read(ctx context.Context, from journal.Offset) iter.Seq2[journal.Stored, error] {
	r.part.mu.Lock()
	end := codec.Position{Offset: r.part.end, Hash: r.part.hash}
	r.part.mu.Unlock()
	return func(yield func(journal.Stored, error) bool) {
		at := reading{next: from + 1}
		err := r.usable(ctx)
		for first := true; err == nil && at.next <= end.Offset; first = false {
			var page [][]byte
			if page, err = r.page(ctx, &at, end.Offset, first); err != nil {
				break
			}
			for _, data := range page {
				if err = r.usable(ctx); err != nil {
					break
				}
				var s journal.Stored
				if s, err = at.decode(r.part.name, data); err != nil {
					break
				}
				if s.Offset == end.Offset && *at.previous != end.Hash {
					err = fmt.Errorf("batch at offset %d is another one: %w", s.Offset, journal.ErrCorrupt)
					break
				}
				if !yield(s, nil) {
					return
				}
			}
		}
		if err != nil {
			err = r.because(err)
			yield(journal.Stored{}, fmt.Errorf("read %s after offset %d: %w", r.part.name, max(at.next, 1)-1, err))
		}
	}
}

// reading is a place in a log.
type reading struct {
	next     journal.Offset // the first to look at
	previous *codec.Hash    // of the batch before, nil when it is not known
}

// page returns the encoded batches among the next entries up to end. The first time, it also looks for the batch that
// they follow.
func (r *Replica) page(ctx context.Context, at *reading, end journal.Offset, first bool) ([][]byte, error) {
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	defer r.j.end()
	if first && at.next == 1 {
		at.previous = new(codec.Hash)
	} else if first {
		v, err := r.j.store.get(batchKey(r.part.name, at.next-1))
		if err != nil && !errors.Is(err, pebble.ErrNotFound) {
			return nil, fmt.Errorf("batch at offset %d: %w", at.next-1, err)
		}
		if h, ok := codec.BatchHash(v); ok {
			at.previous = &h
		}
	}
	var page [][]byte
	size, keys := 0, 0
	reached := end + 1
	lower, upper := batchKey(r.part.name, at.next), batchKey(r.part.name, end+1)
	err := r.j.store.scan(lower, upper, func(key []byte, value func() ([]byte, error)) (bool, error) {
		v, err := value()
		if err != nil {
			return false, err
		}
		if codec.IsBatch(v) {
			page = append(page, append([]byte(nil), v...))
		}
		keys++
		if size += len(v); size < pageBytes && keys < pageKeys {
			return true, nil
		}
		i, ok := keyOffset(key)
		if !ok {
			return false, fmt.Errorf("key %x: %w", key, journal.ErrCorrupt)
		}
		reached = i + 1
		return false, nil
	})
	if err == nil && reached > end && (len(page) == 0 || !isLast(page[len(page)-1], end)) {
		err = fmt.Errorf("batch at offset %d is missing: %w", end, journal.ErrCorrupt)
	}
	at.next = reached
	return page, err
}

func isLast(batch []byte, end journal.Offset) bool {
	h, ok := codec.BatchHeader(batch)
	return ok && h.Offset == end
}

// decode verifies the next batch.
func (at *reading) decode(p journal.Partition, data []byte) (journal.Stored, error) {
	h, records, hash, err := codec.DecodeBatch(data, nil)
	if err != nil {
		return journal.Stored{}, err
	}
	if at.previous == nil {
		at.previous = &h.Previous
	}
	if err := follows(p, *at.previous, h); err != nil {
		return journal.Stored{}, err
	}
	at.previous = &hash
	return journal.Stored{Offset: h.Offset, Term: h.Term, Records: records}, nil
}
