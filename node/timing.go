package node

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tutti-rt/tutti/journal/diskjournal"
	"github.com/tutti-rt/tutti/state"
)

// timing is one distribution of a component's Stats: a histogram, and its maximum beside it.
type timing[S any] struct {
	histogram, max *prometheus.Desc
	value          func(S) distribution
}

// distribution is how often something took how long. buckets has one more than bounds.
type distribution struct {
	bounds   []time.Duration
	buckets  []uint64
	sum, max time.Duration
}

func ofState(t state.Timing) distribution {
	return distribution{state.TimingBounds[:], t.Buckets[:], t.Sum, t.Max}
}

func ofSyncs(t diskjournal.SyncTimes) distribution {
	return distribution{diskjournal.SyncBounds[:], t.Buckets[:], t.Sum, t.Max}
}

// timing adds a distribution to what c reports.
func (c *collector[S]) timing(name, help string, value func(S) distribution) {
	t := timing[S]{
		histogram: prometheus.NewDesc(name, help, nil, nil),
		max:       prometheus.NewDesc(name+"_max", help+" The longest.", nil, nil),
		value:     value,
	}
	c.timings = append(c.timings, t)
	c.descs = append(c.descs, t.histogram, t.max)
}

func (t *timing[S]) collect(out chan<- prometheus.Metric, v distribution) {
	var below uint64
	buckets := make(map[float64]uint64, len(v.bounds))
	for i, bound := range v.bounds {
		below += v.buckets[i]
		buckets[bound.Seconds()] = below
	}
	count := below + v.buckets[len(v.bounds)]
	out <- prometheus.MustNewConstHistogram(t.histogram, count, v.sum.Seconds(), buckets)
	out <- prometheus.MustNewConstMetric(t.max, prometheus.GaugeValue, v.max.Seconds())
}
