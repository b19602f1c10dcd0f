package diskjournal

import (
	"context"
	"fmt"

	"github.com/tutti-rt/tutti/journal"
)

var _ journal.Replica = (*Log)(nil)

// Replica returns what the journal has of p, whoever owns it, or ErrNoReplica when p has no log.
func (j *Journal) Replica(ctx context.Context, p journal.Partition) (journal.Replica, error) {
	l, err := j.replica(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("replica of %s: %w", p, err)
	}
	return l, nil
}

func (j *Journal) replica(ctx context.Context, p journal.Partition) (*Log, error) {
	if err := checkPartition(p); err != nil {
		return nil, err
	}
	if err := j.begin(ctx); err != nil {
		return nil, err
	}
	defer j.end()
	acquired, err := j.position(keyPartition, p)
	if err != nil {
		return nil, err
	}
	if acquired.Term == 0 {
		return nil, journal.ErrNoReplica
	}
	part := j.partition(p)
	if err := j.occupy(ctx, part.slot); err != nil {
		return nil, err
	}
	defer func() { <-part.slot }()
	if !part.loaded {
		if err := j.load(ctx, part); err != nil {
			return nil, err
		}
		part.loaded = true
	}
	return &Log{j: j, part: part}, nil // term 0 is nobody's: it reads, and cannot write
}
