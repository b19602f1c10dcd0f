package journaltest

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/tutti-rt/tutti/journal"
)

func (s *suite) testID(t *testing.T) {
	a, b := s.new(t), s.new(t)
	if id := a.ID(); !regexp.MustCompile(`^[A-Za-z0-9_-]{16,32}$`).MatchString(id) {
		t.Errorf("ID() = %q, want 16 to 32 of A-Z a-z 0-9 _ -", id)
	}
	if a.ID() == b.ID() {
		t.Errorf("two journals have the ID %q", a.ID())
	}
}

func (s *suite) testAppendAndRead(t *testing.T) {
	l := acquire(t, s.new(t), p0)
	if end := l.End(); end != 0 {
		t.Errorf("End() of an empty log = %d, want 0", end)
	}
	full := journal.Record{
		Entity: e1, Seq: 1, Revision: 2, At: 1700000000123, By: "m1", Command: 17,
		Events: []journal.Event{{Name: "said", Data: []byte(`{"text":"hi"}`)}, {Name: "counted"}},
		Notes:  []byte("notes"), Wake: 1700000001000,
	}
	without := journal.Record{Entity: e1, Seq: 2, Revision: 2, At: -1, Notes: []byte{0}}
	other := next(e2, journal.Mark{}, "said")
	batches := [][]journal.Record{{full, other}, {without}}
	var offsets []journal.Offset
	for _, b := range batches {
		at := appendTo(t, l, b...)
		if l.End() != at {
			t.Errorf("End() = %d after Append = %d", l.End(), at)
		}
		offsets = append(offsets, at)
	}
	if !slices.IsSorted(offsets) || offsets[0] == 0 || offsets[0] == offsets[1] {
		t.Fatalf("offsets = %d, want rising ones above 0", offsets)
	}
	got := must(t, l.Read(t.Context(), 0))
	if len(got) != 2 {
		t.Fatalf("Read yielded %d batches, want 2", len(got))
	}
	for i, b := range got {
		if b.Offset != offsets[i] || b.Term == 0 {
			t.Errorf("batch %d has offset %d and term %d, want offset %d and a term", i, b.Offset, b.Term, offsets[i])
		}
		if d := diff(batches[i], b.Records); d != "" {
			t.Errorf("batch %d (-want +got):\n%s", i, d)
		}
	}
	if got := must(t, l.Read(t.Context(), offsets[0])); len(got) != 1 || got[0].Offset != offsets[1] {
		t.Errorf("Read(after the first) = %v, want the second alone", got)
	}
	if got := must(t, l.Read(t.Context(), offsets[1])); len(got) != 0 {
		t.Errorf("Read(after the last) = %v, want nothing", got)
	}
	if err := l.Confirm(t.Context()); err != nil {
		t.Errorf("Confirm = %v", err)
	}
}

func (s *suite) testAppendKeepsNothing(t *testing.T) {
	l := acquire(t, s.new(t), p0)
	data, notes := []byte("data"), []byte("note")
	b := journal.Batch{Records: []journal.Record{{
		Entity: e1, Seq: 1, Revision: 1, Events: []journal.Event{{Name: "a", Data: data}}, Notes: notes,
	}}}
	if _, err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	copy(data, "XXXX")
	copy(notes, "XXXX")
	b.Records[0].Events[0].Name = "X"
	b.Records[0].Seq = 9
	want := []journal.Record{{
		Entity: e1, Seq: 1, Revision: 1, Events: []journal.Event{{Name: "a", Data: []byte("data")}}, Notes: []byte("note"),
	}}
	for range 2 { // the second time after the reader has spoilt what it got
		got := must(t, l.Records(t.Context(), e1, journal.Mark{}))
		if d := diff(want, got); d != "" {
			t.Fatalf("Records (-want +got):\n%s", d)
		}
		read := records(must(t, l.Read(t.Context(), 0)))
		if d := diff(want, read); d != "" {
			t.Fatalf("Read (-want +got):\n%s", d)
		}
		copy(got[0].Events[0].Data, "YYYY")
		copy(read[0].Events[0].Data, "ZZZZ")
	}
}

