package diskjournal_test

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// TestDamagedBlockStopsNobodyElse flips a bit in sorted files: whoever reads that block gets ErrCorrupt,
// and everybody else goes on reading and appending.
func TestDamagedBlockStopsNobodyElse(t *testing.T) {
	fs := vfs.NewCrashableMem()
	j, err := diskjournal.OpenFS(fs, dir, small)
	if err != nil {
		t.Fatal(err)
	}
	const entities = 150
	p := journal.Partition{Pool: "default"}
	l, err := j.Acquire(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	entity := func(i int) journal.Entity { return journal.Entity{Category: "c", ID: fmt.Sprint(i)} }
	record := func(i int, seq uint64) journal.Batch {
		return journal.Batch{Records: []journal.Record{{
			Entity: entity(i), Seq: seq, Revision: seq,
			Events: []journal.Event{{Name: "e", Data: bytes.Repeat([]byte{byte(i), byte(seq)}, 500)}},
		}}}
	}
	for seq := range uint64(4) {
		for i := range entities {
			if _, err := l.Append(t.Context(), record(i, seq+1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	met := 0
	for _, name := range names {
		if !strings.HasSuffix(name, ".sst") {
			continue
		}
		for tenth := 1; tenth < 10; tenth++ {
			left := crash{"", 100}.clone(fs, 1)
			data := readFile(t, left, path.Join(dir, name))
			data[len(data)*tenth/10] ^= 1
			writeFile(t, left, path.Join(dir, name), data)
			j, err := diskjournal.OpenFS(left, dir, small)
			if err != nil {
				continue // what opening needs is in that block
			}
			if readBesideDamage(t, j, p, entities, entity, record) {
				met++
			}
			if err := j.Close(); err != nil {
				t.Errorf("%s: close: %v", name, err)
			}
		}
	}
	if met == 0 {
		t.Error("no damage was met")
	}
}

// readBesideDamage reads all entities, then appends to one that can be read. It reports whether one could not.
func readBesideDamage(t *testing.T, j *diskjournal.Journal, p journal.Partition, entities int,
	entity func(int) journal.Entity, record func(int, uint64) journal.Batch,
) bool {
	t.Helper()
	l, err := j.Acquire(t.Context(), p)
	if err != nil {
		if !errors.Is(err, journal.ErrCorrupt) {
			t.Errorf("acquire: %v", err)
		}
		return false // the end of the log is damaged
	}
	damaged, last := 0, -1
	for i := range entities {
		var err error
		for _, e := range l.Records(t.Context(), entity(i), journal.Mark{}) {
			err = errors.Join(err, e)
		}
		switch {
		case err == nil:
			last = i
		case errors.Is(err, journal.ErrCorrupt):
			damaged++
		default:
			t.Fatalf("records of entity %d: %v", i, err)
		}
	}
	if damaged == 0 {
		return false
	}
	if last < 0 {
		t.Error("no entity can be read")
	} else if _, err := l.Append(t.Context(), record(last, 5)); err != nil {
		t.Errorf("append beside the damage: %v", err)
	}
	return true
}
