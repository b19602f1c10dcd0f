package node

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// series is one figure of each of several things in a component's Stats, which labels tell apart.
type series[S any] struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	each func(s S, is func(v float64, labels ...string))
}

// many adds a figure to what c reports. Each calls is once for everything that has it.
func (c *collector[S]) many(name, help string, kind prometheus.ValueType, labels []string, each func(s S, is func(v float64, labels ...string))) {
	s := series[S]{desc: prometheus.NewDesc(name, help, labels, nil), kind: kind, each: each}
	c.series = append(c.series, s)
	c.descs = append(c.descs, s.desc)
}

func (s *series[S]) collect(out chan<- prometheus.Metric, stats S) {
	s.each(stats, func(v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(s.desc, s.kind, v, labels...)
	})
}

func yes(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// keyed reports the values of a map by their keys.
func keyed[V any](m map[string]V, value func(V) float64, is func(v float64, labels ...string)) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		is(value(m[k]), k)
	}
}
