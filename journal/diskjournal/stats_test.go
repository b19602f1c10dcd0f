package diskjournal_test

import (
	"testing"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
)

func TestStatsCountWhatIsStored(t *testing.T) {
	j, err := diskjournal.Open(t.TempDir(), diskjournal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	l, err := j.Acquire(t.Context(), journal.Partition{Pool: "a"})
	if err != nil {
		t.Fatal(err)
	}
	before := j.Stats()
	for n := range uint64(3) {
		r := journal.Record{
			Entity: journal.Entity{Category: "room", ID: "1"}, Seq: n + 1, Revision: n + 1,
			Events: []journal.Event{{Name: "said", Data: make([]byte, 1000)}},
		}
		if _, err := l.Append(t.Context(), journal.Batch{Records: []journal.Record{r}}); err != nil {
			t.Fatal(err)
		}
	}
	after := j.Stats()
	if after.Syncs != before.Syncs+3 || after.Batches != before.Batches+3 || after.Bytes < before.Bytes+100 {
		t.Errorf("Stats() = %+v, then %+v after three appends, one after the other", before, after)
	}
	var counted uint64
	for _, n := range after.SyncTimes.Buckets {
		counted += n
	}
	if times := after.SyncTimes; counted != uint64(after.Syncs) || times.Max <= 0 || times.Sum < times.Max {
		t.Errorf("SyncTimes = %+v of %d syncs, want each in a bucket", times, after.Syncs)
	}
}
