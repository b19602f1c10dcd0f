package feed_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/feed"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
)

// consume runs a Consumer until the test's end, or until stop is called.
func consume(t *testing.T, c feed.ConsumerConfig) (consumer *feed.Consumer, stop func() error) {
	t.Helper()
	consumer, err := feed.NewConsumer(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	return consumer, stop
}

func TestConsumerTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, _ := filled(t)
		var tries []time.Time
		store := new(feed.MemoryStore)
		c, stop := consume(t, feed.ConsumerConfig{
			Source: local(j), Pool: "default", Partitions: 1, Store: store,
			Handle: func(_ context.Context, page feed.Page) error {
				if len(page.Items) != len(everything) {
					t.Errorf("a page of %d items came, want all %d again", len(page.Items), len(everything))
				}
				if tries = append(tries, time.Now()); len(tries) < 12 {
					return errors.New("not now")
				}
				return nil
			},
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		if lag := c.Lag()[0]; len(tries) < 12 && (lag.Failures != len(tries) || lag.Handled != 0 || lag.Behind < time.Minute || lag.Batches != 4) {
			t.Errorf("after %d tries the lag is %+v", len(tries), lag)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for i := 1; i < len(tries); i++ {
			if d, most := tries[i].Sub(tries[i-1]), min(100*time.Millisecond<<(i-1), 10*time.Second); d <= 0 || d > most {
				t.Errorf("try %d came after %v, want at most %v", i, d, most)
			}
		}
		at := feed.Cursor{Journal: j.ID(), Partition: p0, Offset: 4}
		if lag := c.Lag()[0]; len(tries) != 12 || lag != (feed.Lag{Partition: p0, Cursor: at, Handled: uint64(len(everything))}) {
			t.Errorf("after %d tries the lag is %+v", len(tries), lag)
		}
		wantStored(t, store, 0, at)
		if err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

// TestConsumerSharesHandlers follows many partitions with few handlers at a time, each partition with one.
func TestConsumerSharesHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const partitions, handlers = 12, 3
		j := memjournal.New()
		for n := range partitions {
			w := newWriter(t, j, journal.Partition{Pool: "default", Number: n})
			for range 5 {
				w.append(w.record(lobby, "said"))
			}
		}
		var now, most atomic.Int32
		var busy [partitions]atomic.Bool
		var next [partitions]uint64
		_, stop := consume(t, feed.ConsumerConfig{
			Source: feed.NewLocal(j, feed.LocalConfig{PageItems: 2}), Pool: "default", Partitions: partitions, Handlers: handlers,
			Handle: func(_ context.Context, page feed.Page) error {
				n := page.Cursor.Partition.Number
				if busy[n].Swap(true) {
					t.Errorf("partition %d has two handlers", n)
				}
				most.Store(max(most.Load(), now.Add(1)))
				time.Sleep(time.Second)
				for _, i := range page.Items {
					if next[n]++; i.Revision != next[n] {
						t.Errorf("partition %d: revision %d, want %d", n, i.Revision, next[n])
					}
				}
				now.Add(-1)
				busy[n].Store(false)
				return nil
			},
		})
		time.Sleep(partitions * 3 / handlers * time.Second)
		if err := stop(); err != nil || most.Load() != handlers || slices.Min(next[:]) != 5 {
			t.Errorf("Run = %v; %d handlers at a time; the partitions have come to %d", err, most.Load(), next)
		}
	})
}

func TestConsumerEnds(t *testing.T) {
	boom := fmt.Errorf("no more: %w", feed.ErrStop)
	for _, c := range []struct {
		name   string
		change func(*feed.ConsumerConfig, *memjournal.Journal)
		want   error
	}{
		{"its handler says so", func(c *feed.ConsumerConfig, _ *memjournal.Journal) {
			c.Handle = func(context.Context, feed.Page) error { return boom }
		}, boom},
		{"its cursor is another journal's", func(c *feed.ConsumerConfig, _ *memjournal.Journal) {
			_ = c.Store.Save(t.Context(), place(0, 1))
		}, feed.ErrOtherJournal},
		{"its cursor is from the future", func(c *feed.ConsumerConfig, j *memjournal.Journal) {
			_ = c.Store.Save(t.Context(), feed.Cursor{Journal: j.ID(), Partition: p0, Offset: 99})
		}, feed.ErrFuture},
		{"the journal is closed", func(_ *feed.ConsumerConfig, j *memjournal.Journal) { _ = j.Close() }, journal.ErrClosed},
	} {
		synctest.Test(t, func(t *testing.T) {
			j, _ := filled(t)
			config := feed.ConsumerConfig{
				Source: local(j), Pool: "default", Partitions: 2, Store: new(feed.MemoryStore),
				Handle: func(context.Context, feed.Page) error { return nil },
			}
			c.change(&config, j)
			consumer, err := feed.NewConsumer(config)
			if err != nil {
				t.Fatal(err)
			}
			if err := consumer.Run(t.Context()); !errors.Is(err, c.want) {
				t.Errorf("%s: Run = %v, want %v", c.name, err, c.want)
			}
		})
	}
	_, err := feed.NewConsumer(feed.ConsumerConfig{Pool: "A", Handlers: -1, Filter: feed.Filter{ID: "x"}})
	for _, want := range []string{"a source and a handler", `"A" is no pool`, "partitions is 0", "handlers is -1", "an id needs"} {
		if err == nil || !errorHas(err, want) {
			t.Errorf("NewConsumer = %v, want it to say %q", err, want)
		}
	}
}

// TestConsumerFromEnd begins at the end, and stays there if it ends before anything has come.
func TestConsumerFromEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, w := filled(t)
		var got []string
		config := feed.ConsumerConfig{
			Source: local(j), Pool: "default", Partitions: 1, Store: new(feed.MemoryStore), FromEnd: true,
			Handle: func(_ context.Context, page feed.Page) error {
				for _, i := range page.Items {
					got = append(got, name(i))
				}
				return nil
			},
		}
		_, stop := consume(t, config)
		synctest.Wait()
		if err := stop(); err != nil || len(got) > 0 {
			t.Errorf("Run = %v, got %q", err, got)
		}
		w.append(w.record(lobby, "left"))
		_, stop = consume(t, config)
		synctest.Wait()
		if err := stop(); err != nil || !slices.Equal(got, []string{"room/lobby 4 left"}) {
			t.Errorf("Run = %v, got %q", err, got)
		}
	})
}

