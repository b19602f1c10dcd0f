package memjournal_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/journaltest"
	"github.com/tutti-rt/tutti/journal/memjournal"
)

func TestConformance(t *testing.T) {
	journaltest.Run(t, func(testing.TB) journal.Journal { return memjournal.New() })
}

func TestClusterConformance(t *testing.T) {
	journaltest.Run(t, func(testing.TB) journal.Journal { return memjournal.NewCluster(3).Node(1) })
}

var (
	part   = journal.Partition{Pool: "default"}
	entity = journal.Entity{Category: "room", ID: "1"}
	one    = journal.Batch{Records: []journal.Record{{Entity: entity, Seq: 1, Revision: 1, Events: []journal.Event{{Name: "a"}}}}}
)

func acquire(t *testing.T, j journal.Journal) journal.Log {
	t.Helper()
	l, err := j.Acquire(t.Context(), part)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestInjectedAppend(t *testing.T) {
	full := errors.New("disk full")
	for _, c := range []struct {
		name  string
		fault memjournal.Fault
		err   error
		end   journal.Offset
	}{
		{"none", memjournal.Fault{}, nil, 1},
		{"fails", memjournal.Fault{Err: full}, full, 0},
		{"fenced", memjournal.Fault{Err: journal.ErrFenced}, journal.ErrFenced, 0},
		{"unknown and not stored", memjournal.Fault{Err: journal.ErrUnknown}, journal.ErrUnknown, 0},
		{"unknown and stored", memjournal.Fault{Err: journal.ErrUnknown, Stored: true}, journal.ErrUnknown, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := memjournal.New()
			j.Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault { return c.fault }})
			l := acquire(t, j)
			if _, err := l.Append(t.Context(), one); !errors.Is(err, c.err) {
				t.Errorf("Append = %v, want %v", err, c.err)
			}
			if end := acquire(t, j).End(); end != c.end {
				t.Errorf("End() = %d, want %d", end, c.end)
			}
		})
	}
}

func TestInjectedElsewhere(t *testing.T) {
	broken := errors.New("broken")
	j := memjournal.New()
	l := acquire(t, j)
	if _, err := l.Append(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	j.Inject(memjournal.Faults{
		Acquire:      func(context.Context, journal.Partition) error { return broken },
		Entity:       func(context.Context, journal.Entity) error { return broken },
		SaveSnapshot: func(context.Context, journal.Snapshot) error { return broken },
	})
	_, acquireErr := j.Acquire(t.Context(), part)
	_, lastErr := l.Last(t.Context(), entity)
	_, _, snapshotErr := l.Snapshot(t.Context(), entity)
	var recordsErr error
	for _, recordsErr = range l.Records(t.Context(), entity, journal.Mark{}) {
	}
	for name, err := range map[string]error{
		"Acquire": acquireErr, "Last": lastErr, "Snapshot": snapshotErr, "Records": recordsErr,
		"SaveSnapshot": l.SaveSnapshot(t.Context(), journal.Snapshot{Entity: entity}),
	} {
		if !errors.Is(err, broken) {
			t.Errorf("%s = %v, want the injected error", name, err)
		}
	}
	j.Inject(memjournal.Faults{})
	if m, err := l.Last(t.Context(), entity); err != nil || m.Seq != 1 {
		t.Errorf("Last without faults = %v, %v", m, err)
	}
}

// TestSlowAppend fences a log while its append is under way on a slow disk, in fake time.
func TestSlowAppend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := memjournal.New()
		j.Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault {
			time.Sleep(time.Second)
			return memjournal.Fault{}
		}})
		old := acquire(t, j)
		result := make(chan error, 1)
		go func() {
			_, err := old.Append(t.Context(), one)
			result <- err
		}()
		synctest.Wait()
		owner := acquire(t, j)
		if err := <-result; !errors.Is(err, journal.ErrFenced) {
			t.Errorf("Append that was under way when the partition was acquired = %v, want ErrFenced", err)
		}
		if end := owner.End(); end != 0 {
			t.Errorf("End() = %d, want 0", end)
		}
		start := time.Now()
		go func() {
			_, err := owner.Append(t.Context(), one)
			result <- err
		}()
		synctest.Wait()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-result; err != nil || time.Since(start) != time.Second {
			t.Errorf("Append = %v after %v; Close must wait for it", err, time.Since(start))
		}
	})
}

func TestRefusesGaps(t *testing.T) {
	l := acquire(t, memjournal.New())
	for name, r := range map[string]journal.Record{
		"gap in numbers":   {Entity: entity, Seq: 2},
		"gap in revisions": {Entity: entity, Seq: 1, Revision: 1},
	} {
		if _, err := l.Append(t.Context(), journal.Batch{Records: []journal.Record{r}}); err == nil {
			t.Errorf("Append of a record with a %s succeeded", name)
		}
	}
}
