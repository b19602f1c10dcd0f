package journaltest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// testFollow follows a log with Wait and Read while it is written.
func (s *suite) testFollow(t *testing.T) {
	const batches = 100
	l := acquire(t, s.new(t), p0)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			var at journal.Offset
			for n := 0; n < batches; {
				if err := l.Wait(t.Context(), at); err != nil {
					t.Errorf("Wait = %v", err)
					return
				}
				before := n
				for b, err := range l.Read(t.Context(), at) {
					if err != nil {
						t.Errorf("Read = %v", err)
						return
					}
					n++
					if b.Offset <= at || b.Records[0].Seq != uint64(n) {
						t.Errorf("after offset %d came offset %d with record %d, want record %d", at, b.Offset, b.Records[0].Seq, n)
						return
					}
					at = b.Offset
				}
				if n == before {
					t.Error("Wait returned and Read yielded nothing")
					return
				}
			}
		})
	}
	var last journal.Mark
	for range batches {
		r := next(e1, last, "a")
		appendTo(t, l, r)
		last = r.Mark()
	}
	wg.Wait()
}

func (s *suite) testWaitEnds(t *testing.T) {
	j := s.new(t)
	l := acquire(t, j, p0)
	appendTo(t, l, next(e1, journal.Mark{}, "a"))
	if err := l.Wait(t.Context(), 0); err != nil {
		t.Errorf("Wait for what is there = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 2)
	go func() { errs <- l.Wait(ctx, l.End()) }()
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("Wait with a cancelled context = %v, want context.Canceled", err)
	}
	go func() { errs <- l.Wait(t.Context(), l.End()) }()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-errs; !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Wait while the journal closes = %v, want ErrClosed", err)
	}
}

// testReadStops ends iterations early, which must leave nothing behind.
func (s *suite) testReadStops(t *testing.T) {
	l := acquire(t, s.new(t), p0)
	var last journal.Mark
	for range 5 {
		r := next(e1, last, "a")
		appendTo(t, l, r)
		last = r.Mark()
	}
	for range l.Read(t.Context(), 0) {
		break
	}
	for range l.Records(t.Context(), e1, journal.Mark{}) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var ended error
	for _, err := range l.Read(ctx, 0) {
		if ended = err; err == nil {
			n++
		}
		cancel()
	}
	if !errors.Is(ended, context.Canceled) {
		t.Errorf("Read whose context was cancelled ended with %v after %d batches, want context.Canceled", ended, n)
	}
	at := l.End()
	seq := l.Read(t.Context(), 0)
	appendTo(t, l, next(e1, last, "later"))
	if got := must(t, seq); len(got) != 5 || got[4].Offset != at {
		t.Errorf("Read yielded %d batches, want the 5 that were there when it was called", len(got))
	}
}

func (s *suite) testRecords(t *testing.T) {
	l := acquire(t, s.new(t), p0)
	var all []journal.Record
	var last journal.Mark
	for i := range 60 {
		names := []string{"a", "b", "c"}[:i%4%3] // with 0, 1 and 2 events
		r := next(e1, last, names...)
		appendTo(t, l, r, next(e2, journal.Mark{Seq: uint64(i)}))
		all, last = append(all, r), r.Mark()
	}
	if got, err := l.Last(t.Context(), e1); err != nil || got != last {
		t.Errorf("Last = %v, %v; want %v", got, err, last)
	}
	for _, after := range []journal.Mark{
		{},
		all[0].Mark(),
		all[30].Mark(),
		last,
		{Seq: 7},
		{Revision: 20},
		{Revision: last.Revision},
		{Revision: last.Revision + 1},
		{Seq: last.Seq + 5, Revision: last.Revision + 5},
		{Seq: 50, Revision: 3},
	} {
		var want []journal.Record
		for _, r := range all {
			if r.Seq > after.Seq && r.Revision >= after.Revision {
				want = append(want, r)
			}
		}
		if d := diff(want, must(t, l.Records(t.Context(), e1, after))); d != "" {
			t.Errorf("Records(after %+v) (-want +got):\n%s", after, d)
		}
	}
}

// testRecordsOfOthers reads entities whose names are each other's beginnings.
func (s *suite) testRecordsOfOthers(t *testing.T) {
	j := s.new(t)
	l, elsewhere := acquire(t, j, p0), acquire(t, j, p1)
	entities := []journal.Entity{
		{Category: "a", ID: "b"},
		{Category: "a", ID: "bb"},
		{Category: "ab", ID: "b"},
		{Category: "a", ID: "b\x00"},
		{Category: "a", ID: "\xff"},
		{Category: "a", ID: "\xff\xff"},
		{Category: "", ID: "ab"},
	}
	for _, e := range entities {
		appendTo(t, l, next(e, journal.Mark{}, e.ID))
	}
	for _, e := range entities {
		if d := diff([]journal.Record{next(e, journal.Mark{}, e.ID)}, must(t, l.Records(t.Context(), e, journal.Mark{}))); d != "" {
			t.Errorf("Records(%q) (-want +got):\n%s", e, d)
		}
		if got := must(t, elsewhere.Records(t.Context(), e, journal.Mark{})); len(got) != 0 {
			t.Errorf("Records(%q) in another partition = %v, want none", e, got)
		}
	}
	nobody := journal.Entity{Category: "a", ID: "c"}
	if got := must(t, l.Records(t.Context(), nobody, journal.Mark{})); len(got) != 0 {
		t.Errorf("Records of an entity without any = %v", got)
	}
	if m, err := l.Last(t.Context(), nobody); err != nil || m != (journal.Mark{}) {
		t.Errorf("Last of an entity without records = %v, %v; want the zero Mark", m, err)
	}
}

func (s *suite) testDue(t *testing.T) {
	l := acquire(t, s.new(t), p0)
	wake := func(e journal.Entity, seq uint64, at int64) journal.Record {
		r := next(e, journal.Mark{Seq: seq - 1})
		r.Wake = at
		return r
	}
	e3 := journal.Entity{Category: "room", ID: "3"}
	e4 := journal.Entity{Category: "room", ID: "4"}
	appendTo(t, l, wake(e1, 1, 3000), wake(e2, 1, 1000), wake(e3, 1, 500), wake(e4, 1, 9000))
	appendTo(t, l, wake(e3, 2, 2000), wake(e2, 2, 0), wake(e4, 2, 100), wake(e4, 3, 9000))
	at := func(e journal.Entity, ms int64) journal.Wake { return journal.Wake{Entity: e, At: time.UnixMilli(ms)} }
	for _, c := range []struct {
		until int64
		want  []journal.Wake
	}{
		{1999, nil},
		{2000, []journal.Wake{at(e3, 2000)}},
		{8999, []journal.Wake{at(e3, 2000), at(e1, 3000)}},
		{9000, []journal.Wake{at(e3, 2000), at(e1, 3000), at(e4, 9000)}},
	} {
		if d := diff(c.want, must(t, l.Due(t.Context(), time.UnixMilli(c.until)))); d != "" {
			t.Errorf("Due(%d) (-want +got):\n%s", c.until, d)
		}
	}
}
