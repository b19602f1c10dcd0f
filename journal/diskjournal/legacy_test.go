package diskjournal

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// oldBatch encodes a batch as it was before there were elections.
func oldBatch(p journal.Partition, term, offset uint64, previous codec.Hash, r journal.Record) ([]byte, codec.Hash) {
	text := func(b []byte, s string) []byte { return append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	b := text([]byte{0xb1}, p.Pool)
	b = binary.AppendUvarint(b, uint64(p.Number))
	b = binary.AppendUvarint(binary.AppendUvarint(b, term), offset)
	b = append(append(b, previous[:]...), 1)
	b = codec.AppendRecord(text(text(b, r.Entity.Category), r.Entity.ID), &r)
	hash := codec.Hash(sha256.Sum256(b))
	return append(b, hash[:]...), hash
}

// TestOldDirectory opens what a journal without elections has left: a log of five batches, of which three are indexed, that changed
// hands more often than it was written.
func TestOldDirectory(t *testing.T) {
	const batches, term = 5, 40
	fs := vfs.NewMem()
	j, err := open(fs, "/j", Config{})
	if err != nil {
		t.Fatal(err)
	}
	var hash codec.Hash
	entries := make([]*tailBatch, 0, batches)
	for n := uint64(1); n <= batches; n++ {
		var data []byte
		data, hash = oldBatch(partA, 2*n, n, hash, record(n))
		if err := j.store.set(batchKey(partA, journal.Offset(n)), data, pebble.NoSync); err != nil {
			t.Fatal(err)
		}
		b, _, err := decodeTail(data)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, b)
	}
	if err := j.indexStep(j.partition(partA), entries[:3], nil); err != nil {
		t.Fatal(err)
	}
	key := partitionKey(keyPartition, partA)
	owned := codec.Position{Term: term, Offset: 4, Hash: entries[3].hash}
	if err := j.store.set(key, codec.AppendPosition(nil, key, owned), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if j, err = open(fs, "/j", Config{}); err != nil {
			t.Fatal(err)
		}
		l, err := j.Acquire(t.Context(), partA)
		if err != nil {
			t.Fatal(err)
		}
		n := uint64(batches + round)
		if m, err := l.Last(t.Context(), room); err != nil || m.Seq != n {
			t.Errorf("Last = %v, %v; want record %d", m, err, n)
		}
		appendOne(t, l, n+1)
		var last journal.Stored
		seen := 0
		for b, err := range l.Read(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			if b.Offset <= last.Offset || b.Term < last.Term {
				t.Errorf("offset %d of term %d comes after offset %d of term %d", b.Offset, b.Term, last.Offset, last.Term)
			}
			last = b
			seen++
		}
		if seen != int(n)+1 || last.Term <= term {
			t.Errorf("Read yields %d batches and the last term is %d, want %d and a term above %d", seen, last.Term, n+1, term)
		}
		if got, err := drain(l.Records(t.Context(), room, journal.Mark{})); err != nil || got != int(n)+1 {
			t.Errorf("Records yields %d, %v; want %d", got, err, n+1)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}
