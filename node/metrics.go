package node

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/internal/latency"
	"github.com/tutti-rt/tutti/journal/diskjournal"
	"github.com/tutti-rt/tutti/state"
)

// metric is one figure of a component's Stats.
type metric[S any] struct {
	name, help string
	kind       prometheus.ValueType
	value      func(S) float64
}

const (
	gauge   = prometheus.GaugeValue
	counter = prometheus.CounterValue
)

// collector reports a component's figures as they are when somebody asks.
type collector[S any] struct {
	stats   func() S
	metrics []metric[S]
	descs   []*prometheus.Desc
	timings []timing[S]
	series  []series[S]
}

func newCollector[S any](prefix string, stats func() S, metrics []metric[S]) *collector[S] {
	c := &collector[S]{stats: stats, metrics: metrics}
	for _, m := range metrics {
		c.descs = append(c.descs, prometheus.NewDesc(prefix+m.name, m.help, nil, nil))
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *collector[S]) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector[S]) Collect(out chan<- prometheus.Metric) {
	stats := c.stats()
	for i, m := range c.metrics {
		out <- prometheus.MustNewConstMetric(c.descs[i], m.kind, m.value(stats))
	}
	for _, t := range c.timings {
		t.collect(out, t.value(stats))
	}
	for i := range c.series {
		c.series[i].collect(out, stats)
	}
}

func newEdgeMetrics(e *edge.Edge) *collector[edge.Stats] {
	c := newCollector("tutti_edge_", e.Stats, []metric[edge.Stats]{
		{"links", "Open links.", gauge, func(s edge.Stats) float64 { return float64(s.Links) }},
		{"entities", "Entities with a link.", gauge, func(s edge.Stats) float64 { return float64(s.Entities) }},
		{"ring_bytes", "Bytes of all rings.", gauge, func(s edge.Stats) float64 { return float64(s.RingBytes) }},
		{"private_bytes", "Bytes of frames that wait for one link alone.", gauge, func(s edge.Stats) float64 { return float64(s.PrivateBytes) }},
		{"unfinished_bytes", "Bytes of messages that have come in part.", gauge, func(s edge.Stats) float64 { return float64(s.Unfinished) }},
		{"handshakes_accepted_total", "Handshakes that were accepted.", counter, func(s edge.Stats) float64 { return float64(s.Accepted) }},
		{"handshakes_refused_total", "Handshakes that were refused.", counter, func(s edge.Stats) float64 { return float64(s.Refused) }},
		{"frames_in_total", "Frames of clients.", counter, func(s edge.Stats) float64 { return float64(s.FramesIn) }},
		{"frames_out_total", "Frames made, for a ring once.", counter, func(s edge.Stats) float64 { return float64(s.FramesOut) }},
		{"sweeps_total", "Sweeps of a worker over its share of a ring.", counter, func(s edge.Stats) float64 { return float64(s.Sweeps) }},
		{"writes_total", "Writes to sockets.", counter, func(s edge.Stats) float64 { return float64(s.Writes) }},
		{"bytes_out_total", "Bytes written to sockets.", counter, func(s edge.Stats) float64 { return float64(s.BytesOut) }},
		{"blocked_total", "Times that a socket took no more bytes.", counter, func(s edge.Stats) float64 { return float64(s.Blocked) }},
		{"conflations_total", "Fresh states asked for links that were behind.", counter, func(s edge.Stats) float64 { return float64(s.Conflations) }},
		{"backlogs_total", "Catch-ups from the journal.", counter, func(s edge.Stats) float64 { return float64(s.Backlogs) }},
		{"slow_consumers_total", "Links ended because they did not drain.", counter, func(s edge.Stats) float64 { return float64(s.SlowConsumers) }},
		{"reattached_total", "Links attached to another owner of their entity.", counter, func(s edge.Stats) float64 { return float64(s.Reattached) }},
		{"unanswered_bytes", "Bytes of commands and queries that are kept for another owner.", gauge, func(s edge.Stats) float64 { return float64(s.Unanswered) }},
		{"questions", "Requests that wait for an entity's answer.", gauge, func(s edge.Stats) float64 { return float64(s.Questions) }},
		{"rate_limited_total", "Frames refused and links ended because there were too many.", counter, func(s edge.Stats) float64 { return float64(s.RateLimited) }},
	})
	c.hop("client_edge", func(s edge.Stats) latency.Distribution { return s.Hops.ClientEdge })
	c.hop("edge", func(s edge.Stats) latency.Distribution { return s.Hops.Edge })
	c.hop("fanout", func(s edge.Stats) latency.Distribution { return s.Hops.Fanout })
	c.hop("edge_client", func(s edge.Stats) latency.Distribution { return s.Hops.EdgeClient })
	c.timing("tutti_client_round_trip_seconds", "From a heartbeat's ping to its pong.", func(s edge.Stats) latency.Distribution { return s.RoundTrip })
	return c
}

