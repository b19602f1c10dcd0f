package diskjournal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// small makes everything happen early: indexing, flushes, compactions.
var small = diskjournal.Config{MemTableBytes: 64 << 10, IndexBytes: 3 << 10, CacheBytes: 1 << 20}

const dir = "/journal"

// workload is what was asked of a journal, and what it answered.
type workload struct {
	mu        sync.Mutex
	submitted map[journal.Partition][][]journal.Record
	acked     map[journal.Partition]int
	snapshots map[journal.Entity][]journal.Snapshot // all that were ever saved
}

func newWorkload() *workload {
	return &workload{
		submitted: make(map[journal.Partition][][]journal.Record),
		acked:     make(map[journal.Partition]int),
		snapshots: make(map[journal.Entity][]journal.Snapshot),
	}
}

// copy returns w as it is now.
func (w *workload) copy() *workload {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := newWorkload()
	for p, bs := range w.submitted {
		c.submitted[p], c.acked[p] = slices.Clone(bs), w.acked[p]
	}
	for e, ss := range w.snapshots {
		c.snapshots[e] = slices.Clone(ss)
	}
	return c
}

var partitions = []journal.Partition{{Pool: "a", Number: 0}, {Pool: "a", Number: 1}, {Pool: "b", Number: 0}}

