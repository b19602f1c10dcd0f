package tuttitest

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/tutti-rt/tutti/journal"
)

// gate is the journal in the hands of one node, which loses it when it crashes.
type gate struct {
	journal.Journal
	shut atomic.Bool

	mu   sync.Mutex
	logs map[journal.Partition]journal.Log
}

func newGate(j journal.Journal) *gate {
	return &gate{Journal: j, logs: make(map[journal.Partition]journal.Log)}
}

// Acquire keeps the log, to read it later as the node cannot prevent.
func (g *gate) Acquire(ctx context.Context, p journal.Partition) (journal.Log, error) {
	if g.shut.Load() {
		return nil, journal.ErrClosed
	}
	log, err := g.Journal.Acquire(ctx, p)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.logs[p] = log
	return &gatedLog{log, g}, nil
}

// crash takes the journal from the node: what is not stored now never will be.
func (g *gate) crash(ctx context.Context) error {
	g.shut.Store(true)
	g.mu.Lock()
	defer g.mu.Unlock()
	for p := range g.logs {
		if _, err := g.Journal.Acquire(ctx, p); err != nil { // fences appends under way
			return err
		}
	}
	return nil
}

// Close leaves the journal open for the next node.
func (g *gate) Close() error { return nil }

func (g *gate) log(p journal.Partition) journal.Log {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.logs[p]
}

// gatedLog is a log that is of no use once its node has crashed.
type gatedLog struct {
	journal.Log
	gate *gate
}

func (l *gatedLog) dead() error {
	if l.gate.shut.Load() {
		return journal.ErrClosed
	}
	return nil
}

func (l *gatedLog) Append(ctx context.Context, b journal.Batch) (journal.Offset, error) {
	if err := l.dead(); err != nil {
		return 0, err
	}
	return l.Log.Append(ctx, b)
}

func (l *gatedLog) Confirm(ctx context.Context) error {
	if err := l.dead(); err != nil {
		return err
	}
	return l.Log.Confirm(ctx)
}

func (l *gatedLog) SaveSnapshot(ctx context.Context, s journal.Snapshot) error {
	if err := l.dead(); err != nil {
		return err
	}
	return l.Log.SaveSnapshot(ctx, s)
}

func (l *gatedLog) Records(ctx context.Context, e journal.Entity, after journal.Mark) iter.Seq2[journal.Record, error] {
	if err := l.dead(); err != nil {
		return func(yield func(journal.Record, error) bool) { yield(journal.Record{}, err) }
	}
	return l.Log.Records(ctx, e, after)
}
