package journaltest

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// Cut adds what is expected when an owner is cut off from where its appends are stored: f cuts off the owner of p, and returns
// what joins it again. Appends are then neither stored nor refused for good, and another owner goes on.
func Cut(f func(t testing.TB, j journal.Journal, p journal.Partition) (join func())) Option {
	return func(s *suite) { s.cut = f }
}

// testUnknown cuts owners off while they append. What was acknowledged is in the log of the next owner, and what is unknown is there whole
// or not at all.
func (s *suite) testUnknown(t *testing.T) {
	j := s.new(t)
	var acked, unknown [][]byte // notes of records
	for round := range 4 {
		l := acquire(t, j, p0)
		last, err := l.Last(t.Context(), e1)
		if err != nil {
			t.Fatal(err)
		}
		put := func(name string) error {
			first := next(e1, last, "a")
			first.Notes = []byte(name)
			second := next(e1, first.Mark(), "b")
			_, err := l.Append(t.Context(), journal.Batch{Records: []journal.Record{first, second}})
			if err == nil {
				last = second.Mark()
			}
			return err
		}
		stored := []byte{'s', byte('0' + round)}
		if err := put(string(stored)); err != nil {
			t.Fatalf("Append = %v", err)
		}
		acked = append(acked, stored)
		join := s.cut(t, j, p0)
		lost := []byte{'u', byte('0' + round)}
		begun := time.Now()
		switch err := put(string(lost)); {
		case err == nil:
			acked = append(acked, lost)
		case errors.Is(err, journal.ErrUnknown):
			unknown = append(unknown, lost)
		case !errors.Is(err, journal.ErrFenced):
			t.Errorf("Append of an owner that is cut off = %v, want ErrUnknown or ErrFenced", err)
		}
		if err := l.Confirm(t.Context()); !errors.Is(err, journal.ErrFenced) && !errors.Is(err, journal.ErrUnavailable) {
			t.Errorf("Confirm of an owner that is cut off = %v, want ErrFenced or ErrUnavailable", err)
		}
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("an owner that is cut off hears of it after %v", took)
		}
		if round%2 == 0 {
			join() // before there is another owner, or after
		} else {
			defer join()
		}
		l = acquire(t, j, p0)
		var seen [][]byte
		for _, b := range must(t, l.Read(t.Context(), 0)) {
			if len(b.Records) != 2 {
				t.Errorf("batch at offset %d has %d records of 2", b.Offset, len(b.Records))
			}
			seen = append(seen, b.Records[0].Notes)
		}
		if got := must(t, l.Records(t.Context(), e1, journal.Mark{})); len(got) != 2*len(seen) {
			t.Errorf("%d records of %d batches", len(got), len(seen))
		}
		for _, n := range seen { // in order, but for unknown ones
			if len(acked) > 0 && bytes.Equal(n, acked[0]) {
				acked = acked[1:]
			} else if len(unknown) > 0 && bytes.Equal(n, unknown[0]) {
				unknown = unknown[1:]
			} else {
				t.Errorf("%q is in the log, next are %q or %q", n, acked, unknown)
			}
		}
		if len(acked) > 0 {
			t.Errorf("%q were acknowledged and are not in the log", acked)
		}
		acked = seen
		unknown = nil
		if round%2 == 1 {
			join()
		}
	}
}
