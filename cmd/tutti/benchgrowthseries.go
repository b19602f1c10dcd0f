package main

import (
	"context"
	"errors"
	"time"

	"github.com/tutti-rt/tutti/bench"
	"github.com/tutti-rt/tutti/internal/process"
)

// allGrowth returns the series in the order in which they run.
func allGrowth() []growthSeries {
	links := []float64{100, 1000, 4000, 16_000}
	if limit, ok := process.FileLimit(); !ok || limit >= 50_000+ownFiles {
		links = append(links, 50_000)
	}
	return []growthSeries{
		{
			name: "links", what: "links at one board, 20,000 deliveries/s in all",
			full: links, quick: []float64{10, 100}, run: growLinks,
		},
		{
			name: "events", what: "events/s at one board with 1,000 links",
			full: []float64{10, 50, 200, 500, 1000, 2000}, quick: []float64{10, 50}, run: growEvents,
		},
		{
			name: "load", what: "commands/s of 256 connections at as many counters",
			full: []float64{500, 1000, 2000, 5000, 10_000, 20_000, 30_000}, quick: []float64{100, 500}, run: growLoad,
		},
		{
			name: "state", what: "bytes of the state of one entity, 500 events/s, 10 viewers",
			full: []float64{100, 1000, 10_000, 100_000, 1_000_000, 4 << 20}, quick: []float64{100, 10_000}, run: growState,
		},
		{
			name: "entities", what: "entities with 20 events each on disk, started after kill -9",
			full: []float64{1000, 10_000, 100_000, 1_000_000}, quick: []float64{100, 1000},
			args: []string{"--memory", "268435456"}, run: growEntities,
		},
	}
}

// measureTimes returns how long a run is loaded before and while it is measured.
func measureTimes(quick bool) (warmup, measured time.Duration) {
	if quick {
		return 200 * time.Millisecond, 500 * time.Millisecond
	}
	return time.Second, 4 * time.Second
}

// milliseconds turns microseconds into milliseconds.
func milliseconds(us int64) float64 { return float64(us) / 1000 }

const megabyte = 1e6

func growLinks(ctx context.Context, n *workNode, x float64, quick bool) (map[string]float64, any, error) {
	return fanOut(ctx, n, int(x), 20_000/x, quick)
}

func growEvents(ctx context.Context, n *workNode, x float64, quick bool) (map[string]float64, any, error) {
	links := 1000
	if quick {
		links = 50
	}
	return fanOut(ctx, n, links, x, quick)
}

func fanOut(ctx context.Context, n *workNode, links int, events float64, quick bool) (map[string]float64, any, error) {
	f := bench.Fanout{Target: n.target(), Links: links, Events: events, Usage: n.usage}
	f.Warmup, f.For = measureTimes(quick)
	res, err := f.Run(ctx)
	if err != nil {
		return nil, res, err
	}
	return map[string]float64{
		"p50_ms": milliseconds(res.Latency.P50), "p99_ms": milliseconds(res.Latency.P99), "last_p99_ms": milliseconds(res.Last.P99),
		"cpu_seconds": res.CPUPerMillion, "deliveries_per_second": res.PerSecond, "rss_mb": float64(res.Window.ServerRSS) / megabyte,
	}, res, nil
}

func growLoad(ctx context.Context, n *workNode, x float64, quick bool) (map[string]float64, any, error) {
	c := bench.Commands{Target: n.target(), Connections: 256, Rate: x, Usage: n.usage, Metrics: n.metrics}
	c.Warmup, c.For = measureTimes(quick)
	if quick {
		c.Connections = 16
	}
	res, err := c.Run(ctx)
	if err != nil {
		return nil, res, err
	}
	if res.Batches == nil {
		return nil, res, errors.New("the node does not tell its batches")
	}
	return map[string]float64{
		"p50_ms": milliseconds(res.Latency.P50), "p99_ms": milliseconds(res.Latency.P99), "commands_per_second": res.PerSecond,
		"cpu_seconds": res.CPUPerMillion, "records_per_sync": res.Batches.PerSync, "records_per_batch": res.Batches.Each,
	}, res, nil
}

func growState(ctx context.Context, n *workNode, x float64, quick bool) (map[string]float64, any, error) {
	s := bench.State{Target: n.target(), Size: int(x), Rate: 500, Usage: n.usage, Metrics: n.metrics, Restart: n.restart}
	s.Warmup, s.For = measureTimes(quick)
	res, err := s.Run(ctx)
	if err != nil {
		return nil, res, err
	}
	values := map[string]float64{
		"p50_ms": milliseconds(res.All.P50), "p99_ms": milliseconds(res.All.P99), "welcome_bytes": float64(res.WelcomeLen),
		"cpu_seconds": res.CPUPerMillion, "rss_mb": float64(res.Window.ServerRSS) / megabyte,
	}
	if res.Activation > 0 {
		values["activation_ms"] = milliseconds(res.Activation)
	}
	return values, res, nil
}

func growEntities(ctx context.Context, n *workNode, x float64, quick bool) (map[string]float64, any, error) {
	r := recoveryOf(n)
	r.Entities, r.Events, r.Tries, r.Sample, r.Load = int(x), 20, 3, 500, 500*time.Millisecond
	if quick {
		r.Tries, r.Sample, r.Load = 1, 20, 100*time.Millisecond
	}
	res, err := r.Run(ctx)
	if err != nil {
		return nil, res, err
	}
	last := res.Tries[len(res.Tries)-1]
	return map[string]float64{
		"first_answer_ms": milliseconds(res.FirstAnswer.P50), "first_answer_max_ms": milliseconds(res.FirstAnswer.Max),
		"entity_p50_ms": milliseconds(res.Answers.P50), "entity_p99_ms": milliseconds(res.Answers.P99),
		"rss_mb": float64(last.SampledRSS) / megabyte, "disk_mb": float64(res.Disk) / megabyte,
		"fill_cpu_seconds": res.FillCPU / x * 1e6,
	}, res, nil
}
