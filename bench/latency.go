package bench

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency is the distribution of some durations, in µs.
type Latency struct {
	Count int64 `json:"count"`
	P50   int64 `json:"p50_us"`
	P90   int64 `json:"p90_us"`
	P99   int64 `json:"p99_us"`
	P999  int64 `json:"p999_us"`
	Max   int64 `json:"max_us"`
}

// maxLatency is the longest duration that is told from longer ones.
const maxLatency = 10 * time.Minute

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, maxLatency.Microseconds(), 3)
}

func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(max(1, min(d.Microseconds(), maxLatency.Microseconds()))) // within its bounds
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	return Latency{
		Count: h.TotalCount(),
		P50:   h.ValueAtQuantile(50), P90: h.ValueAtQuantile(90), P99: h.ValueAtQuantile(99),
		P999: h.ValueAtQuantile(99.9), Max: h.Max(),
	}
}

// shards is how many histograms the links of a run share, so that they rarely wait for each other.
const shards = 16

// recorder gathers durations from many goroutines.
type recorder struct {
	shards [shards]struct {
		mu sync.Mutex
		h  *hdrhistogram.Histogram
	}
}

func newRecorder() *recorder {
	r := &recorder{}
	for i := range r.shards {
		r.shards[i].h = newHistogram()
	}
	return r
}

// add records durations of the link of that number.
func (r *recorder) add(link int, took ...time.Duration) {
	if len(took) == 0 {
		return
	}
	s := &r.shards[link%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range took {
		record(s.h, d)
	}
}

func (r *recorder) latency() Latency { return latencyOf(r.all()) }

// corrected returns the distribution as if whoever waited for one that took longer than the mean had gone on sending
// at intervals of the mean, which it returns in µs. It is for closed loops, which omit those.
func (r *recorder) corrected() (Latency, int64) {
	all := r.all()
	every := max(1, int64(all.Mean()))
	out := newHistogram()
	for _, bar := range all.Distribution() {
		for took := bar.To; bar.Count > 0 && took > 0; took -= every {
			_ = out.RecordValues(min(took, maxLatency.Microseconds()), bar.Count) // within its bounds
			if took < 2*every {
				break
			}
		}
	}
	return latencyOf(out), every
}

// all returns one histogram of everything.
func (r *recorder) all() *hdrhistogram.Histogram {
	all := newHistogram()
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		all.Merge(s.h)
		s.mu.Unlock()
	}
	return all
}
