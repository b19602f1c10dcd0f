package journaltest

import (
	"errors"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

func (s *suite) testReopen(t *testing.T) {
	j := s.open(t)
	id := j.ID()
	l := acquire(t, j, p0)
	var all []journal.Record
	var last journal.Mark
	for i := range 10 {
		r := next(e1, last, "a")
		r.Wake = 1000 + int64(i)
		at := appendTo(t, l, r)
		all, last = append(all, r), r.Mark()
		if i%3 != 2 {
			continue
		}
		j = s.reopen(t, j)
		if j.ID() != id {
			t.Errorf("ID() = %q after reopening, want %q", j.ID(), id)
		}
		if _, err := l.Append(t.Context(), journal.Batch{Records: []journal.Record{next(e1, last, "stale")}}); !errors.Is(err, journal.ErrClosed) {
			t.Errorf("Append to a log of the closed journal = %v, want ErrClosed", err)
		}
		if got, err := j.Partitions(t.Context()); err != nil || diff([]journal.Partition{p0}, got) != "" {
			t.Errorf("Partitions = %v, %v; want %v", got, err, p0)
		}
		l = acquire(t, j, p0)
		if l.End() != at {
			t.Errorf("End() = %d after reopening, want %d", l.End(), at)
		}
	}
	defer func() {
		if err := j.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}()
	var term uint64
	for _, b := range must(t, l.Read(t.Context(), 0)) {
		if b.Term < term {
			t.Errorf("term falls from %d to %d at offset %d", term, b.Term, b.Offset)
		}
		term = b.Term
	}
	if d := diff(all, must(t, l.Records(t.Context(), e1, journal.Mark{}))); d != "" {
		t.Errorf("Records (-want +got):\n%s", d)
	}
	want := []journal.Wake{{Entity: e1, At: time.UnixMilli(1009)}}
	if d := diff(want, must(t, l.Due(t.Context(), time.UnixMilli(5000)))); d != "" {
		t.Errorf("Due (-want +got):\n%s", d)
	}
}
