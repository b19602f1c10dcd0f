package journaltest

import (
	"context"
	"errors"
	"testing"

	"github.com/tutti-rt/tutti/journal"
)

// replicas is a journal that can be read beside its owners.
type replicas interface {
	Replica(ctx context.Context, p journal.Partition) (journal.Replica, error)
}

// testReplica reads a log beside its owners: what they store and nothing else, whoever they are.
func (s *suite) testReplica(t *testing.T) {
	j := s.new(t)
	beside, ok := j.(replicas)
	if !ok {
		t.Skip("the journal has no replicas")
	}
	if _, err := beside.Replica(t.Context(), p0); !errors.Is(err, journal.ErrNoReplica) {
		t.Errorf("Replica before there is a log = %v, want ErrNoReplica", err)
	}
	old := acquire(t, j, p0)
	r, err := beside.Replica(t.Context(), p0)
	if err != nil {
		t.Fatal(err)
	}
	first := next(e1, journal.Mark{}, "a", "b")
	at := appendTo(t, old, first)
	if err := r.Wait(t.Context(), 0); err != nil || r.End() != at {
		t.Errorf("Wait = %v, End = %d, want %d", err, r.End(), at)
	}
	owner := acquire(t, j, p0)
	if err := owner.Confirm(t.Context()); err != nil {
		t.Errorf("Confirm beside a replica = %v", err)
	}
	second := next(e1, first.Mark(), "c")
	if err := owner.SaveSnapshot(t.Context(), journal.Snapshot{Entity: e1, Mark: first.Mark(), State: []byte("s")}); err != nil {
		t.Fatal(err)
	}
	appendTo(t, owner, second)
	if err := r.Wait(t.Context(), at); err != nil {
		t.Errorf("Wait for the next owner's batch = %v", err)
	}
	if d := diff([]journal.Record{first, second}, records(must(t, r.Read(t.Context(), 0)))); d != "" {
		t.Errorf("Read (-want +got):\n%s", d)
	}
	if d := diff([]journal.Record{second}, must(t, r.Records(t.Context(), e1, first.Mark()))); d != "" {
		t.Errorf("Records (-want +got):\n%s", d)
	}
	if got, err := r.Last(t.Context(), e1); err != nil || got != second.Mark() {
		t.Errorf("Last = %v, %v, want %v", got, err, second.Mark())
	}
	if got, ok, err := r.Snapshot(t.Context(), e1); err != nil || !ok || got.Mark != first.Mark() {
		t.Errorf("Snapshot = %v, %v, %v, want that of %v", got.Mark, ok, err, first.Mark())
	}
	if _, err := beside.Replica(t.Context(), p1); !errors.Is(err, journal.ErrNoReplica) {
		t.Errorf("Replica of a partition without a log = %v, want ErrNoReplica", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := beside.Replica(ctx, p0); !errors.Is(err, context.Canceled) {
		t.Errorf("Replica with a context that is done = %v", err)
	}
	if s.reopen != nil {
		j = s.reopen(t, j)
		defer j.Close()
		r, err := j.(replicas).Replica(t.Context(), p0) // before anybody has acquired it
		if err != nil {
			t.Fatal(err)
		}
		if d := diff([]journal.Record{first, second}, records(must(t, r.Read(t.Context(), 0)))); d != "" {
			t.Errorf("Read of a reopened journal (-want +got):\n%s", d)
		}
		appendTo(t, acquire(t, j, p0), next(e1, second.Mark(), "d"))
	}
}
