package memjournal

import (
	"context"
	"fmt"

	"github.com/tutti-rt/tutti/journal"
)

var _ journal.Replica = (*Log)(nil)

// Replica returns what the journal has of p, whoever owns it, or ErrNoReplica when p has no log.
func (j *Journal) Replica(ctx context.Context, p journal.Partition) (journal.Replica, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	part, err := j.partitions[p], ctx.Err()
	switch {
	case err != nil:
	case j.isClosed():
		err = journal.ErrClosed
	case part == nil:
		err = journal.ErrNoReplica
	}
	if err != nil {
		return nil, fmt.Errorf("replica of %s: %w", p, err)
	}
	return &Log{j: j, part: part}, nil // term 0 is nobody's: it reads, and cannot write
}
