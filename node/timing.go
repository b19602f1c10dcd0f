package node

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tutti-rt/tutti/state"
)

// timing is one distribution of a component's Stats: a histogram, and its maximum beside it.
type timing[S any] struct {
	histogram, max *prometheus.Desc
	value          func(S) state.Timing
}

// timing adds a distribution to what c reports.
func (c *collector[S]) timing(name, help string, value func(S) state.Timing) {
	t := timing[S]{
		histogram: prometheus.NewDesc(name, help, nil, nil),
		max:       prometheus.NewDesc(name+"_max", help+" The longest.", nil, nil),
		value:     value,
	}
	c.timings = append(c.timings, t)
	c.descs = append(c.descs, t.histogram, t.max)
}

func (t *timing[S]) collect(out chan<- prometheus.Metric, v state.Timing) {
	var below uint64
	buckets := make(map[float64]uint64, len(state.TimingBounds))
	for i, bound := range state.TimingBounds {
		below += v.Buckets[i]
		buckets[bound.Seconds()] = below
	}
	out <- prometheus.MustNewConstHistogram(t.histogram, v.Count, v.Sum.Seconds(), buckets)
	out <- prometheus.MustNewConstMetric(t.max, prometheus.GaugeValue, v.Max.Seconds())
}
