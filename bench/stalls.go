package bench

import (
	"context"
	"maps"
	"math"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Stalls is what held a run up besides its work: the disk, and cores that were busy.
type Stalls struct {
	Syncs         uint64        `json:"syncs"` // of the journal, while measuring; 0 where they are not known
	SyncMean      time.Duration `json:"sync_mean_ns"`
	SyncLongest   Between       `json:"sync_longest"`
	TurnLongest   Between       `json:"snapshot_turn_longest"`        // that a turn spent on a snapshot
	ServerLongest Between       `json:"server_longest_scheduling"`    // that one of the server's goroutines waited to run
	GenLongest    Between       `json:"generator_longest_scheduling"` // that one of the generator's did
}

// Between is a duration of which a histogram knows only the bounds. Zero: none.
type Between struct {
	Above time.Duration `json:"above_ns"`
	UpTo  time.Duration `json:"up_to_ns"` // math.MaxInt64: no bound
}

func (b Between) String() string {
	switch b.UpTo {
	case 0:
		return "none"
	case math.MaxInt64:
		return "more than " + micros(b.Above.Microseconds())
	}
	return micros(b.Above.Microseconds()) + " to " + micros(b.UpTo.Microseconds())
}

// stallWatch is what was known when measuring began.
type stallWatch struct {
	metrics Metrics
	server  map[string]float64
	own     *metrics.Float64Histogram
}

func watchStalls(ctx context.Context, m Metrics) stallWatch {
	return stallWatch{metrics: m, server: m.read(ctx), own: ownScheduling()}
}

// since returns what happened since then.
func (s stallWatch) since(ctx context.Context) *Stalls {
	r := &Stalls{GenLongest: longest(s.own, ownScheduling())}
	after := s.metrics.read(ctx)
	if after == nil {
		return r
	}
	const syncs, turns, scheduling = "tutti_journal_sync_seconds", "tutti_state_snapshot_turn_seconds", "go_sched_latencies_seconds"
	r.Syncs = uint64(after[syncs+"_count"] - s.server[syncs+"_count"])
	if r.Syncs > 0 {
		sum := after[syncs+"_sum"] - s.server[syncs+"_sum"]
		r.SyncMean = time.Duration(sum / float64(r.Syncs) * float64(time.Second))
	}
	r.SyncLongest = longest(exported(s.server, syncs), exported(after, syncs))
	r.TurnLongest = longest(exported(s.server, turns), exported(after, turns))
	r.ServerLongest = longest(exported(s.server, scheduling), exported(after, scheduling))
	return r
}

// ownScheduling returns how long goroutines of this process have waited to run.
func ownScheduling() *metrics.Float64Histogram {
	sample := []metrics.Sample{{Name: "/sched/latencies:seconds"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return &metrics.Float64Histogram{}
	}
	return sample[0].Value.Float64Histogram()
}

// exported returns a histogram among the server's figures: those that count no more than the bound each.
func exported(figures map[string]float64, name string) *metrics.Float64Histogram {
	var h metrics.Float64Histogram
	below := make(map[float64]float64)
	for key, value := range figures {
		le, ok := strings.CutPrefix(key, name+`_bucket{le="`)
		if !ok {
			continue
		}
		if upper, err := strconv.ParseFloat(strings.TrimSuffix(le, `"}`), 64); err == nil {
			below[upper] = value
		}
	}
	h.Buckets = append(h.Buckets, 0)
	var before float64
	for _, upper := range slices.Sorted(maps.Keys(below)) {
		h.Buckets = append(h.Buckets, upper)
		h.Counts = append(h.Counts, uint64(below[upper]-before))
		before = below[upper]
	}
	return &h
}

// longest returns the highest bucket that got something between two readings.
func longest(before, after *metrics.Float64Histogram) Between {
	for i := len(after.Counts) - 1; i >= 0; i-- {
		var had uint64
		if i < len(before.Counts) {
			had = before.Counts[i]
		}
		if after.Counts[i] > had {
			return Between{bound(after.Buckets[i]), bound(after.Buckets[i+1])}
		}
	}
	return Between{}
}

// bound returns a bound of a histogram.
func bound(s float64) time.Duration {
	if s >= math.MaxInt64/float64(time.Second) {
		return math.MaxInt64
	}
	return time.Duration(max(s, 0) * float64(time.Second))
}

// stalls writes what held the run up.
func (r report) stalls(s *Stalls, w Window) {
	if s == nil {
		return
	}
	if s.Syncs > 0 {
		r.line("journal syncs meanwhile", "%d, mean %s, longest %s", s.Syncs, micros(s.SyncMean.Microseconds()), s.SyncLongest)
	}
	if s.TurnLongest.UpTo > 0 {
		r.line("longest a turn spent on a snapshot", "%s", s.TurnLongest)
	}
	r.line("longest wait of a goroutine to run", "server %s, generator %s", s.ServerLongest, s.GenLongest)
	if w.ServerWaited > 0 {
		r.line("threads waited for a core", "server %.1f s, generator %.1f s", w.ServerWaited, w.GeneratorWaited)
	}
}