// TestConsumerStoresWhatIsHandled ends a consumer during a handler: what it returns nil for is stored.
func TestConsumerStoresWhatIsHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, _ := filled(t)
		store := new(feed.MemoryStore)
		_, stop := consume(t, feed.ConsumerConfig{
			Source: local(j), Pool: "default", Partitions: 1, Store: store,
			Handle: func(ctx context.Context, _ feed.Page) error {
				<-ctx.Done()
				return nil
			},
		})
		synctest.Wait()
		if err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
		wantStored(t, store, 0, feed.Cursor{Journal: j.ID(), Partition: p0, Offset: 4})
	})
}

// TestConsumerWaitsForItsPartition follows a partition that is not here until it is.
func TestConsumerWaitsForItsPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := memjournal.New()
		var handled atomic.Int32
		_, stop := consume(t, feed.ConsumerConfig{
			Source: local(j), Pool: "default", Partitions: 1,
			Handle: func(_ context.Context, page feed.Page) error {
				handled.Add(int32(len(page.Items)))
				return nil
			},
		})
		time.Sleep(time.Minute)
		w := newWriter(t, j, p0)
		w.append(w.record(lobby, "said"))
		time.Sleep(11 * time.Second)
		if err := stop(); err != nil || handled.Load() != 1 {
			t.Errorf("Run = %v, handled %d", err, handled.Load())
		}
	})
}
