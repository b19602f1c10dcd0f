package feed_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti/feed"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
)

var errCrash = fmt.Errorf("crash: %w", feed.ErrStop)

// fallible is a store that now and then fails, before or after it has saved.
type fallible struct {
	feed.MemoryStore
	crash func(p journal.Partition) error // nil: go on
}

func (s *fallible) Save(ctx context.Context, c feed.Cursor) error {
	if err := s.crash(c.Partition); err != nil {
		return err
	}
	if err := s.MemoryStore.Save(ctx, c); err != nil {
		return err
	}
	return s.crash(c.Partition)
}

// seen is what all consumers of one partition, one after the other, were given.
type seen struct {
	items   []feed.Item // in the order of the log, each once
	handled feed.Cursor // of the last page for which Handle returned nil
	chance  *rand.Rand
}

// add notes the items of one page: those that came before must be the same again, and nothing may be left out.
func (s *seen) add(page feed.Page) error {
	for _, i := range page.Items {
		at, known := slices.BinarySearchFunc(s.items, i.Cursor, func(old feed.Item, c feed.Cursor) int { return old.Cursor.Compare(c) })
		switch {
		case known && name(s.items[at]) != name(i):
			return fmt.Errorf("%s came at %s, where %s was", name(i), i.Cursor, name(s.items[at]))
		case !known && at < len(s.items):
			return fmt.Errorf("%s at %s was left out before", name(i), i.Cursor)
		case !known:
			s.items = append(s.items, i)
		}
	}
	return nil
}

// TestEveryItemComesAtLeastOnceInOrder writes to two partitions as owners come and go and appends fail, and has a consumer crash at any
// point: in the handler, before its cursor is stored and after.
func TestEveryItemComesAtLeastOnceInOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		synctest.Test(t, func(t *testing.T) { crashes(t, r) })
	})
}

func crashes(t *testing.T, r *rapid.T) {
	const partitions = 2
	j := memjournal.New()
	writers := make([]*writer, partitions)
	got := make([]*seen, partitions)
	for n := range partitions {
		writers[n], got[n] = newWriter(t, j, journal.Partition{Pool: "default", Number: n}), &seen{chance: rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 0))}
	}
	lives := 0
	size := rapid.IntRange(1, 5).Draw(r, "page")
	store := new(fallible)
	store.crash = func(p journal.Partition) error {
		if got[p.Number].chance.IntN(10) == 0 {
			return errCrash
		}
		return nil
	}
	config := feed.ConsumerConfig{
		Source: feed.NewLocal(j, feed.LocalConfig{PageItems: size}), Pool: "default", Partitions: partitions, Store: store,
	}
	config.Handle = func(_ context.Context, page feed.Page) error {
		g := got[page.Cursor.Partition.Number]
		if err := g.add(page); err != nil {
			t.Error(err)
		}
		stored, _ := store.Load(t.Context(), page.Cursor.Partition)
		if page.After.Compare(stored) < 0 {
			t.Errorf("a page comes after %s, stored is %s", page.After, stored)
		}
		for _, i := range g.items {
			if i.Cursor.Compare(g.handled) > 0 && i.Cursor.Compare(stored) <= 0 {
				t.Errorf("%s is stored, and %s at %s was not handled", stored, name(i), i.Cursor)
			}
		}
		switch g.chance.IntN(10) {
		case 0:
			return errCrash
		case 1:
			return errors.New("again")
		}
		g.handled = page.Cursor
		return nil
	}
	stopped := make(chan error)
	ctx, stop := context.WithCancel(t.Context())
	run := func() {
		c, err := feed.NewConsumer(config)
		if err != nil {
			t.Error(err)
		}
		stopped <- c.Run(ctx)
	}
	go run()
	for range rapid.IntRange(1, 40).Draw(r, "steps") {
		w := writers[rapid.IntRange(0, partitions-1).Draw(r, "partition")]
		switch rapid.IntRange(0, 9).Draw(r, "step") {
		case 0:
			w.acquire()
		case 1:
			time.Sleep(time.Second)
		default:
			write(t, r, j, w)
		}
		synctest.Wait()
		select {
		case err := <-stopped:
			if !errors.Is(err, errCrash) {
				t.Errorf("Run = %v", err)
			}
			lives++
			go run()
		default:
		}
	}
	stop()
	<-stopped
	store.crash = func(journal.Partition) error { return nil }
	config.Handle = func(_ context.Context, page feed.Page) error { return got[page.Cursor.Partition.Number].add(page) }
	ctx, stop = context.WithCancel(t.Context())
	go run()
	time.Sleep(time.Minute)
	stop()
	if err := <-stopped; err != nil {
		t.Errorf("Run = %v after its context was done", err)
	}
	for n, w := range writers {
		var want, have []string
		for b, err := range w.log.Read(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			for _, rec := range b.Records {
				for i, e := range rec.Events {
					want = append(want, fmt.Sprintf("%s/%s %d %s", rec.Entity.Category, rec.Entity.ID, rec.RevisionOf(i), e.Name))
				}
			}
		}
		for _, i := range got[n].items {
			have = append(have, name(i))
		}
		if !slices.Equal(have, want) {
			t.Errorf("partition %d: after %d crashes the consumers have got %q, the log has %q", n, lives, have, want)
		}
	}
}

// write appends a batch whose outcome is any.
func write(t *testing.T, r *rapid.T, j *memjournal.Journal, w *writer) {
	marks := map[journal.Entity]journal.Mark{lobby: w.marks[lobby], pixel: w.marks[pixel]}
	var b journal.Batch
	for range rapid.IntRange(1, 3).Draw(r, "records") {
		names := []string{"a", "b", "c"}[:rapid.IntRange(0, 3).Draw(r, "events")]
		b.Records = append(b.Records, w.record(rapid.SampledFrom([]journal.Entity{lobby, pixel}).Draw(r, "entity"), names...))
	}
	fault := rapid.SampledFrom([]memjournal.Fault{
		{}, {}, {}, {Err: errors.New("disk")}, {Err: journal.ErrUnknown}, {Err: journal.ErrUnknown, Stored: true},
	}).Draw(r, "fault")
	j.Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault { return fault }})
	_, err := w.log.Append(t.Context(), b)
	if err != nil && !fault.Stored {
		for e, m := range marks {
			w.marks[e] = m
		}
	}
}