// run appends batches to all partitions in turn, until one fails. Each entity is in one partition.
func (w *workload) run(ctx context.Context, j journal.Journal, batches int) error {
	logs := make([]journal.Log, len(partitions))
	last := make(map[journal.Entity]journal.Mark)
	for i := range batches {
		p := partitions[i%len(partitions)]
		if i%60 < len(partitions) { // again and again, so that terms change
			l, err := j.Acquire(ctx, p)
			if err != nil {
				return err
			}
			logs[i%len(partitions)] = l
		}
		l := logs[i%len(partitions)]
		var batch []journal.Record
		for k := range 1 + i%4 {
			e := journal.Entity{Category: p.Pool, ID: strconv.Itoa(p.Number) + "-" + strconv.Itoa((i+k)%7)}
			r := journal.Record{Entity: e, Seq: last[e].Seq + 1, Revision: last[e].Revision + 1, At: int64(i), By: "m", Command: uint64(k)}
			r.Events = []journal.Event{{Name: "written", Data: fmt.Appendf(nil, "%d %x", i, make([]byte, (i*37)%1500))}}
			if i%3 == 0 {
				r.Wake = int64(1 + i%11)
			}
			last[e] = r.Mark()
			batch = append(batch, r)
		}
		w.mu.Lock()
		w.submitted[p] = append(w.submitted[p], batch)
		w.mu.Unlock()
		if _, err := l.Append(ctx, journal.Batch{Records: batch}); err != nil {
			return err
		}
		w.mu.Lock()
		w.acked[p]++
		w.mu.Unlock()
		if e := batch[0].Entity; i%5 == 0 {
			s := journal.Snapshot{Entity: e, Mark: last[e], State: fmt.Appendf(nil, "state of %s at %d", e, last[e].Seq)}
			if i%35 == 30 { // one that is stored in pieces
				s.State = bytes.Repeat(s.State, 600)
			}
			w.mu.Lock()
			w.snapshots[e] = append(w.snapshots[e], s)
			w.mu.Unlock()
			if err := l.SaveSnapshot(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

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

// verify opens the journal and compares all that it says with w. It returns the error of whatever is
// refused; what is told and wrong is an error that wraps errWrong.
func (w *workload) verify(ctx context.Context, fs vfs.FS) (err error) {
	j, err := diskjournal.OpenFS(fs, dir, small)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	known, err := j.Partitions(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range partitions {
		if slices.Contains(known, p) {
			errs = append(errs, w.verifyPartition(ctx, j, p))
		} else if w.acked[p] > 0 {
			errs = append(errs, fmt.Errorf("partition %s is gone: %w", p, errWrong))
		}
	}
	return errors.Join(errs...)
}

func diff(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return "" // a hundred times faster
	}
	return cmp.Diff(want, got, cmpopts.EquateEmpty())
}

// errWrong is in errors about a journal that says what is not so.
var errWrong = errors.New("WRONG")

func (w *workload) verifyPartition(ctx context.Context, j journal.Journal, p journal.Partition) error {
	l, err := j.Acquire(ctx, p)
	if err != nil {
		return err
	}
	var errs []error
	batches, err := collect(l.Read(ctx, 0))
	if err != nil {
		errs = append(errs, err)
	}
	for i, b := range batches {
		if i >= len(w.submitted[p]) {
			return fmt.Errorf("log of %s has more than was ever submitted: %w", p, errWrong)
		}
		if d := diff(w.submitted[p][i], b.Records); d != "" {
			return fmt.Errorf("batch %d of %s (-want +got):\n%s: %w", i, p, d, errWrong)
		}
	}
	last := journal.Offset(0)
	if len(batches) > 0 {
		last = batches[len(batches)-1].Offset
	}
	if err == nil && (last != l.End() || len(batches) < w.acked[p]) {
		return fmt.Errorf("log of %s has %d batches up to %d and ends at %d, %d were acknowledged: %w", p, len(batches), last, l.End(), w.acked[p], errWrong)
	}
	// Whatever the log holds, the entities hold. When it cannot be read, they may hold what was not acknowledged.
	records, least := make(map[journal.Entity][]journal.Record), make(map[journal.Entity]int)
	stored := w.submitted[p]
	if err == nil {
		stored = stored[:len(batches)]
	}
	for i, b := range stored {
		for _, r := range b {
			if err == nil || i < w.acked[p] {
				least[r.Entity]++
			}
			records[r.Entity] = append(records[r.Entity], r)
		}
	}
	for e, want := range records {
		errs = append(errs, w.verifyEntity(ctx, l, e, want, least[e]))
	}
	if err == nil {
		errs = append(errs, verifyDue(ctx, l, records))
	}
	// And it can be written.
	e := journal.Entity{Category: p.Pool, ID: "new"}
	_, err = l.Append(ctx, journal.Batch{Records: []journal.Record{{Entity: e, Seq: 1, Notes: []byte("new")}}})
	if err != nil && !errors.Is(err, journal.ErrClosed) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (w *workload) verifyEntity(ctx context.Context, l journal.Log, e journal.Entity, want []journal.Record, least int) error {
	var errs []error
	got, err := collect(l.Records(ctx, e, journal.Mark{}))
	if err != nil {
		errs, least = append(errs, err), 0
	}
	want = want[:max(min(len(want), least), min(len(want), len(got)))]
	if d := diff(want, got); d != "" {
		return fmt.Errorf("records of %s (-want +got):\n%s: %w", e, d, errWrong)
	}
	if len(errs) > 0 {
		return errs[0]
	}
	if len(want) == 0 {
		return nil
	}
	end := want[len(want)-1].Mark()
	if last, err := l.Last(ctx, e); err != nil {
		errs = append(errs, err)
	} else if last != end {
		return fmt.Errorf("last of %s is %v, not %v: %w", e, last, end, errWrong)
	}
	s, ok, err := l.Snapshot(ctx, e)
	if err != nil {
		errs = append(errs, err)
	}
	saved := func(o journal.Snapshot) bool {
		return o.Entity == s.Entity && o.Mark == s.Mark && bytes.Equal(o.State, s.State) && bytes.Equal(o.Notes, s.Notes)
	}
	if ok && (s.Mark.Seq > end.Seq || !slices.ContainsFunc(w.snapshots[e], saved)) {
		return fmt.Errorf("snapshot of %s at %v was never saved, or its records are lost: %w", e, s.Mark, errWrong)
	}
	return errors.Join(errs...)
}

func verifyDue(ctx context.Context, l journal.Log, records map[journal.Entity][]journal.Record) error {
	want := make(map[journal.Entity]int64)
	for e, rs := range records {
		if at := rs[len(rs)-1].Wake; at != 0 {
			want[e] = at
		}
	}
	due, err := collect(l.Due(ctx, time.UnixMilli(1000)))
	if err != nil {
		return err
	}
	got := make(map[journal.Entity]int64)
	for _, d := range due {
		got[d.Entity] = d.At.UnixMilli()
	}
	if d := cmp.Diff(want, got); d != "" {
		return fmt.Errorf("due (-want +got):\n%s: %w", d, errWrong)
	}
	return nil
}
