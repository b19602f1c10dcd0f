package diskjournal

// These tests are within the package: they change what is stored beneath the journal's own
// checksums and above Pebble's, and look at Pebble's levels.

import (
	"errors"
	"iter"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tutti-rt/tutti/journal"
)

var (
	partA = journal.Partition{Pool: "a"}
	partB = journal.Partition{Pool: "b"}
	room  = journal.Entity{Category: "room", ID: "1"}
)

// record returns record n of room, with one event and a wake.
func record(n uint64) journal.Record {
	return journal.Record{
		Entity: room, Seq: n, Revision: n, Wake: int64(n),
		Events: []journal.Event{{Name: "said", Data: []byte(strconv.FormatUint(n, 10))}},
	}
}

// written returns a closed file system with five records of room in each of two partitions, each
// record in a run and a batch of its own.
func written(t *testing.T) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewMem()
	for n := range uint64(5) {
		j, err := open(fs, "/j", Config{})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []journal.Partition{partA, partB} {
			l, err := j.Acquire(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.Append(t.Context(), journal.Batch{Records: []journal.Record{record(n + 1)}}); err != nil {
				t.Fatal(err)
			}
			if err := l.SaveSnapshot(t.Context(), journal.Snapshot{Entity: room, Mark: journal.Mark{Seq: n + 1, Revision: n + 1}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.Close(); err != nil { // which indexes
			t.Fatal(err)
		}
	}
	return fs
}

func drain[T any](seq iter.Seq2[T, error]) (n int, err error) {
	for _, err := range seq {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// touched is what a journal says of partA.
type touched struct {
	acquire, read, records, last, snapshot, due error
	nRead, nRecords                             int
}

func look(t *testing.T, j *Journal) (got touched) {
	t.Helper()
	ctx := t.Context()
	l, err := j.Acquire(ctx, partA)
	if got.acquire = err; err != nil {
		return got
	}
	got.nRead, got.read = drain(l.Read(ctx, 0))
	got.nRecords, got.records = drain(l.Records(ctx, room, journal.Mark{}))
	_, got.last = l.Last(ctx, room)
	_, _, got.snapshot = l.Snapshot(ctx, room)
	_, got.due = drain(l.Due(ctx, time.UnixMilli(100)))
	return got
}

// nthBatch returns the key of the nth batch: before each one come the entries of an election and an acquisition.
func nthBatch(p journal.Partition, n uint64) []byte {
	return batchKey(p, journal.Offset(firstBase+3*n))
}

func runKey(p journal.Partition, n uint64) []byte {
	return appendMark(entityKey(keyRun, p, room), journal.Mark{Seq: n, Revision: n})
}

func TestStoredDataIsVerified(t *testing.T) {
	del := func(key []byte) func(*testing.T, *store) {
		return func(t *testing.T, s *store) {
			if err := s.db.Delete(key, pebble.Sync); err != nil {
				t.Fatal(err)
			}
		}
	}
	move := func(to, from []byte) func(*testing.T, *store) {
		return func(t *testing.T, s *store) {
			v, err := s.get(from)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.set(to, v, pebble.Sync); err != nil {
				t.Fatal(err)
			}
		}
	}
	flip := func(key []byte) func(*testing.T, *store) {
		return func(t *testing.T, s *store) {
			v, err := s.get(key)
			if err != nil {
				t.Fatal(err)
			}
			v[len(v)/2] ^= 4
			if err := s.set(key, v, pebble.Sync); err != nil {
				t.Fatal(err)
			}
		}
	}
	// What a journal still says of a partition when one thing in it is wrong.
	none := func(touched) []error { return nil }
	log := func(g touched) []error { return []error{g.read} }
	runs := func(g touched) []error { return []error{g.records} }
	for name, c := range map[string]struct {
		change  func(*testing.T, *store)
		corrupt func(touched) []error // the errors that must be ErrCorrupt; all others are nil
	}{
		"nothing":                        {func(*testing.T, *store) {}, none},
		"batch missing":                  {del(nthBatch(partA, 3)), log},
		"first batch missing":            {del(nthBatch(partA, 1)), log},
		"batch of another partition":     {move(nthBatch(partA, 3), nthBatch(partB, 3)), log},
		"batch of another offset":        {move(nthBatch(partA, 3), nthBatch(partA, 2)), log},
		"batch flipped":                  {flip(nthBatch(partA, 3)), log},
		"last batch missing":             {del(nthBatch(partA, 5)), func(g touched) []error { return []error{g.acquire} }},
		"last batch another one":         {move(nthBatch(partA, 5), nthBatch(partA, 4)), func(g touched) []error { return []error{g.acquire} }},
		"run missing":                    {del(runKey(partA, 3)), runs},
		"first run missing":              {del(runKey(partA, 1)), runs},
		"run of another place":           {move(runKey(partA, 3), runKey(partA, 2)), runs},
		"run of another partition":       {move(runKey(partA, 3), runKey(partB, 3)), runs},
		"run flipped":                    {flip(runKey(partA, 3)), runs},
		"last run flipped":               {flip(runKey(partA, 5)), func(g touched) []error { return []error{g.records, g.due} }},
		"snapshot flipped":               {flip(entityKey(keySnapshot, partA, room)), func(g touched) []error { return []error{g.snapshot} }},
		"snapshot of another partition":  {move(entityKey(keySnapshot, partA, room), entityKey(keySnapshot, partB, room)), func(g touched) []error { return []error{g.snapshot} }},
		"snapshot missing":               {del(entityKey(keySnapshot, partA, room)), none},
		"index position flipped":         {flip(partitionKey(keyIndexed, partA)), func(g touched) []error { return []error{g.acquire} }},
		"index position of another log":  {move(partitionKey(keyIndexed, partA), partitionKey(keyIndexed, partB)), func(g touched) []error { return []error{g.acquire} }},
		"entry missing":                  {del(batchKey(partA, firstBase+2)), none},
		"promise missing":                {del(partitionKey(keyState, partA)), func(g touched) []error { return []error{g.acquire} }},
		"promise flipped":                {flip(partitionKey(keyState, partA)), func(g touched) []error { return []error{g.acquire} }},
		"promise of another log":         {move(partitionKey(keyState, partA), partitionKey(keyState, partB)), func(g touched) []error { return []error{g.acquire} }},
		"group missing":                  {del(partitionKey(keyPartition, partA)), func(g touched) []error { return []error{g.acquire} }},
		"group of another log":           {move(partitionKey(keyPartition, partA), partitionKey(keyPartition, partB)), func(g touched) []error { return []error{g.acquire} }},
		"index position missing":         {del(partitionKey(keyIndexed, partA)), func(g touched) []error { return []error{g.acquire} }},
		"damage in the other partition":  {flip(nthBatch(partB, 3)), none},
		"run missing elsewhere":          {del(runKey(partB, 3)), none},
		"wake of an entity without data": {func(t *testing.T, s *store) { _ = s.set(wakeKey(partA, 1, journal.Entity{ID: "x"}), nil, pebble.Sync) }, none},
	} {
		t.Run(name, func(t *testing.T) {
			j, err := open(written(t), "/j", Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			c.change(t, j.store)
			got := look(t, j)
			bad := c.corrupt(got)
			for _, err := range bad {
				if !errors.Is(err, journal.ErrCorrupt) {
					t.Errorf("error = %v, want ErrCorrupt; all: %+v", err, got)
				}
			}
			n := 0
			for _, err := range []error{got.acquire, got.read, got.records, got.last, got.snapshot, got.due} {
				if err != nil {
					n++
				}
			}
			if n != len(bad) {
				t.Errorf("%d errors, want %d: %+v", n, len(bad), got)
			}
			if got.acquire == nil && (got.read == nil && got.nRead != 5 || got.records == nil && got.nRecords != 5) {
				t.Errorf("%d batches and %d records without an error, want 5 of each", got.nRead, got.nRecords)
			}
		})
	}
}

// TestCompacts writes much with small memtables, and reopens after a crash: reads must stay cheap, also when
// nothing more is written.
func TestCompacts(t *testing.T) {
	c := Config{MemTableBytes: 64 << 10, IndexBytes: 4 << 10}
	fs := vfs.NewCrashableMem()
	j, err := open(fs, "/j", c)
	if err != nil {
		t.Fatal(err)
	}
	l, err := j.Acquire(t.Context(), partA)
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(3000) {
		r := record(n + 1)
		r.Notes = make([]byte, 500)
		if _, err := l.Append(t.Context(), journal.Batch{Records: []journal.Record{r}}); err != nil {
			t.Fatal(err)
		}
	}
	if amp := j.store.db.Metrics().ReadAmp(); amp > 20 {
		t.Errorf("a read looks into %d places", amp)
	}
	left := fs.CrashClone(vfs.CrashCloneCfg{})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if j, err = open(left, "/j", c); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for m := j.store.db.Metrics(); m.Levels[0].Sublevels > 4; m = j.store.db.Metrics() {
		if time.Now().After(deadline) {
			t.Fatalf("level 0 still has %d sublevels", m.Levels[0].Sublevels)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestStaleWakesGo looks whether wakes that an entity no longer has are removed once they came due.
func TestStaleWakesGo(t *testing.T) {
	j, err := open(written(t), "/j", Config{IndexBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	wakes := func() (n int) {
		prefix := partitionKey(keyWake, partA)
		err := j.store.scan(prefix, after(prefix), func([]byte, func() ([]byte, error)) (bool, error) {
			n++
			return true, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := wakes(); n != 5 {
		t.Fatalf("%d wakes are stored, want 5 of which 4 are stale", n)
	}
	l, err := j.Acquire(t.Context(), partA)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := drain(l.Due(t.Context(), time.UnixMilli(100))); n != 1 || err != nil {
		t.Fatalf("Due yields %d, %v; want 1", n, err)
	}
	j.work.Wait()
	j.indexAll()
	if n := wakes(); n != 1 {
		t.Errorf("%d wakes are stored, want 1", n)
	}
}
