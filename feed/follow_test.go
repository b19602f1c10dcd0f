package feed_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/feed"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
)

func TestFollow(t *testing.T) {
	j, _ := filled(t)
	s := local(j)
	got, _ := take(t, feed.Follow(t.Context(), s, p0, feed.Cursor{}, feed.Filter{}), len(everything))
	if !slices.Equal(got, everything) {
		t.Errorf("got %q, want %q", got, everything)
	}
	for i, err := range feed.Follow(t.Context(), s, p0, feed.Cursor{}, feed.Filter{}) {
		want := feed.Item{
			Entity: lobby, Revision: 1, Name: "made", Data: []byte(`{"rev":1}`), At: i.At, By: "member", Command: 1,
			Cursor: feed.Cursor{Journal: j.ID(), Partition: p0, Index: 1},
		}
		if err != nil || string(i.Data) != string(want.Data) || i.Cursor != want.Cursor || i.By != want.By || i.Command != 1 || time.Since(i.At) > time.Hour {
			t.Errorf("the first item is %+v, %v, want %+v", i, err, want)
		}
		break
	}
}

// TestFollowFromEveryCursor goes on behind each item, with pages of any size.
func TestFollowFromEveryCursor(t *testing.T) {
	j, _ := filled(t)
	for size := 1; size <= len(everything)+1; size++ {
		s := feed.NewLocal(j, feed.LocalConfig{PageItems: size})
		at := feed.Cursor{}
		for i, want := range everything {
			rest, _ := take(t, feed.Follow(t.Context(), s, p0, at, feed.Filter{}), len(everything)-i)
			if !slices.Equal(rest, everything[i:]) {
				t.Errorf("after %q, pages of %d: got %q, want %q", at, size, rest, everything[i:])
			}
			var got []string
			before := at
			got, at = take(t, feed.Follow(t.Context(), s, p0, at, feed.Filter{}), 1)
			if got[0] != want || at.Compare(before) <= 0 {
				t.Errorf("after %q comes %q at %q, want %q", before, got[0], at, want)
			}
		}
	}
}

func TestFilters(t *testing.T) {
	j, w := filled(t)
	own := journal.Entity{Category: "tutti-tickets", ID: "00"}
	w.append(w.record(own, "bound"))
	for _, c := range []struct {
		filter feed.Filter
		want   []string
	}{
		{feed.Filter{}, everything},
		{feed.Filter{Categories: []string{"board"}}, []string{"board/lobby 1 painted", "board/lobby 2 painted"}},
		{feed.Filter{Categories: []string{"board", "room"}}, everything},
		{feed.Filter{Categories: []string{"room"}, ID: "lobby"}, []string{"room/lobby 1 made", "room/lobby 2 said", "room/lobby 3 said"}},
		{feed.Filter{Events: []string{"made", "painted"}}, []string{"room/lobby 1 made", "board/lobby 1 painted", "room/yard 1 made", "board/lobby 2 painted"}},
		{feed.Filter{Categories: []string{"room"}, ID: "yard", Events: []string{"made"}}, []string{"room/yard 1 made"}},
		{feed.Filter{Categories: []string{"tutti-tickets"}}, []string{"tutti-tickets/00 1 bound"}},
		{feed.Filter{Categories: []string{"nothing"}}, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			var got []string
			var last feed.Page
			for page, err := range local(j).Pages(t.Context(), p0, feed.Cursor{}, c.filter) {
				if err != nil {
					t.Fatal(err)
				}
				if page.Cursor.Compare(page.After) < 0 || !last.Cursor.IsZero() && page.After != last.Cursor {
					t.Errorf("after a page to %s comes one from %s to %s", last.Cursor, page.After, page.Cursor)
				}
				for _, i := range page.Items {
					got = append(got, name(i))
				}
				if last = page; page.Behind == 0 {
					break
				}
			}
			if !slices.Equal(got, c.want) || last.Cursor.Offset != 5 {
				t.Errorf("%+v: got %q up to %s, want %q up to the end", c.filter, got, last.Cursor, c.want)
			}
		})
	}
}

