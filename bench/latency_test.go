package bench

// In the package, since recorders are not part of its API.

import (
	"testing"
	"time"
)

// TestCorrectedShowsAStall: of 1,000 commands one after the other one takes a second, in which another
// thousand would have been sent.
func TestCorrectedShowsAStall(t *testing.T) {
	r := newRecorder()
	for range 999 {
		r.add(0, time.Millisecond)
	}
	r.add(0, time.Second)
	if l := r.latency(); l.P99 > 1100 || l.Max < 990_000 {
		t.Errorf("latency() = %+v, want a p99 of a millisecond and a max of a second", l)
	}
	l, every := r.corrected()
	if every < 1900 || every > 2100 {
		t.Errorf("corrected every %d µs, want the mean of 2 ms", every)
	}
	if l.P90 < 500_000 || l.P99 < 900_000 || l.P50 > 1100 || l.Count < 1400 || l.Count > 1600 {
		t.Errorf("corrected() = %+v, want the second shared out over 500 commands", l)
	}
}

func TestBatchesBetween(t *testing.T) {
	before := map[string]float64{"tutti_journal_synced_writes_total": 10, "tutti_state_batches_total": 20, "tutti_state_records_total": 100}
	after := map[string]float64{"tutti_journal_synced_writes_total": 20, "tutti_state_batches_total": 120, "tutti_state_records_total": 1100}
	if b := batchesBetween(before, after); b == nil || *b != (Batches{Syncs: 10, Batches: 100, Records: 1000, PerSync: 100, Each: 10}) {
		t.Errorf("batchesBetween = %+v", b)
	}
	if b := batchesBetween(nil, after); b != nil {
		t.Errorf("batchesBetween(nil, …) = %+v, want nil: what was before is not known", b)
	}
}