func newStateMetrics(n *state.Node) *collector[state.Stats] {
	c := newCollector("tutti_state_", n.Stats, []metric[state.Stats]{
		{"partitions", "Partitions served.", gauge, func(s state.Stats) float64 { return float64(s.Partitions) }},
		{"entities", "Entities in memory.", gauge, func(s state.Stats) float64 { return float64(s.Entities) }},
		{"running", "Entities with a turn under way or messages waiting.", gauge, func(s state.Stats) float64 { return float64(s.Running) }},
		{"memory_bytes", "Bytes of entities, as estimated.", gauge, func(s state.Stats) float64 { return float64(s.MemoryBytes) }},
		{"passivations_total", "Entities let go of because they were idle or memory was short.", counter, func(s state.Stats) float64 { return float64(s.Passivations) }},
		{"batches_total", "Batches appended.", counter, func(s state.Stats) float64 { return float64(s.Batches) }},
		{"records_total", "Records in those batches.", counter, func(s state.Stats) float64 { return float64(s.Records) }},
		{"snapshot_bytes_total", "Bytes of snapshots stored.", counter, func(s state.Stats) float64 { return float64(s.SnapshotBytes) }},
		{"snapshots_under_way", "Snapshots being stored.", gauge, func(s state.Stats) float64 { return float64(s.Saving) }},
		{"mirrors", "Partitions that are mirrored.", gauge, func(s state.Stats) float64 { return float64(s.Mirrors) }},
		{"mirrored", "Copies of entities that mirrors keep.", gauge, func(s state.Stats) float64 { return float64(s.Mirrored) }},
		{"mirror_bytes", "Bytes of these, as estimated.", gauge, func(s state.Stats) float64 { return float64(s.MirrorBytes) }},
		{"mirror_answered_total", "Views and queries that mirrors answered.", counter, func(s state.Stats) float64 { return float64(s.Answered) }},
		{"mirror_passed_total", "Views and queries that mirrors passed on to owners.", counter, func(s state.Stats) float64 { return float64(s.Passed) }},
		{"mirror_warm_total", "Activations with what a mirror had kept.", counter, func(s state.Stats) float64 { return float64(s.Warm) }},
		{"mirror_mismatches_total", "Copies whose state was not that of the owner.", counter, func(s state.Stats) float64 { return float64(s.Mismatches) }},
	})
	c.timing("tutti_state_pause_seconds", "Time of each hand-over, from when no more messages were taken until the next owner was known.", func(s state.Stats) latency.Distribution { return s.Pauses })
	c.timing("tutti_state_hand_over_seconds", "Time of each hand-over, from when no more messages were taken until the lead was given up.", func(s state.Stats) latency.Distribution { return s.HandOvers })
	c.timing("tutti_state_activation_seconds", "Time of each activation from the journal.", func(s state.Stats) latency.Distribution { return s.Activations })
	c.timing("tutti_state_snapshot_seconds", "Time of each snapshot until it was stored.", func(s state.Stats) latency.Distribution { return s.Snapshots })
	c.timing("tutti_state_snapshot_turn_seconds", "What turns spent on snapshots.", func(s state.Stats) latency.Distribution { return s.SnapshotTurns })
	c.timing("tutti_state_view_turn_seconds", "What turns spent on encoding views.", func(s state.Stats) latency.Distribution { return s.ViewTurns })
	c.hop("bus", func(s state.Stats) latency.Distribution { return s.Hops.Bus })
	c.hop("mailbox", func(s state.Stats) latency.Distribution { return s.Hops.Mailbox })
	c.hop("handler", func(s state.Stats) latency.Distribution { return s.Hops.Handler })
	c.hop("journal", func(s state.Stats) latency.Distribution { return s.Hops.Journal })
	return c
}

func newJournalMetrics(j *diskjournal.Journal) *collector[diskjournal.Stats] {
	c := newCollector("tutti_journal_", j.Stats, []metric[diskjournal.Stats]{
		{"synced_writes_total", "Writes of batches, each with one sync.", counter, func(s diskjournal.Stats) float64 { return float64(s.Syncs) }},
		{"batches_total", "Batches in those writes.", counter, func(s diskjournal.Stats) float64 { return float64(s.Batches) }},
		{"bytes_total", "Encoded bytes of those batches.", counter, func(s diskjournal.Stats) float64 { return float64(s.Bytes) }},
		{"replicas", "Partitions of which this node has a replica.", gauge, func(s diskjournal.Stats) float64 { return float64(s.Replicas) }},
		{"led", "Partitions that this node leads.", gauge, func(s diskjournal.Stats) float64 { return float64(s.Led) }},
		{"leads_total", "Times that a partition's lead came to this node.", counter, func(s diskjournal.Stats) float64 { return float64(s.Leads) }},
		{"terms_total", "Times that the term of a replica rose: elections.", counter, func(s diskjournal.Stats) float64 { return float64(s.Terms) }},
		{"proposed_total", "Entries proposed by this node as a leader.", counter, func(s diskjournal.Stats) float64 { return float64(s.Proposed) }},
		{"frames_sent_total", "Frames for other nodes, each with messages of many partitions.", counter, func(s diskjournal.Stats) float64 { return float64(s.Frames) }},
		{"frame_bytes_sent_total", "Bytes of those frames.", counter, func(s diskjournal.Stats) float64 { return float64(s.Sent) }},
	})
	c.many("tutti_journal_behind_batches", "Batches of the partitions led here that another node has not stored yet.", gauge, []string{"peer"}, behind)
	c.timing("tutti_journal_sync_seconds", "Time of each synced write.", func(s diskjournal.Stats) latency.Distribution { return s.SyncTimes })
	return c
}