func TestBadFilters(t *testing.T) {
	j, _ := filled(t)
	for _, f := range []feed.Filter{
		{ID: "lobby"},
		{Categories: []string{"room", "board"}, ID: "lobby"},
		{Categories: []string{"Room"}},
		{Categories: []string{"room"}, ID: "a/b"},
		{Events: []string{""}},
		{Categories: make([]string, 65)},
		{Events: slices.Repeat([]string{"a"}, 65)},
	} {
		if err := failure(local(j).Pages(t.Context(), p0, feed.Cursor{}, f)); !errors.Is(err, feed.ErrFilter) {
			t.Errorf("Pages with %.200v = %v, want ErrFilter", f, err)
		}
	}
}

// TestFollowWaits follows an empty log, what is written to it by one owner after the other, and its silence.
func TestFollowWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := memjournal.New()
		w := newWriter(t, j, p0)
		pages := make(chan feed.Page)
		go func() {
			for page, err := range feed.NewLocal(j, feed.LocalConfig{Heartbeat: time.Minute}).Pages(t.Context(), p0, feed.Cursor{}, feed.Filter{}) {
				if err != nil {
					break
				}
				pages <- page
			}
			close(pages)
		}()
		if first := <-pages; len(first.Items) != 0 || first.Cursor.Offset != 0 || first.Cursor.Journal != j.ID() || first.Behind != 0 {
			t.Errorf("the first page is %+v, want the beginning", first)
		}
		start := time.Now()
		if beat := <-pages; len(beat.Items) != 0 || time.Since(start) != time.Minute {
			t.Errorf("after %v came %+v, want an empty page after a minute", time.Since(start), beat)
		}
		for n := range 3 {
			w.append(w.record(lobby, "said"))
			start := time.Now()
			if p := <-pages; len(p.Items) != 1 || p.Items[0].Revision != uint64(n+1) || time.Since(start) != 0 {
				t.Errorf("after %v came %+v, want revision %d at once", time.Since(start), p, n+1)
			}
			old := w.log
			w.acquire() // the partition changes hands
			if _, err := old.Append(t.Context(), journal.Batch{Records: []journal.Record{{Entity: yard, Seq: 1}}}); !errors.Is(err, journal.ErrFenced) {
				t.Errorf("Append of the old owner = %v", err)
			}
		}
	})
}

func TestFollowEnds(t *testing.T) {
	elsewhere := journal.Partition{Pool: "default", Number: 7}
	for _, c := range []struct {
		name  string
		p     journal.Partition
		after feed.Cursor // its journal is the one that is read, unless it says otherwise
		want  error
	}{
		{"another journal's", p0, feed.Cursor{Journal: journalID, Partition: p0, Offset: 1}, feed.ErrOtherJournal},
		{"another partition's", p0, feed.Cursor{Partition: elsewhere, Offset: 1}, feed.ErrOtherPartition},
		{"behind the end", p0, feed.Cursor{Partition: p0, Offset: 5}, feed.ErrFuture},
		{"in a batch behind the end", p0, feed.Cursor{Partition: p0, Offset: 4, Index: 1}, feed.ErrFuture},
		{"behind more events than there are", p0, feed.Cursor{Partition: p0, Offset: 2, Index: 4}, feed.ErrCursor},
		{"behind all events, as its next one says", p0, feed.Cursor{Partition: p0, Offset: 2, Index: 3}, feed.ErrCursor},
		{"negative", p0, feed.Cursor{Partition: p0, Offset: 2, Index: -1}, feed.ErrCursor},
		{"no replica", elsewhere, feed.Cursor{}, journal.ErrNoReplica},
	} {
		synctest.Test(t, func(t *testing.T) {
			j, _ := filled(t)
			if c.after.Journal == "" && !c.after.IsZero() {
				c.after.Journal = j.ID()
			}
			start := time.Now()
			if err := failure(local(j).Pages(t.Context(), c.p, c.after, feed.Filter{})); !errors.Is(err, c.want) || time.Since(start) > 5*time.Second {
				t.Errorf("%s: %v after %v, want %v", c.name, err, time.Since(start), c.want)
			}
		})
	}
	j, _ := filled(t)
	if err := failure(local(j).Pages(canceled(t), p0, feed.Cursor{}, feed.Filter{})); !errors.Is(err, context.Canceled) {
		t.Errorf("Pages with a context that is done = %v", err)
	}
	if at, err := local(j).End(t.Context(), p0); err != nil || at != (feed.Cursor{Journal: j.ID(), Partition: p0, Offset: 4}) {
		t.Errorf("End = %+v, %v", at, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := failure(local(j).Pages(t.Context(), p0, feed.Cursor{}, feed.Filter{})); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Pages of a closed journal = %v", err)
	}
}

// TestFollowWaitsForABehindReplica goes on at a node that has not come as far as the one before.
func TestFollowWaitsForABehindReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, w := filled(t)
		go func() {
			time.Sleep(3 * time.Second)
			w.append(w.record(lobby, "said"))
			w.append(w.record(lobby, "left"))
		}()
		after := feed.Cursor{Journal: j.ID(), Partition: p0, Offset: 5}
		if got, _ := take(t, feed.Follow(t.Context(), local(j), p0, after, feed.Filter{}), 1); got[0] != "room/lobby 5 left" {
			t.Errorf("got %q, want what comes after the cursor", got)
		}
	})
}

