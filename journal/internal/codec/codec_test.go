package codec_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// orNil draws bytes, of which no bytes at all are nil, as decoders return them.
func orNil(t *rapid.T, label string) []byte {
	b := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, label)
	if len(b) == 0 {
		return nil
	}
	return b
}

func drawRecord(t *rapid.T) journal.Record {
	r := journal.Record{
		Entity:   journal.Entity{Category: rapid.String().Draw(t, "category"), ID: rapid.String().Draw(t, "id")},
		Seq:      rapid.Uint64().Draw(t, "seq"),
		Revision: rapid.Uint64().Draw(t, "revision"),
		At:       rapid.Int64().Draw(t, "at"),
		By:       rapid.String().Draw(t, "by"),
		Command:  rapid.Uint64().Draw(t, "command"),
		Notes:    orNil(t, "notes"),
		Wake:     rapid.Int64().Draw(t, "wake"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "events") {
		r.Events = append(r.Events, journal.Event{Name: rapid.String().Draw(t, "name"), Data: orNil(t, "data")})
	}
	return r
}

func TestBatchRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := codec.Header{
			Partition: journal.Partition{Pool: rapid.String().Draw(t, "pool"), Number: rapid.IntRange(0, 1<<30).Draw(t, "number")},
			Term:      rapid.Uint64().Draw(t, "term"),
			Offset:    journal.Offset(rapid.Uint64().Draw(t, "offset")),
		}
		copy(h.Previous[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "previous"))
		records := make([]journal.Record, rapid.IntRange(0, 4).Draw(t, "records"))
		for i := range records {
			records[i] = drawRecord(t)
		}
		prefix := orNil(t, "prefix")
		var spans []codec.Span
		data, hash := codec.AppendBatch(bytes.Clone(prefix), h, records, func(_ int, s codec.Span) { spans = append(spans, s) })
		if !bytes.HasPrefix(data, prefix) {
			t.Fatal("AppendBatch changed what was there before")
		}
		if got, most := len(data)-len(prefix), codec.BatchSize(h.Partition, records); got > most {
			t.Fatalf("batch has %d bytes, BatchSize says %d at most", got, most)
		}
		for i, s := range spans {
			rec, err := codec.DecodeRecord(data[s.Start:s.End], records[i].Entity)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(records[i], rec); d != "" {
				t.Fatalf("record %d at its span (-want +got):\n%s", i, d)
			}
		}
		data = data[len(prefix):]
		gotH, got, gotHash, err := codec.DecodeBatch(data, nil)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(h, gotH); d != "" || hash != gotHash {
			t.Fatalf("header (-want +got):\n%s; hash %x, want %x", d, gotHash, hash)
		}
		if d := cmp.Diff(records, got); d != "" {
			t.Fatalf("records (-want +got):\n%s", d)
		}
		bit := rapid.IntRange(0, 8*len(data)-1).Draw(t, "bit")
		data[bit/8] ^= 1 << (bit % 8)
		if _, _, _, err := codec.DecodeBatch(data, nil); !errors.Is(err, journal.ErrCorrupt) {
			t.Fatalf("DecodeBatch with bit %d flipped = %v, want ErrCorrupt", bit, err)
		}
	})
}

// stream draws successive records of one entity.
func stream(t *rapid.T, n int) ([]journal.Record, [][]byte) {
	records, bodies := make([]journal.Record, n), make([][]byte, n)
	last := journal.Mark{Seq: rapid.Uint64Range(0, 1000).Draw(t, "seq"), Revision: rapid.Uint64Range(0, 1000).Draw(t, "revision")}
	for i := range records {
		r := drawRecord(t)
		r.Entity = journal.Entity{Category: "c", ID: "1"}
		r.Seq, r.Revision = last.Seq+1, last.Revision+uint64(len(r.Events))
		last = r.Mark()
		records[i], bodies[i] = r, codec.AppendRecord(nil, &r)
	}
	return records, bodies
}

func TestRunRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records, bodies := stream(t, rapid.IntRange(1, 4).Draw(t, "n"))
		key := []byte("key")
		data := codec.AppendRun(nil, key, records[0].Seq, bodies)
		got, err := codec.DecodeRun(nil, key, data, records[0].Entity)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(records, got); d != "" {
			t.Fatalf("records (-want +got):\n%s", d)
		}
		if _, err := codec.DecodeRun(nil, []byte("kez"), data, records[0].Entity); !errors.Is(err, journal.ErrCorrupt) {
			t.Fatalf("DecodeRun under another key = %v, want ErrCorrupt", err)
		}
		bit := rapid.IntRange(0, 8*len(data)-1).Draw(t, "bit")
		data[bit/8] ^= 1 << (bit % 8)
		if _, err := codec.DecodeRun(nil, key, data, records[0].Entity); !errors.Is(err, journal.ErrCorrupt) {
			t.Fatalf("DecodeRun with bit %d flipped = %v, want ErrCorrupt", bit, err)
		}
	})
}

func TestRunWithGap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records, bodies := stream(t, 3)
		data := codec.AppendRun(nil, nil, records[0].Seq, [][]byte{bodies[0], bodies[2]})
		if _, err := codec.DecodeRun(nil, nil, data, records[0].Entity); !errors.Is(err, journal.ErrCorrupt) {
			t.Fatalf("DecodeRun of a run with a gap = %v, want ErrCorrupt", err)
		}
	})
}

func TestSnapshotRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := journal.Snapshot{
			Entity: journal.Entity{Category: "c", ID: "1"},
			Mark:   journal.Mark{Seq: rapid.Uint64().Draw(t, "seq"), Revision: rapid.Uint64().Draw(t, "revision")},
			State:  orNil(t, "state"),
			Notes:  orNil(t, "notes"),
		}
		key := []byte("key")
		data := codec.AppendSnapshot(nil, key, &s)
		got, err := codec.DecodeSnapshot(key, data, s.Entity)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(s, got); d != "" {
			t.Fatalf("snapshot (-want +got):\n%s", d)
		}
		bit := rapid.IntRange(0, 8*len(data)-1).Draw(t, "bit")
		data[bit/8] ^= 1 << (bit % 8)
		if _, err := codec.DecodeSnapshot(key, data, s.Entity); !errors.Is(err, journal.ErrCorrupt) {
			t.Fatalf("DecodeSnapshot with bit %d flipped = %v, want ErrCorrupt", bit, err)
		}
	})
}
