package diskjournal

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// partition is one log.
type partition struct {
	name journal.Partition
	// slot is held by whoever appends or acquires, from before it looks at term and end until
	// its write is settled. So there is one such write at a time, and its outcome is known to the next.
	slot chan struct{}
	// saving is held while a snapshot is compared with the stored one and written.
	saving chan struct{}
	loaded bool // guarded by slot

	mu      sync.Mutex // guards what follows
	term    uint64
	end     journal.Offset
	hash    codec.Hash // of the batch at end
	indexed journal.Offset
	tail    tail
	stale   [][]byte      // keys of wakes to look at again when indexing, staleMax at most
	changed chan struct{} // closed, and replaced, when there is a new batch
}

// staleMax bounds the keys of wakes that are remembered for removal. More are found again.
const staleMax = 1024

// partition returns p, loaded or not.
func (j *Journal) partition(p journal.Partition) *partition {
	j.mu.Lock()
	defer j.mu.Unlock()
	part := j.partitions[p]
	if part == nil {
		part = &partition{
			name:    p,
			slot:    make(chan struct{}, 1),
			saving:  make(chan struct{}, 1),
			changed: make(chan struct{}),
		}
		j.partitions[p] = part
	}
	return part
}

// occupy takes a slot.
func (j *Journal) occupy(ctx context.Context, slot chan struct{}) error {
	select {
	case slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-j.closing:
		return j.stopped()
	}
}

// Acquire makes the caller the owner of p.
func (j *Journal) Acquire(ctx context.Context, p journal.Partition) (journal.Log, error) {
	l, err := j.acquire(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("acquire %s: %w", p, err)
	}
	return l, nil
}

func (j *Journal) acquire(ctx context.Context, p journal.Partition) (*Log, error) {
	if err := checkPartition(p); err != nil {
		return nil, err
	}
	if err := j.begin(ctx); err != nil {
		return nil, err
	}
	defer j.end()
	part := j.partition(p)
	if err := j.occupy(ctx, part.slot); err != nil {
		return nil, err
	}
	if !part.loaded {
		if err := j.load(ctx, part); err != nil {
			<-part.slot
			return nil, err
		}
		part.loaded = true
	}
	part.mu.Lock()
	at := codec.Position{Term: part.term + 1, Offset: part.end, Hash: part.hash}
	part.mu.Unlock()
	key := partitionKey(keyPartition, p)
	c := &commit{
		key:   key,
		value: codec.AppendPosition(nil, key, at),
		done:  make(chan struct{}),
		settled: func(err error) {
			if err == nil {
				part.mu.Lock()
				part.term = at.Term
				part.mu.Unlock()
			}
			<-part.slot
		},
	}
	j.enqueue(c)
	select {
	case <-c.done:
	case <-ctx.Done():
		return nil, ctx.Err() // the partition may change hands all the same
	}
	if c.err != nil {
		return nil, errors.Join(c.err, j.stopped())
	}
	return &Log{j: j, part: part, term: at.Term}, nil
}

// load reads what is stored of a partition: where its log ends, and the part that is not indexed.
func (j *Journal) load(ctx context.Context, part *partition) error {
	acquired, err := j.position(keyPartition, part.name)
	if err != nil {
		return err
	}
	indexed, err := j.position(keyIndexed, part.name)
	if err != nil {
		return err
	}
	var t tail
	end := indexed
	term := uint64(0)
	lower, upper := batchKey(part.name, indexed.Offset+1), after(partitionKey(keyBatch, part.name))
	err = j.store.scan(lower, upper, func(key []byte, value func() ([]byte, error)) (bool, error) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		v, err := value()
		if err != nil {
			return false, err
		}
		b, h, err := decodeTail(append([]byte(nil), v...))
		if err == nil {
			err = follows(part.name, end.Offset+1, end.Hash, h)
		}
		if err == nil && h.Term < term {
			err = fmt.Errorf("term falls from %d to %d: %w", term, h.Term, journal.ErrCorrupt)
		}
		if err != nil {
			return false, fmt.Errorf("batch at key %x after offset %d: %w", key, end.Offset, err)
		}
		end.Offset, end.Hash, term = h.Offset, b.hash, h.Term
		t.add(b)
		return true, nil
	})
	if err != nil {
		return err
	}
	// The batch up to which the log is indexed, and the one that was its last when the partition
	// was acquired last, must be there.
	for _, known := range []codec.Position{indexed, acquired} {
		if known.Offset > end.Offset {
			return fmt.Errorf("log ends at offset %d and had %d: %w", end.Offset, known.Offset, journal.ErrCorrupt)
		}
		if err := j.verify(part.name, known); err != nil {
			return err
		}
	}
	if term > acquired.Term || end.Offset > 0 && acquired.Term == 0 {
		return fmt.Errorf("log has term %d, the partition only %d: %w", term, acquired.Term, journal.ErrCorrupt)
	}
	if indexed.Offset == 0 {
		runs := partitionKey(keyRun, part.name)
		key, _, err := j.store.last(runs, after(runs), false)
		if err != nil {
			return err
		}
		if key != nil {
			return fmt.Errorf("how far the log is indexed is missing: %w", journal.ErrCorrupt)
		}
	}
	part.mu.Lock()
	part.term, part.end, part.hash, part.indexed, part.tail = acquired.Term, end.Offset, end.Hash, indexed.Offset, t
	part.mu.Unlock()
	j.mu.Lock()
	j.behind += t.bytes
	j.mu.Unlock()
	return nil
}

// position reads the position stored under that kind of key, the zero one when there is none.
func (j *Journal) position(kind byte, p journal.Partition) (codec.Position, error) {
	key := partitionKey(kind, p)
	v, err := j.store.get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return codec.Position{}, nil
	}
	var at codec.Position
	if err == nil {
		at, err = codec.DecodePosition(key, v)
	}
	if err != nil {
		return at, fmt.Errorf("key %x: %w", key, err)
	}
	return at, nil
}

// verify looks whether the batch at a position is there and has its hash.
func (j *Journal) verify(p journal.Partition, at codec.Position) error {
	if at.Offset == 0 {
		return nil
	}
	v, err := j.store.get(batchKey(p, at.Offset))
	if errors.Is(err, pebble.ErrNotFound) {
		return fmt.Errorf("batch at offset %d is missing: %w", at.Offset, journal.ErrCorrupt)
	}
	if err != nil {
		return fmt.Errorf("batch at offset %d: %w", at.Offset, err)
	}
	if h, ok := codec.BatchHash(v); !ok || h != at.Hash {
		return fmt.Errorf("batch at offset %d is another one: %w", at.Offset, journal.ErrCorrupt)
	}
	return nil
}

// follows checks that a batch stands where it should, after the batch with the hash given.
func follows(p journal.Partition, at journal.Offset, previous codec.Hash, h codec.Header) error {
	switch {
	case h.Partition != p:
		return fmt.Errorf("belongs to partition %s: %w", h.Partition, journal.ErrCorrupt)
	case h.Offset != at:
		return fmt.Errorf("has offset %d, not %d: %w", h.Offset, at, journal.ErrCorrupt)
	case h.Previous != previous:
		return fmt.Errorf("hash chain is broken: %w", journal.ErrCorrupt)
	}
	return nil
}
