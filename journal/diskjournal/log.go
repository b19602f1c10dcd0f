package diskjournal

import (
	"context"
	"errors"
	"fmt"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// Log is the log of one partition in the hands of one owner.
type Log struct {
	Replica
	term uint64
}

var _ journal.Log = (*Log)(nil)

var errEmpty = errors.New("batch is empty")

// fenced returns ErrFenced when somebody else has acquired the partition since, or may have.
func (l *Log) fenced() error {
	l.part.mu.Lock()
	defer l.part.mu.Unlock()
	if l.part.gone != nil {
		return l.part.gone
	}
	if l.part.owner != l.term {
		return journal.ErrFenced
	}
	return nil
}

// Append stores b at the end of the log.
func (l *Log) Append(ctx context.Context, b journal.Batch) (journal.Offset, error) {
	at, err := l.append(ctx, b)
	if err != nil {
		return 0, fmt.Errorf("append to %s: %w", l.part.name, err)
	}
	return at, nil
}

func (l *Log) append(ctx context.Context, b journal.Batch) (journal.Offset, error) {
	if len(b.Records) == 0 {
		return 0, errEmpty
	}
	for i := range b.Records {
		if err := checkEntity(b.Records[i].Entity); err != nil {
			return 0, err
		}
	}
	most := codec.BatchSize(l.part.name, b.Records)
	if most > 2*journal.MaxBatchBytes { // not worth encoding
		return 0, journal.ErrTooLarge
	}
	if err := l.j.begin(ctx); err != nil {
		return 0, err
	}
	defer l.j.end()
	l.j.room(ctx.Done())
	p := &proposal{part: l.part, term: l.term, most: most, records: b.Records, done: make(chan struct{})}
	l.j.submit(p)
	select {
	case <-p.done:
	case <-ctx.Done():
		if p.leave() {
			return 0, ctx.Err()
		}
		return 0, fmt.Errorf("%w: %w", journal.ErrUnknown, ctx.Err())
	case <-l.j.giveUp():
		if p.leave() {
			return 0, l.j.stopped()
		}
		return 0, fmt.Errorf("%w: %w", journal.ErrUnknown, l.j.stopped())
	}
	return journal.Offset(p.at), p.err
}
