package diskjournal

import (
	"context"
	"fmt"

	"github.com/tutti-rt/tutti/journal"
)

// Replica is what this node has of a partition.
type Replica struct {
	j    *Journal
	part *partition
}

var _ journal.Replica = (*Replica)(nil)

// Replica returns what this node has of p, whoever owns it, or ErrNoReplica.
func (j *Journal) Replica(ctx context.Context, p journal.Partition) (journal.Replica, error) {
	r, err := j.replica(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("replica of %s: %w", p, err)
	}
	return r, nil
}

func (j *Journal) replica(ctx context.Context, name journal.Partition) (*Replica, error) {
	if err := checkPartition(name); err != nil {
		return nil, err
	}
	if err := j.begin(ctx); err != nil {
		return nil, err
	}
	defer j.end()
	if err := j.ready(ctx); err != nil {
		return nil, err
	}
	part := j.partition(name)
	if err := j.here(ctx, part); err != nil {
		return nil, err
	}
	select {
	case <-part.settled:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-j.closing:
		return nil, j.stopped()
	}
	if err := part.lost(); err != nil {
		return nil, err
	}
	return &Replica{j: j, part: part}, nil
}

// here returns nil when there is a replica of the partition.
func (j *Journal) here(ctx context.Context, part *partition) error {
	if !j.clustered() {
		return j.open(ctx, part, false)
	}
	if err := part.lost(); err != nil {
		return err
	}
	if !part.isOpen() {
		return journal.ErrNoReplica
	}
	return nil
}

// End returns the offset of the last batch that is known to be stored.
func (r *Replica) End() journal.Offset {
	r.part.mu.Lock()
	defer r.part.mu.Unlock()
	return r.part.end
}

// Wait returns once there is a batch after the offset given.
func (r *Replica) Wait(ctx context.Context, after journal.Offset) error {
	for {
		r.part.mu.Lock()
		end, changed := r.part.end, r.part.changed
		r.part.mu.Unlock()
		if err := r.usable(ctx); err != nil {
			return fmt.Errorf("wait for %s: %w", r.part.name, err)
		}
		if end > after {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		case <-r.j.closing:
		}
	}
}

// usable returns why nothing can be read any more, if so.
func (r *Replica) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := r.j.stopped(); err != nil {
		return err
	}
	return r.part.lost()
}

// because returns why nothing can be read any more, if that is so, in place of what has come of it.
func (r *Replica) because(err error) error {
	if lost := r.part.lost(); lost != nil {
		return lost
	}
	return err
}

// begin says that a call that reads is under way, unless the replica is gone.
func (r *Replica) begin(ctx context.Context) error {
	if err := r.part.lost(); err != nil {
		return err
	}
	return r.j.begin(ctx)
}
