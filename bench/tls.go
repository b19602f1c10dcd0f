package bench

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/tutti-rt/tutti/internal/process"
)

// Server is one node of several that a run compares.
type Server struct {
	Target  Target
	Usage   func() (process.Usage, error)
	Metrics Metrics
	Collect func(ctx context.Context) error // has it collect garbage
}

// TLS loads a node over plain connections, and one like it over TLS, by turns. Zero fields mean the defaults named
// there.
type TLS struct {
	Plain    Server                     `json:"-"`
	Secure   Server                     `json:"-"`
	Rounds   int                        `json:"rounds"`      // of each load at each node (default 3)
	Links    int                        `json:"connections"` // of each load (default 1,000)
	Events   float64                    `json:"events"`      // each second, of the fan-out (default 1,000)
	Idle     int                        `json:"idle"`        // links whose memory is measured (default 2,000)
	Warmup   time.Duration              `json:"-"`           // of each load (default 1 s)
	For      time.Duration              `json:"-"`           // of each load (default 4 s)
	Progress func(passed time.Duration) `json:"-"`           // of Time; may be nil
}

// TLSResult is what came out: a figure of both, and what TLS makes of it.
type TLSResult struct {
	Settings TLS       `json:"settings"`
	Rows     []Compare `json:"rows"`
	// What the generator itself used for a million, which is no part of the server's.
	Generator []Compare `json:"generator"`
}

// Compare is one figure of both nodes, the median of the rounds.
type Compare struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Plain  float64 `json:"plain"`
	Secure float64 `json:"tls"`
	Ratio  float64 `json:"ratio"` // TLS to plain
}

func (t TLS) withDefaults() TLS {
	fill(&t.Rounds, 3)
	fill(&t.Links, 1000)
	fill(&t.Events, 1000)
	fill(&t.Idle, 2000)
	fill(&t.Warmup, time.Second)
	fill(&t.For, 4*time.Second)
	return t
}

// Time returns how long the loads take.
func (t TLS) Time() time.Duration {
	t = t.withDefaults()
	return time.Duration(t.Rounds) * 4 * (t.Warmup + t.For)
}

// Run compares, plain first in each round.
func (t TLS) Run(ctx context.Context) (*TLSResult, error) {
	t = t.withDefaults()
	run := tlsRun{TLS: t}
	for i, s := range []Server{t.Plain, t.Secure} {
		if err := run.idle(ctx, s, i); err != nil {
			return nil, err
		}
	}
	for range t.Rounds {
		for i, s := range []Server{t.Plain, t.Secure} {
			if err := run.commands(ctx, s, i); err != nil {
				return nil, err
			}
		}
		for i, s := range []Server{t.Plain, t.Secure} {
			if err := run.fanout(ctx, s, i); err != nil {
				return nil, err
			}
		}
	}
	return run.result(), nil
}

// tlsRun is one run under way.
type tlsRun struct {
	TLS
	rows   []*beside
	passed time.Duration // of loads that are over
}

// beside is one figure of all rounds, of both nodes.
type beside struct {
	name, unit string
	generator  bool
	of         [2][]float64
}

// note keeps a figure of node i.
func (r *tlsRun) note(i int, name, unit string, value float64) *beside {
	var s *beside
	r.rows, s = besideOf(r.rows, name, unit)
	s.of[i] = append(s.of[i], value)
	return s
}

// besideOf returns the figure of that name, which is added where there is none.
func besideOf(rows []*beside, name, unit string) ([]*beside, *beside) {
	if at := slices.IndexFunc(rows, func(s *beside) bool { return s.name == name }); at >= 0 {
		return rows, rows[at]
	}
	s := &beside{name: name, unit: unit}
	return append(rows, s), s
}

func (r *tlsRun) progress(passed time.Duration) {
	if r.Progress != nil {
		r.Progress(r.passed + passed)
	}
}

// idle opens links that do nothing, and looks at what they cost.
func (r *tlsRun) idle(ctx context.Context, s Server, i int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	before, err := memoryOf(ctx, s)
	if err != nil {
		return err
	}
	links := make([]*link, r.Idle)
	defer func() {
		for _, l := range links {
			if l != nil {
				l.close()
			}
		}
	}()
	if err := each(len(links), 16, func(k int) (err error) {
		links[k], _, err = dial(ctx, s.Target, "counter/bench-idle", "bench", fmt.Sprintf("bench-idle-connection-%d", k), true)
		return err
	}); err != nil {
		return err
	}
	opened, err := s.Usage()
	if err != nil {
		return err
	}
	after, err := memoryOf(ctx, s)
	if err != nil {
		return err
	}
	n := float64(r.Idle)
	r.note(i, "server CPU to open a link", "ms", (opened.CPU-before.cpu).Seconds()*1000/n)
	r.note(i, "memory of an idle link: resident", "KB", float64(after.rss-before.rss)/1000/n)
	r.note(i, "memory of an idle link: heap in use", "KB", (after.heap-before.heap)/1000/n)
	r.note(i, "memory of an idle link: stacks", "KB", (after.stacks-before.stacks)/1000/n)
	return nil
}

