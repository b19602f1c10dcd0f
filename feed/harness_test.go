package feed_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/feed"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
)

var (
	p0    = journal.Partition{Pool: "default"}
	lobby = journal.Entity{Category: "room", ID: "lobby"}
	yard  = journal.Entity{Category: "room", ID: "yard"}
	pixel = journal.Entity{Category: "board", ID: "lobby"}
)

// writer appends to one partition as its owner.
type writer struct {
	t     testing.TB
	j     journal.Journal
	log   journal.Log
	p     journal.Partition
	marks map[journal.Entity]journal.Mark
}

func newWriter(t testing.TB, j journal.Journal, p journal.Partition) *writer {
	w := &writer{t: t, j: j, p: p, marks: make(map[journal.Entity]journal.Mark)}
	w.acquire()
	return w
}

// acquire makes the writer the partition's next owner.
func (w *writer) acquire() {
	w.t.Helper()
	var err error
	if w.log, err = w.j.Acquire(w.t.Context(), w.p); err != nil {
		w.t.Fatal(err)
	}
}

// record returns the next record of e, with so many events.
func (w *writer) record(e journal.Entity, events ...string) journal.Record {
	m := w.marks[e]
	m.Seq, m.Revision = m.Seq+1, m.Revision+uint64(len(events))
	w.marks[e] = m
	r := journal.Record{Entity: e, Seq: m.Seq, Revision: m.Revision, At: time.Now().UnixMilli(), By: "member", Command: m.Seq}
	for i, name := range events {
		r.Events = append(r.Events, journal.Event{Name: name, Data: fmt.Appendf(nil, `{"rev":%d}`, m.Revision-uint64(len(events)-1-i))})
	}
	return r
}

// append stores the records as one batch.
func (w *writer) append(records ...journal.Record) {
	w.t.Helper()
	if _, err := w.log.Append(w.t.Context(), journal.Batch{Records: records}); err != nil {
		w.t.Fatal(err)
	}
}

// names says what an item is, as room/lobby 3 said.
func name(i feed.Item) string {
	return fmt.Sprintf("%s/%s %d %s", i.Entity.Category, i.Entity.ID, i.Revision, i.Name)
}

// take returns the names of the first n items.
func take(t *testing.T, items iter.Seq2[feed.Item, error], n int) (names []string, last feed.Cursor) {
	t.Helper()
	if n == 0 {
		return nil, last
	}
	for item, err := range items {
		if err != nil {
			t.Fatalf("after %q: %v", names, err)
		}
		names, last = append(names, name(item)), item.Cursor
		if len(names) == n {
			return names, last
		}
	}
	t.Fatalf("the items end after %q", names)
	return nil, last
}

// failure returns the error with which the pages end.
func failure(pages iter.Seq2[feed.Page, error]) error {
	for _, err := range pages {
		if err != nil {
			return err
		}
	}
	return nil
}

// filled returns a journal with some batches of several records and events each in partition 0.
func filled(t testing.TB) (*memjournal.Journal, *writer) {
	j := memjournal.New()
	w := newWriter(t, j, p0)
	w.append(w.record(lobby, "made", "said"), w.record(pixel, "painted"), w.record(yard, "made"))
	w.append(w.record(lobby)) // no event
	w.append(w.record(yard, "said", "said", "said"))
	w.append(w.record(pixel, "painted"), w.record(lobby), w.record(lobby, "said"), w.record(yard))
	return j, w
}

// everything are the items of what filled returns.
var everything = []string{
	"room/lobby 1 made", "room/lobby 2 said", "board/lobby 1 painted", "room/yard 1 made",
	"room/yard 2 said", "room/yard 3 said", "room/yard 4 said", "board/lobby 2 painted", "room/lobby 3 said",
}

func local(j feed.Replicas) *feed.Local { return feed.NewLocal(j, feed.LocalConfig{}) }

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func errorHas(err error, text string) bool { return strings.Contains(err.Error(), text) }

// itemsOf returns the first n items.
func itemsOf(t *testing.T, items iter.Seq2[feed.Item, error], n int) iter.Seq[feed.Item] {
	return func(yield func(feed.Item) bool) {
		for item, err := range items {
			if err != nil {
				t.Fatal(err)
			}
			if n--; !yield(item) || n == 0 {
				return
			}
		}
	}
}
