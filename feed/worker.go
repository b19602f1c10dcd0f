package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// worker follows one partition for a Consumer.
type worker struct {
	*Consumer
	partition journal.Partition
	log       *slog.Logger
	failures  int // in a row

	mu     sync.Mutex // guards what follows
	lag    Lag
	oldest time.Time // of the items that are known and not handled; zero: there is none
	passed uint64    // offsets, since the Consumer began
}

// run follows until ctx is done or trying again is of no use.
func (w *worker) run(ctx context.Context) error {
	var at Cursor
	err := w.until(ctx, "cursor not loaded", func() (err error) {
		at, err = w.begin(ctx)
		return err
	})
	if err != nil {
		return done(ctx, err)
	}
	return done(ctx, w.until(ctx, "partition not followed", func() error { return w.follow(ctx, &at) }))
}

// done returns nil in place of an error that only says that ctx is done.
func done(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

// until calls do until it succeeds, ctx is done, or its error is one that stays.
func (w *worker) until(ctx context.Context, what string, do func() error) error {
	for {
		err := do()
		if err == nil || ctx.Err() != nil || lasting(err) {
			return err
		}
		w.failed(1)
		w.log.Warn(what, "err", err, "failures", w.failures)
		w.config.Backoff.wait(ctx, w.failures)
	}
}

// lasting reports whether what failed with err would fail again.
func lasting(err error) bool {
	for _, e := range []error{
		ErrStop, ErrCursor, ErrOtherJournal, ErrOtherPartition, ErrFuture, ErrNoPartition, ErrFilter, ErrRefused,
		ErrDiscontinuous, journal.ErrCorrupt, journal.ErrClosed,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// begin returns where to begin.
func (w *worker) begin(ctx context.Context) (Cursor, error) {
	at, err := w.config.Store.Load(ctx, w.partition)
	if err != nil || !at.IsZero() || !w.config.FromEnd {
		return at, err
	}
	if at, err = w.config.Source.End(ctx, w.partition); err != nil {
		return at, err
	}
	return at, w.config.Store.Save(ctx, at) // else what comes before the first item is stored would be lost
}

// follow handles pages from the place at, which it moves.
func (w *worker) follow(ctx context.Context, at *Cursor) error {
	for page, err := range w.config.Source.Pages(ctx, w.partition, *at, w.config.Filter) {
		if err != nil {
			return err
		}
		if !at.IsZero() && page.After != *at || page.Cursor.Compare(page.After) < 0 {
			return fmt.Errorf("%w: a page from %s to %s comes at %s", ErrDiscontinuous, page.After, page.Cursor, *at)
		}
		w.seen(page)
		if err := w.handle(ctx, page); err != nil {
			return err
		}
		if page.Cursor != page.After || at.IsZero() {
			// What has been handled is stored even if the consumer has to end.
			if err := w.until(ctx, "cursor not stored", func() error { return w.config.Store.Save(context.WithoutCancel(ctx), page.Cursor) }); err != nil {
				return err
			}
		}
		*at = page.Cursor
		w.settled(page)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.New("the source has ended")
}

// handle has a page handled, as often as it takes.
func (w *worker) handle(ctx context.Context, page Page) error {
	if len(page.Items) == 0 {
		return nil
	}
	return w.until(ctx, "page not handled", func() error {
		select {
		case w.handlers <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { <-w.handlers }()
		return w.config.Handle(ctx, page)
	})
}

func (w *worker) failed(n int) {
	w.failures += n
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lag.Failures = w.failures
}

// seen notes a page that is not handled yet.
func (w *worker) seen(page Page) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lag.Batches = page.Behind + uint64(page.Cursor.Offset-page.After.Offset)
	if len(page.Items) > 0 {
		w.oldest = page.Items[0].At
	}
}

// settled notes that a page is done with.
func (w *worker) settled(page Page) {
	w.failed(-w.failures)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lag.Cursor = page.Cursor
	w.lag.Handled += uint64(len(page.Items))
	w.lag.Batches = page.Behind
	w.passed += uint64(page.Cursor.Offset - page.After.Offset)
	switch n := len(page.Items); {
	case page.Behind == 0:
		w.oldest = time.Time{}
	case n > 0:
		w.oldest = page.Items[n-1].At // the next one is not older
	}
}

// behind returns the lag as it is now.
func (w *worker) behind(now time.Time) Lag {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.lag
	if w.passed > 0 {
		l.Items = uint64(float64(l.Batches) * float64(l.Handled) / float64(w.passed))
	}
	if !w.oldest.IsZero() {
		l.Behind = max(0, now.Sub(w.oldest))
	}
	return l
}
