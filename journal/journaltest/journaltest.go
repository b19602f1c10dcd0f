// Package journaltest is the conformance suite of the journal's contract; every store passes it.
package journaltest

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tutti-rt/tutti/journal"
)

// Option adds to the suite.
type Option func(*suite)

// Reopen adds what is expected of a store that outlives its process: f closes j, orderly or not,
// and opens the same store again.
func Reopen(f func(t testing.TB, j journal.Journal) journal.Journal) Option {
	return func(s *suite) { s.reopen = f }
}

type suite struct {
	open   func(t testing.TB) journal.Journal
	reopen func(t testing.TB, j journal.Journal) journal.Journal
	cut    func(t testing.TB, j journal.Journal, p journal.Partition) (join func())
}

// Run runs the suite on journals that open returns, each of them new and empty. Those are closed by the suite.
func Run(t *testing.T, open func(t testing.TB) journal.Journal, options ...Option) {
	s := &suite{open: open}
	for _, o := range options {
		o(s)
	}
	for _, c := range []struct {
		name string
		test func(*suite, *testing.T)
	}{
		{"ID", (*suite).testID},
		{"AppendAndRead", (*suite).testAppendAndRead},
		{"AppendKeepsNothing", (*suite).testAppendKeepsNothing},
		{"AppendRefuses", (*suite).testAppendRefuses},
		{"AppendLarge", (*suite).testAppendLarge},
		{"AppendCancelled", (*suite).testAppendCancelled},
		{"Partitions", (*suite).testPartitions},
		{"Concurrent", (*suite).testConcurrent},
		{"Fenced", (*suite).testFenced},
		{"FencedUnderLoad", (*suite).testFencedUnderLoad},
		{"Follow", (*suite).testFollow},
		{"WaitEnds", (*suite).testWaitEnds},
		{"ReadStops", (*suite).testReadStops},
		{"Replica", (*suite).testReplica},
		{"Records", (*suite).testRecords},
		{"RecordsOfOthers", (*suite).testRecordsOfOthers},
		{"Snapshots", (*suite).testSnapshots},
		{"LargeSnapshots", (*suite).testLargeSnapshots},
		{"Due", (*suite).testDue},
		{"Closed", (*suite).testClosed},
		{"Model", (*suite).testModel},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(s, t) })
	}
	if s.cut != nil {
		t.Run("Unknown", s.testUnknown)
	}
	if s.reopen != nil {
		t.Run("Reopen", s.testReopen)
	}
}

func (s *suite) new(t testing.TB) journal.Journal {
	j := s.open(t)
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return j
}

var (
	p0 = journal.Partition{Pool: "default", Number: 0}
	p1 = journal.Partition{Pool: "default", Number: 1}
	e1 = journal.Entity{Category: "room", ID: "1"}
	e2 = journal.Entity{Category: "room", ID: "2"}
)

func acquire(t testing.TB, j journal.Journal, p journal.Partition) journal.Log {
	t.Helper()
	l, err := j.Acquire(t.Context(), p)
	if err != nil {
		t.Fatalf("Acquire(%s) = %v", p, err)
	}
	return l
}

func appendTo(t testing.TB, l journal.Log, records ...journal.Record) journal.Offset {
	t.Helper()
	at, err := l.Append(t.Context(), journal.Batch{Records: records})
	if err != nil {
		t.Fatalf("Append = %v", err)
	}
	return at
}

// next returns a record with one event for each name, after the record at the mark.
func next(e journal.Entity, after journal.Mark, names ...string) journal.Record {
	r := journal.Record{Entity: e, Seq: after.Seq + 1, Revision: after.Revision + uint64(len(names)), At: 1700000000000 + int64(after.Seq)}
	for i, n := range names {
		r.Events = append(r.Events, journal.Event{Name: n, Data: fmt.Appendf(nil, `{"n":%d}`, after.Revision+uint64(i)+1)})
	}
	return r
}

// collect returns what seq yields up to its error.
func collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var all []T
	for v, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}

func must[T any](t testing.TB, seq iter.Seq2[T, error]) []T {
	t.Helper()
	all, err := collect(seq)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// diff compares; no bytes and nil are the same to the contract.
func diff(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return "" // a hundred times faster
	}
	return cmp.Diff(want, got, cmpopts.EquateEmpty())
}

// records returns the records of batches, in order.
func records(batches []journal.Stored) []journal.Record {
	var all []journal.Record
	for _, b := range batches {
		all = append(all, b.Records...)
	}
	return all
}

func reversed[T any](s []T) []T {
	s = slices.Clone(s)
	slices.Reverse(s)
	return s
}
