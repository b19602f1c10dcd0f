package node

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tutti-rt/tutti/internal/latency"
)

// timing is one distribution of a component's Stats: a histogram, and its maximum beside it.
type timing[S any] struct {
	histogram, max *prometheus.Desc
	value          func(S) latency.Distribution
}

// timing adds a distribution to what c reports.
func (c *collector[S]) timing(name, help string, value func(S) latency.Distribution) {
	c.labelled(name, help, nil, value)
}

// hop adds a hop of messages to what c reports.
func (c *collector[S]) hop(name string, value func(S) latency.Distribution) {
	c.labelled("tutti_hop_seconds", "Where the time of messages went.", prometheus.Labels{"hop": name}, value)
}

func (c *collector[S]) labelled(name, help string, labels prometheus.Labels, value func(S) latency.Distribution) {
	t := timing[S]{
		histogram: prometheus.NewDesc(name, help, nil, labels),
		max:       prometheus.NewDesc(name+"_max", help+" The longest.", nil, labels),
		value:     value,
	}
	c.timings = append(c.timings, t)
	c.descs = append(c.descs, t.histogram, t.max)
}

func (t *timing[S]) collect(out chan<- prometheus.Metric, v latency.Distribution) {
	var below uint64
	buckets := make(map[float64]uint64, len(latency.Bounds))
	for i, bound := range latency.Bounds {
		below += v.Buckets[i]
		buckets[bound.Seconds()] = below
	}
	count := below + v.Buckets[len(latency.Bounds)]
	out <- prometheus.MustNewConstHistogram(t.histogram, count, v.Sum.Seconds(), buckets)
	out <- prometheus.MustNewConstMetric(t.max, prometheus.GaugeValue, v.Max.Seconds())
}
