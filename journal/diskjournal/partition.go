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

// partition is one log, as far as readers see it.
type partition struct {
	name journal.Partition
	// opening is held while the partition is read from the store.
	opening chan struct{}
	// saving is held while a snapshot is compared with the stored one and written.
	saving chan struct{}
	// indexing is held while something that is derived from the log is written.
	indexing sync.Mutex
	// group is nil until the partition is opened. Then it stays, and belongs to the loop.
	group *group
	// early are acquisitions that wait for there to be a replica. The loop owns them.
	early []*proposal
	// settled is closed once all is visible that was when the journal was closed.
	settled chan struct{}

	mu      sync.Mutex // guards what follows
	opened  bool
	status  journal.Status
	owner   uint64 // the newest owner's term, 0 when there is none here
	gone    error  // why nothing can be read
	end     journal.Offset
	hash    codec.Hash // of the batch at end
	indexed journal.Offset
	tail    tail
	stale   [][]byte      // keys of wakes to look at again when indexing, staleMax at most
	changed chan struct{} // closed, and replaced, when there is a new batch
}

// staleMax bounds the keys of wakes that are remembered for removal. More are found again.
const staleMax = 1024

// known returns p if somebody has asked for it, else nil.
func (j *Journal) known(p journal.Partition) *partition {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.partitions[p]
}

// partition returns p, loaded or not.
func (j *Journal) partition(p journal.Partition) *partition {
	j.mu.Lock()
	defer j.mu.Unlock()
	part := j.partitions[p]
	if part == nil {
		part = &partition{
			name:    p,
			opening: make(chan struct{}, 1),
			saving:  make(chan struct{}, 1),
			changed: make(chan struct{}),
			settled: make(chan struct{}),
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

// own makes the owner with the term given the only one who may write.
func (p *partition) own(term uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.owner = term
}

// lose has all readers get err.
func (p *partition) lose(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone == nil {
		p.gone = err
		close(p.changed)
		p.changed = make(chan struct{})
	}
}

// lost returns why nothing can be read, nil while it can.
func (p *partition) lost() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone
}

// open says that there is a replica here.
func (p *partition) open() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opened = true
}

// isOpen reports whether the partition is open.
func (p *partition) isOpen() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opened
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

// follows checks that a batch is one of p, after the batch with the hash given.
func follows(p journal.Partition, previous codec.Hash, h codec.Header) error {
	switch {
	case h.Partition != p:
		return fmt.Errorf("belongs to partition %s: %w", h.Partition, journal.ErrCorrupt)
	case h.Previous != previous:
		return fmt.Errorf("hash chain is broken at offset %d: %w", h.Offset, journal.ErrCorrupt)
	}
	return nil
}
