package diskjournal

import (
	"context"
	"errors"
	"fmt"

	"github.com/tutti-rt/tutti/journal"
)

// Acquire makes the caller the owner of p.
func (j *Journal) Acquire(ctx context.Context, p journal.Partition) (journal.Log, error) {
	l, err := j.acquire(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("acquire %s: %w", p, err)
	}
	return l, nil
}

func (j *Journal) acquire(ctx context.Context, name journal.Partition) (*Log, error) {
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
	if !j.clustered() {
		if err := j.open(ctx, part, true); err != nil {
			return nil, err
		}
	}
	p := &proposal{part: part, done: make(chan struct{})}
	j.submit(p)
	select {
	case <-p.done:
	case <-ctx.Done():
		p.leave()
		return nil, ctx.Err() // the partition may change hands all the same
	case <-j.giveUp():
		p.leave()
		return nil, j.stopped()
	}
	if p.err != nil {
		return nil, errors.Join(p.err, j.stopped())
	}
	return &Log{Replica: Replica{j: j, part: part}, term: p.at}, nil
}

// open reads a partition from the store if nobody has yet. What is not there is made, if it may be.
func (j *Journal) open(ctx context.Context, part *partition, mayMake bool) error {
	if part.isOpen() {
		return nil
	}
	if err := j.occupy(ctx, part.opening); err != nil {
		return err
	}
	defer func() { <-part.opening }()
	if part.isOpen() {
		return nil
	}
	g, err := j.load(ctx, part)
	if err != nil {
		return err
	}
	if g == nil && !mayMake {
		return journal.ErrNoReplica
	}
	if g == nil {
		g = j.makeGroup(part, firstBase)
		if err := g.start(); err != nil {
			return err
		}
	}
	part.group = g
	part.open()
	j.call(func() {
		j.groups = append(j.groups, g)
		g.begin()
	})
	return nil
}

// giveUp is closed when those who wait for other nodes have to stop. A journal of its own ends what is under way before it closes.
func (j *Journal) giveUp() <-chan struct{} {
	if j.clustered() {
		return j.closing
	}
	return nil
}

// firstBase is the index after which new logs begin. Since it is not 0, who has nothing of a log is given a checkpoint first.
const firstBase = 1

// firstElection is that of new logs, before anybody has stood.
const firstElection = 1
