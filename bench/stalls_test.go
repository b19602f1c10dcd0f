package bench

import (
	"context"
	"testing"
	"time"
)

// In-package, since the readings of a server are not to be had outside.
func TestStallsOfTheTimeMeasured(t *testing.T) {
	const name = "tutti_journal_sync_seconds"
	figures := map[string]float64{
		name + `_bucket{le="0.1"}`: 4, name + `_bucket{le="0.001"}`: 3, name + `_bucket{le="1"}`: 5, name + `_bucket{le="+Inf"}`: 5,
		name + "_count": 5, name + "_sum": 1,
	}
	read := func(context.Context) (map[string]float64, error) {
		now := make(map[string]float64)
		for k, v := range figures {
			now[k] = v
		}
		return now, nil
	}
	watch := watchStalls(t.Context(), read)
	if got := watch.since(t.Context()); got.Syncs != 0 || got.SyncLongest != (Between{}) {
		t.Errorf("since() = %+v though nothing happened, want no syncs", got)
	}
	figures[name+`_bucket{le="0.1"}`] += 2 // one of them up to 0.001
	figures[name+`_bucket{le="0.001"}`]++
	figures[name+`_bucket{le="1"}`] += 2
	figures[name+`_bucket{le="+Inf"}`] += 2
	figures[name+"_count"] += 2
	figures[name+"_sum"] += 0.05
	got := watch.since(t.Context())
	if want := (Between{time.Millisecond, 100 * time.Millisecond}); got.Syncs != 2 || got.SyncLongest != want || got.SyncMean != 25*time.Millisecond {
		t.Errorf("since() = %+v, want 2 syncs of 25 ms, the longest %v", got, want)
	}
	figures[name+`_bucket{le="+Inf"}`]++
	if got := watch.since(t.Context()).SyncLongest.String(); got != "more than 1.00 s" {
		t.Errorf("SyncLongest = %s, want more than 1.00 s", got)
	}
}
