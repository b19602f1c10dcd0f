package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// ConsumerConfig says what a Consumer follows and what it does with it.
type ConsumerConfig struct {
	// Source, Pool, Partitions and Handle are required.
	Source     Source
	Pool       string
	Partitions int
	Filter     Filter
	// Handle is called with pages that have items: for one partition one after the other, for several at once. What it
	// returned nil for does not come again once the page's cursor is stored; after an error the same page comes
	// again, later. An error that wraps ErrStop ends the Consumer.
	Handle func(context.Context, Page) error
	// Store keeps the cursors. Nil: a MemoryStore, and everything comes again with the next Consumer.
	Store Store
	// FromEnd begins with what comes from now on where the Store has no cursor, and not with the beginning.
	FromEnd bool
	// Handlers is how many calls of Handle there are at once (default 4). Partitions beyond wait, with a page each.
	Handlers int
	Backoff  Backoff
	// Logger gets what is tried again. Nil discards it.
	Logger *slog.Logger
	// Clock tells how late it is (default time.Now).
	Clock func() time.Time
}

// Consumer follows all partitions of a pool with a goroutine each. Several consumers do not share the work: each gets everything.
type Consumer struct {
	config   ConsumerConfig
	handlers chan struct{} // held during a call of Handle
	workers  []*worker
}

// NewConsumer returns a Consumer that Run runs.
func NewConsumer(c ConsumerConfig) (*Consumer, error) {
	errs := []error{c.Filter.Check()}
	if c.Source == nil || c.Handle == nil {
		errs = append(errs, errors.New("a source and a handler are needed"))
	}
	if !wire.ValidCategory(c.Pool) {
		errs = append(errs, fmt.Errorf("%q is no pool", c.Pool))
	}
	if c.Partitions < 1 || c.Partitions > maxPartitions {
		errs = append(errs, fmt.Errorf("partitions is %d, allowed are 1 to %d", c.Partitions, maxPartitions))
	}
	if c.Handlers < 0 {
		errs = append(errs, fmt.Errorf("handlers is %d", c.Handlers))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	c.Handlers = cmp.Or(c.Handlers, 4)
	c.Backoff = c.Backoff.withDefaults()
	if c.Store == nil {
		c.Store = new(MemoryStore)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	consumer := &Consumer{config: c, handlers: make(chan struct{}, c.Handlers)}
	for n := range c.Partitions {
		p := journal.Partition{Pool: c.Pool, Number: n}
		consumer.workers = append(consumer.workers, &worker{
			Consumer: consumer, partition: p, log: c.Logger.With("partition", p.String()), lag: Lag{Partition: p},
		})
	}
	return consumer, nil
}

// Run follows until ctx is done and returns nil, or until a handler or the log wants it to end. What comes to nothing otherwise is
// tried again for ever. A handler that is under way when ctx is done is waited for, and if it returns nil its page's cursor is stored.
func (c *Consumer) Run(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var all sync.WaitGroup
	for _, w := range c.workers {
		all.Go(func() {
			if err := w.run(ctx); err != nil {
				fail(&endError{fmt.Errorf("consume %s: %w", w.partition, err)})
			}
		})
	}
	all.Wait()
	if e, ok := errors.AsType[*endError](context.Cause(ctx)); ok {
		return e.error
	}
	return nil
}

// endError is why a Consumer ends that nobody stopped.
type endError struct{ error }

// Lag is how far a Consumer is behind in one partition.
type Lag struct {
	Partition journal.Partition
	Cursor    Cursor // that was stored last
	// Batches is how far the log was ahead of the cursor when a page came last, in offsets. Items is about how many items that
	// is, by how many there have been until now.
	Batches, Items uint64
	// Behind is how old the oldest item is that is known and not handled. 0: there is none.
	Behind   time.Duration
	Handled  uint64 // items, since the Consumer began
	Failures int    // in a row, until now
}

// Lag returns how far the Consumer is behind in each partition, by number.
func (c *Consumer) Lag() []Lag {
	all := make([]Lag, 0, len(c.workers))
	for _, w := range c.workers {
		all = append(all, w.behind(c.config.Clock()))
	}
	return all
}
