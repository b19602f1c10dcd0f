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
	j    *Journal
	part *partition
	term uint64
}

var _ journal.Log = (*Log)(nil)

var errEmpty = errors.New("batch is empty")

// fenced returns ErrFenced when somebody else has acquired the partition since.
func (l *Log) fenced() error {
	l.part.mu.Lock()
	defer l.part.mu.Unlock()
	if l.part.term != l.term {
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
	if err := l.j.occupy(ctx, l.part.slot); err != nil {
		return 0, err
	}
	c, at, err := l.prepare(b, most)
	if err != nil {
		<-l.part.slot
		return 0, err
	}
	l.j.enqueue(c)
	select {
	case <-c.done:
	case <-ctx.Done():
		if l.j.withdraw(c) {
			<-l.part.slot
			return 0, ctx.Err()
		}
		return 0, fmt.Errorf("%w: %w", journal.ErrUnknown, ctx.Err())
	}
	if c.err != nil {
		return 0, fmt.Errorf("%w: %w", journal.ErrUnknown, c.err)
	}
	return at, nil
}

// prepare encodes b as the next batch. The caller holds the partition's slot, so that the end of the log
// stays where it is; settling the commit gives the slot back.
func (l *Log) prepare(b journal.Batch, most int) (*commit, journal.Offset, error) {
	p := l.part
	p.mu.Lock()
	term, end, hash := p.term, p.end, p.hash
	p.mu.Unlock()
	if term != l.term {
		return nil, 0, journal.ErrFenced
	}
	t := &tailBatch{offset: end + 1, entries: make([]entry, len(b.Records))}
	h := codec.Header{Partition: p.name, Term: term, Offset: end + 1, Previous: hash}
	spans := make([]codec.Span, len(b.Records))
	var data []byte
	data, t.hash = codec.AppendBatch(make([]byte, 0, most), h, b.Records, func(i int, s codec.Span) { spans[i] = s })
	if len(data) > journal.MaxBatchBytes {
		return nil, 0, fmt.Errorf("%d bytes: %w", len(data), journal.ErrTooLarge)
	}
	for i := range b.Records {
		t.entries[i] = newEntry(&b.Records[i], data[spans[i].Start:spans[i].End])
	}
	t.size = len(data)
	return &commit{
		key:     batchKey(p.name, t.offset),
		value:   data,
		done:    make(chan struct{}),
		settled: func(err error) { l.settle(t, err) },
	}, t.offset, nil
}

// settle makes a durable batch visible. It runs on the committer.
func (l *Log) settle(b *tailBatch, err error) {
	p := l.part
	if err == nil {
		p.mu.Lock()
		p.end, p.hash = b.offset, b.hash
		p.tail.add(b)
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
		l.j.grown(b.size)
	}
	<-p.slot
}

// Confirm returns nil when the partition is still the caller's. The directory is locked, so this process
// knows of every owner.
func (l *Log) Confirm(ctx context.Context) error {
	err := l.j.begin(ctx)
	if err == nil {
		defer l.j.end()
		err = l.fenced()
	}
	if err != nil {
		return fmt.Errorf("confirm %s: %w", l.part.name, err)
	}
	return nil
}

// End returns the offset of the last durable batch.
func (l *Log) End() journal.Offset {
	l.part.mu.Lock()
	defer l.part.mu.Unlock()
	return l.part.end
}

// Wait returns once there is a batch after the offset given.
func (l *Log) Wait(ctx context.Context, after journal.Offset) error {
	for {
		l.part.mu.Lock()
		end, changed := l.part.end, l.part.changed
		l.part.mu.Unlock()
		err := l.j.stopped()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("wait for %s: %w", l.part.name, err)
		}
		if end > after {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		case <-l.j.closing:
		}
	}
}