// memory is what a server holds.
type memory struct {
	cpu          time.Duration
	rss          int64
	heap, stacks float64
}

// memoryOf returns what is left when the server has collected its garbage.
func memoryOf(ctx context.Context, s Server) (memory, error) {
	for range 2 { // stacks become smaller with the second
		if err := s.Collect(ctx); err != nil {
			return memory{}, err
		}
	}
	figures, err := s.Metrics(ctx)
	if err != nil {
		return memory{}, err
	}
	u, err := s.Usage()
	if err != nil {
		return memory{}, err
	}
	return memory{u.CPU, u.RSS, figures["go_memstats_heap_alloc_bytes"], figures["go_memstats_stack_inuse_bytes"]}, nil
}

func (r *tlsRun) commands(ctx context.Context, s Server, i int) error {
	res, err := Commands{
		Target: s.Target, Connections: r.Links, Warmup: r.Warmup, For: r.For, Usage: s.Usage, Progress: r.progress,
	}.Run(ctx)
	if err != nil {
		return err
	}
	r.passed += r.Warmup + r.For
	r.note(i, "commands/s", "", res.PerSecond)
	r.latency(i, "command to answer", res.Latency)
	r.note(i, "server CPU for 1M commands", "s", res.CPUPerMillion)
	r.note(i, "generator CPU for 1M commands", "s", perMillion(res.Window.GeneratorCPU, res.Commands)).generator = true
	return nil
}

func (r *tlsRun) fanout(ctx context.Context, s Server, i int) error {
	res, err := Fanout{
		Target: s.Target, Links: r.Links, Senders: 16, Events: r.Events, Warmup: r.Warmup, For: r.For, Usage: s.Usage, Progress: r.progress,
	}.Run(ctx)
	if err != nil {
		return err
	}
	r.passed += r.Warmup + r.For
	r.note(i, "deliveries/s", "", res.PerSecond)
	r.latency(i, "command to a viewer", res.Latency)
	r.note(i, "server CPU for 1M deliveries", "s", res.CPUPerMillion)
	r.note(i, "generator CPU for 1M deliveries", "s", perMillion(res.Window.GeneratorCPU, res.Measured)).generator = true
	return nil
}

func (r *tlsRun) latency(i int, name string, l Latency) {
	r.note(i, name+": p50", "ms", float64(l.P50)/1000)
	r.note(i, name+": p99", "ms", float64(l.P99)/1000)
}

func (r *tlsRun) result() *TLSResult {
	res := &TLSResult{Settings: r.TLS}
	for _, s := range r.rows {
		c := Compare{Name: s.name, Unit: s.unit, Plain: median(s.of[0]), Secure: median(s.of[1])}
		if c.Plain != 0 {
			c.Ratio = c.Secure / c.Plain
		}
		if s.generator {
			res.Generator = append(res.Generator, c)
		} else {
			res.Rows = append(res.Rows, c)
		}
	}
	return res
}

// median returns the middle one, of an even number the lower of the two in the middle.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return v[(len(v)-1)/2]
}

// Print writes the result as a table.
func (r *TLSResult) Print(to io.Writer, m Machine) error {
	t := newReport(to)
	fmt.Fprintln(t.w, "\tplain\tTLS\tTLS to plain")
	for _, c := range slices.Concat(r.Rows, r.Generator) {
		name := c.Name
		if c.Unit != "" {
			name += " (" + c.Unit + ")"
		}
		fmt.Fprintf(t.w, "%s\t%s\t%s\t%.2f\n", name, three(c.Plain), three(c.Secure), c.Ratio)
	}
	s := r.Settings
	t.line("measured", "%d rounds by turns of %d connections, the median of each figure; %d idle links", s.Rounds, s.Links, s.Idle)
	t.line("one bare fsync here", "p50 %s, p99 %s", micros(m.Fsync.P50), micros(m.Fsync.P99))
	t.line("one bare socket write here", "%.1f µs", m.SocketWrite)
	return t.w.Flush()
}

// three writes a figure with about three digits.
func three(v float64) string {
	switch {
	case v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10 || v <= -10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