func (s *suite) testAppendRefuses(t *testing.T) {
	l := acquire(t, s.new(t), p0)
	if _, err := l.Append(t.Context(), journal.Batch{}); err == nil {
		t.Error("Append of an empty batch succeeded")
	}
	r := next(e1, journal.Mark{}, "a")
	r.Notes = make([]byte, journal.MaxBatchBytes)
	if _, err := l.Append(t.Context(), journal.Batch{Records: []journal.Record{r}}); !errors.Is(err, journal.ErrTooLarge) {
		t.Errorf("Append of %d bytes = %v, want ErrTooLarge", len(r.Notes), err)
	}
	if end := l.End(); end != 0 {
		t.Errorf("End() = %d after refused appends, want 0", end)
	}
	appendTo(t, l, next(e1, journal.Mark{}, "a"))
}

func (s *suite) testAppendLarge(t *testing.T) {
	l := acquire(t, s.new(t), p0)
	r := next(e1, journal.Mark{}, "a")
	r.Notes = bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16)
	appendTo(t, l, r)
	small := next(e1, r.Mark(), "b")
	appendTo(t, l, small)
	got := must(t, l.Records(t.Context(), e1, journal.Mark{}))
	if len(got) != 2 || !bytes.Equal(got[0].Notes, r.Notes) || got[1].Mark() != small.Mark() {
		t.Error("a record of 20 MiB, or the one after it, comes back changed")
	}
}

func (s *suite) testAppendCancelled(t *testing.T) {
	l := acquire(t, s.new(t), p0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := l.Append(ctx, journal.Batch{Records: []journal.Record{next(e1, journal.Mark{}, "a")}})
	if !errors.Is(err, context.Canceled) || errors.Is(err, journal.ErrUnknown) {
		t.Errorf("Append with a cancelled context = %v, want context.Canceled and nothing unknown", err)
	}
	if end := l.End(); end != 0 {
		t.Errorf("End() = %d, want 0", end)
	}
}

func (s *suite) testPartitions(t *testing.T) {
	j := s.new(t)
	want := []journal.Partition{{Pool: "a", Number: 1}, {Pool: "a", Number: 9}, {Pool: "a", Number: 10}, {Pool: "ab", Number: 0}, {Pool: "b", Number: 300}}
	for _, p := range reversed(want) {
		acquire(t, j, p)
	}
	got, err := j.Partitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(want, got); d != "" {
		t.Errorf("Partitions (-want +got):\n%s", d)
	}
}

// testConcurrent appends to many partitions at once.
func (s *suite) testConcurrent(t *testing.T) {
	const partitions, batches = 16, 20
	j := s.new(t)
	var wg sync.WaitGroup
	for n := range partitions {
		l := acquire(t, j, journal.Partition{Pool: "default", Number: n})
		e := journal.Entity{Category: "room", ID: strconv.Itoa(n)}
		wg.Go(func() {
			var want []journal.Record
			var last journal.Mark
			for range batches {
				r := next(e, last, "a", "b")
				if _, err := l.Append(t.Context(), journal.Batch{Records: []journal.Record{r}}); err != nil {
					t.Errorf("Append = %v", err)
					return
				}
				want, last = append(want, r), r.Mark()
				if got, err := l.Last(t.Context(), e); err != nil || got != last {
					t.Errorf("Last = %v, %v; want %v at once after Append", got, err, last)
				}
			}
			for _, seq := range [][]journal.Record{must(t, l.Records(t.Context(), e, journal.Mark{})), records(must(t, l.Read(t.Context(), 0)))} {
				if d := diff(want, seq); d != "" {
					t.Errorf("%s (-want +got):\n%s", e, d)
				}
			}
		})
	}
	wg.Wait()
}
