package codec_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

var sample = journal.Record{
	Entity: journal.Entity{Category: "room", ID: "1"}, Seq: 1, Revision: 1, At: 2, By: "m", Command: 3,
	Events: []journal.Event{{Name: "said", Data: []byte(`{}`)}}, Notes: []byte("n"), Wake: 4,
}

// FuzzDecodeBatch gives the decoder bodies whose checksum is right, so that it gets to see them.
func FuzzDecodeBatch(f *testing.F) {
	data, _ := codec.AppendBatch(nil, codec.Header{Partition: journal.Partition{Pool: "p", Number: 1}, Term: 1, Offset: 1},
		[]journal.Record{sample, sample}, nil)
	f.Add(data[:len(data)-sha256.Size])
	f.Add([]byte{0xb1})
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, _, _, err := codec.DecodeBatch(body, nil); err == nil && len(body) < sha256.Size {
			t.Fatal("decoded a batch that is shorter than its checksum")
		}
		hash := sha256.Sum256(body)
		h, records, _, err := codec.DecodeBatch(append(bytes.Clone(body), hash[:]...), nil)
		if err != nil {
			return
		}
		again, _ := codec.AppendBatch(nil, h, records, nil)
		h2, records2, _, err := codec.DecodeBatch(again, nil)
		if err != nil || h2 != h || len(records2) != len(records) {
			t.Fatalf("decoded batch does not survive encoding: %v", err)
		}
	})
}

// FuzzDecodeRecord covers the bodies, of which runs consist.
func FuzzDecodeRecord(f *testing.F) {
	f.Add(codec.AppendRecord(nil, &sample))
	f.Fuzz(func(t *testing.T, body []byte) {
		rec, err := codec.DecodeRecord(body, sample.Entity)
		if err != nil {
			return
		}
		if _, err := codec.DecodeRecord(codec.AppendRecord(nil, &rec), sample.Entity); err != nil {
			t.Fatalf("decoded record does not survive encoding: %v", err)
		}
	})
}

// FuzzDecodeValue covers what runs and snapshots have around the bodies.
func FuzzDecodeValue(f *testing.F) {
	run := codec.AppendRun(nil, nil, 1, [][]byte{codec.AppendRecord(nil, &sample)})
	f.Add(run[:len(run)-8])
	snapshot := codec.AppendSnapshot(nil, nil, &journal.Snapshot{Mark: sample.Mark(), State: []byte("s")})
	f.Add(snapshot[:len(snapshot)-8])
	f.Fuzz(func(t *testing.T, data []byte) {
		sum := sha256.Sum256(append([]byte{0}, data...)) // the empty key's length, then the value
		data = append(bytes.Clone(data), sum[:8]...)
		if records, err := codec.DecodeRun(nil, nil, data, sample.Entity); err == nil && len(records) == 0 {
			t.Fatal("decoded a run without records")
		}
		if s, err := codec.DecodeSnapshot(nil, data, sample.Entity); err == nil && s.Entity != sample.Entity {
			t.Fatal("decoded a snapshot of another entity")
		}
	})
}