// TestNothingComesThatIsNotDurable follows while appends fail and stay unknown.
func TestNothingComesThatIsNotDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := memjournal.New()
		w := newWriter(t, j, p0)
		var got []string
		go func() {
			for item := range feed.Follow(t.Context(), local(j), p0, feed.Cursor{}, feed.Filter{}) {
				got = append(got, name(item))
			}
		}()
		release := make(chan memjournal.Fault)
		j.Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault { return <-release }})
		for _, f := range []memjournal.Fault{{}, {Err: errors.New("disk")}, {Err: journal.ErrUnknown}, {Err: journal.ErrUnknown, Stored: true}} {
			before := len(got)
			mark := w.marks[lobby]
			r := w.record(lobby, "said")
			go func() { _, _ = w.log.Append(t.Context(), journal.Batch{Records: []journal.Record{r}}) }()
			synctest.Wait()
			if len(got) != before {
				t.Errorf("%q came before its batch was stored", got[before:])
			}
			release <- f
			synctest.Wait()
			stored := f.Err == nil || f.Stored
			if (len(got) > before) != stored {
				t.Errorf("after %+v got %q", f, got[before:])
			}
			if !stored {
				w.marks[lobby] = mark
			}
		}
	})
}

// counted counts the batches that are read of a replica.
type counted struct {
	*memjournal.Journal
	read *int
}

type countedReplica struct {
	journal.Replica
	read *int
}

func (c counted) Replica(ctx context.Context, p journal.Partition) (journal.Replica, error) {
	r, err := c.Journal.Replica(ctx, p)
	return countedReplica{r, c.read}, err
}

func (c countedReplica) Read(ctx context.Context, after journal.Offset) iter.Seq2[journal.Stored, error] {
	return func(yield func(journal.Stored, error) bool) {
		for b, err := range c.Replica.Read(ctx, after) {
			*c.read++
			if !yield(b, err) {
				return
			}
		}
	}
}

// TestBackPressure has a consumer that does not go on: nothing more is read, whatever is written.
func TestBackPressure(t *testing.T) {
	const batches, size = 500, 10
	j := memjournal.New()
	w := newWriter(t, j, p0)
	for range batches {
		w.append(w.record(lobby, "said", "said"))
	}
	read, handled := 0, 0
	s := feed.NewLocal(counted{j, &read}, feed.LocalConfig{PageItems: size})
	for page, err := range s.Pages(t.Context(), p0, feed.Cursor{}, feed.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		handled += len(page.Items)
		w.append(w.record(yard, "said")) // while the consumer is busy
		if len(page.Items) > size || 2*read > handled+size {
			t.Fatalf("%d batches of 2 were read when a page of %d makes %d items handled", read, len(page.Items), handled)
		}
		if handled >= 2*batches {
			break
		}
	}
	var bytes int
	s = feed.NewLocal(j, feed.LocalConfig{PageBytes: 40})
	for page := range s.Pages(t.Context(), p0, feed.Cursor{}, feed.Filter{}) {
		bytes = 0
		for _, i := range page.Items {
			bytes += len(i.Data)
		}
		if bytes > 40+len(`{"rev":1000}`) {
			t.Fatalf("a page has %d bytes, after 40 there should be no more", bytes)
		}
		if page.Behind == 0 {
			break
		}
	}
}
