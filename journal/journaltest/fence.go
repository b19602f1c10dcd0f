package journaltest

import (
	"errors"
	"sync"
	"testing"

	"github.com/tutti-rt/tutti/journal"
)

func (s *suite) testFenced(t *testing.T) {
	j := s.new(t)
	old := acquire(t, j, p0)
	first := next(e1, journal.Mark{}, "a")
	appendTo(t, old, first)
	elsewhere := acquire(t, j, p1)
	owner := acquire(t, j, p0)
	if end := owner.End(); end != old.End() || end == 0 {
		t.Errorf("End() of the new log = %d, of the old one %d", end, old.End())
	}
	second := next(e1, first.Mark(), "b")
	if _, err := old.Append(t.Context(), journal.Batch{Records: []journal.Record{second}}); !errors.Is(err, journal.ErrFenced) {
		t.Errorf("Append to the old log = %v, want ErrFenced", err)
	}
	if err := old.Confirm(t.Context()); !errors.Is(err, journal.ErrFenced) {
		t.Errorf("Confirm of the old log = %v, want ErrFenced", err)
	}
	if err := old.SaveSnapshot(t.Context(), journal.Snapshot{Entity: e1, Mark: first.Mark()}); !errors.Is(err, journal.ErrFenced) {
		t.Errorf("SaveSnapshot to the old log = %v, want ErrFenced", err)
	}
	appendTo(t, owner, second)
	if err := owner.Confirm(t.Context()); err != nil {
		t.Errorf("Confirm of the new log = %v", err)
	}
	if err := elsewhere.Confirm(t.Context()); err != nil {
		t.Errorf("Confirm of another partition = %v", err)
	}
	for name, l := range map[string]journal.Log{"old": old, "new": owner} {
		got := must(t, l.Read(t.Context(), 0))
		if d := diff([]journal.Record{first, second}, records(got)); d != "" {
			t.Errorf("%s log (-want +got):\n%s", name, d)
		}
		if len(got) == 2 && got[0].Term >= got[1].Term {
			t.Errorf("terms are %d and %d, want rising ones", got[0].Term, got[1].Term)
		}
	}
}

// testFencedUnderLoad takes a partition away again and again while its owner appends. What an owner
// was told is stored is in the log, what it was told is fenced is not, and nothing else is.
func (s *suite) testFencedUnderLoad(t *testing.T) {
	j := s.new(t)
	var stored []journal.Record // by all owners, in order
	for range 20 {
		l := acquire(t, j, p0)
		last, err := l.Last(t.Context(), e1)
		if err != nil {
			t.Fatal(err)
		}
		if want := uint64(len(stored)); last.Seq != want {
			t.Fatalf("last record is %d, want %d", last.Seq, want)
		}
		var wg sync.WaitGroup
		started := make(chan struct{})
		wg.Go(func() {
			for i := 0; ; i++ {
				r := next(e1, last, "a")
				_, err := l.Append(t.Context(), journal.Batch{Records: []journal.Record{r}})
				if i == 2 {
					close(started)
				}
				if errors.Is(err, journal.ErrFenced) {
					return
				}
				if err != nil {
					t.Errorf("Append = %v", err)
					return
				}
				stored, last = append(stored, r), r.Mark()
			}
		})
		<-started
		end := acquire(t, j, p0).End()
		wg.Wait()
		if l.End() != end {
			t.Fatalf("log grew from %d to %d by an owner after the next one had acquired it", end, l.End())
		}
	}
	if d := diff(stored, must(t, acquire(t, j, p0).Records(t.Context(), e1, journal.Mark{}))); d != "" {
		t.Errorf("Records (-want +got):\n%s", d)
	}
}
