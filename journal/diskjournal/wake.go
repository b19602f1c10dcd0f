package diskjournal

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// Due yields the entities that must be activated by the time given: those of the tail and those of the index,
// merged by time.
//
// The index has a key for each wake that was an entity's last when it was indexed. Such a key is
// not taken back when a later record has another wake, which would cost a read for each record; it
// is compared with the last record when it comes due, and removed when the partition is indexed next.
func (l *Log) Due(ctx context.Context, until time.Time) iter.Seq2[journal.Wake, error] {
	return func(yield func(journal.Wake, error) bool) {
		if err := l.due(ctx, until.UnixMilli(), yield); err != nil {
			yield(journal.Wake{}, fmt.Errorf("due in %s: %w", l.part.name, l.because(err)))
		}
	}
}

func (l *Log) due(ctx context.Context, until int64, yield func(journal.Wake, error) bool) error {
	recent, inTail := l.recentWakes(until)
	next := partitionKey(keyWake, l.part.name)
	upper := after(next)
	if until < math.MaxInt64 {
		upper = binary.BigEndian.AppendUint64(bytes.Clone(next), timeBits(until+1))
	}
	for next != nil {
		var page []journal.Wake
		var err error
		if page, next, err = l.wakes(ctx, next, upper, inTail); err != nil {
			return err
		}
		for _, w := range page {
			for len(recent) > 0 && recent[0].At.Before(w.At) {
				if !yield(recent[0], nil) {
					return nil
				}
				recent = recent[1:]
			}
			if !yield(w, nil) {
				return nil
			}
		}
	}
	for _, w := range recent {
		if !yield(w, nil) {
			return nil
		}
	}
	return l.usable(ctx)
}

// recentWakes returns the wakes of the tail that are due, in order, and all entities that it has records of.
func (l *Log) recentWakes(until int64) ([]journal.Wake, map[journal.Entity]bool) {
	l.part.mu.Lock()
	defer l.part.mu.Unlock()
	l.part.tail.fold()
	entities := make(map[journal.Entity]bool, len(l.part.tail.recent))
	var due []journal.Wake
	for e, entries := range l.part.tail.recent {
		entities[e] = true
		if w := entries[len(entries)-1].wake; w != 0 && w <= until {
			due = append(due, journal.Wake{Entity: e, At: time.UnixMilli(w)})
		}
	}
	slices.SortFunc(due, func(a, b journal.Wake) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Entity.ID, b.Entity.ID)) })
	return due, entities
}

// wakes returns the next wakes of the index, from the key next on, and the key to go on from, nil at the end.
func (l *Log) wakes(ctx context.Context, next, upper []byte, except map[journal.Entity]bool) ([]journal.Wake, []byte, error) {
	if err := l.begin(ctx); err != nil {
		return nil, nil, err
	}
	defer l.j.end()
	var keys [][]byte
	err := l.j.store.scan(next, upper, func(key []byte, _ func() ([]byte, error)) (bool, error) {
		keys = append(keys, bytes.Clone(key))
		return len(keys) < pageKeys, nil
	})
	if err != nil {
		return nil, nil, err
	}
	var page []journal.Wake
	for _, key := range keys {
		at, e, ok := parseWake(key)
		if !ok {
			return nil, nil, fmt.Errorf("key %x: %w", key, journal.ErrCorrupt)
		}
		if except[e] {
			continue
		}
		wake, err := l.j.indexedWake(l.part.name, e)
		if err != nil {
			return nil, nil, err
		}
		if wake == at {
			page = append(page, journal.Wake{Entity: e, At: time.UnixMilli(at)})
		} else {
			l.forget(key)
		}
	}
	if len(keys) < pageKeys {
		return page, nil, nil
	}
	return page, append(keys[len(keys)-1], 0), nil
}

// forget remembers a stale wake for removal.
func (l *Log) forget(key []byte) {
	l.part.mu.Lock()
	defer l.part.mu.Unlock()
	if len(l.part.stale) < staleMax {
		l.part.stale = append(l.part.stale, key)
	}
}
