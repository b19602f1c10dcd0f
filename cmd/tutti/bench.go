package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/bench"
)

func benchCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "bench", Short: "Measure a node under load, over WebSockets", Args: cobra.NoArgs}
	cmd.AddCommand(benchCommandsCommand(), benchFanoutCommand())
	return cmd
}

// benchRun is what both benchmarks have in common.
type benchRun struct {
	target
	json     bool
	profile  string
	duration time.Duration
	warmup   time.Duration
}

const mostBench = 10 * time.Minute

func (b *benchRun) register(cmd *cobra.Command) {
	b.target.register(cmd)
	cmd.Flags().BoolVar(&b.json, "json", false, "print the result as JSON")
	cmd.Flags().StringVar(&b.profile, "profile", "", "directory for CPU and heap profiles of the tool's own node")
	cmd.Flags().DurationVar(&b.duration, "for", 10*time.Second, "how long to measure")
	cmd.Flags().DurationVar(&b.warmup, "warmup", 2*time.Second, "how long to load the node before")
}

// result is what a benchmark prints.
type result interface {
	Print(to io.Writer, m bench.Machine) error
}

// run measures: load does so, telling its progress. A result is printed also when it comes with an error.
func (b *benchRun) run(cmd *cobra.Command, name string, load func(ctx context.Context, n *workNode, progress func(time.Duration)) (result, error)) (err error) {
	if b.duration <= 0 || b.warmup <= 0 || b.duration+b.warmup > mostBench {
		return fmt.Errorf("--for and --warmup: more than nothing, and %s at most together", mostBench)
	}
	if b.profile != "" && b.url != "" {
		return errors.New("--profile is for the tool's own node, not for --target")
	}
	ctx := cmd.Context()
	n, err := b.open(ctx, b.profile != "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close(ctx)) }()
	machine, err := bench.MeasureMachine(ctx, n.disk())
	if err != nil {
		return err
	}
	profiles := newProfiler(n, b.profile, b.warmup, b.duration)
	bar := newBar(cmd.ErrOrStderr(), name, int64((b.warmup + b.duration).Milliseconds()))
	res, err := load(ctx, n, func(passed time.Duration) {
		_ = bar.Set64(passed.Milliseconds()) // a bar that cannot be drawn is no reason to stop
		profiles.at(ctx, passed)
	})
	_ = bar.Finish()
	err = errors.Join(err, profiles.finish(ctx))
	if res == nil {
		return err
	}
	if !b.json {
		return errors.Join(err, res.Print(cmd.OutOrStdout(), machine))
	}
	out := json.NewEncoder(cmd.OutOrStdout())
	out.SetIndent("", "  ")
	return errors.Join(err, out.Encode(struct {
		Machine bench.Machine `json:"machine"`
		Result  result        `json:"result"`
	}{machine, res}))
}

// newBar returns a progress bar on w that goes away in the end.
func newBar(w io.Writer, name string, most int64) *progressbar.ProgressBar {
	return progressbar.NewOptions64(most,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(name), progressbar.OptionSetWidth(40),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetPredictTime(false),
		progressbar.OptionClearOnFinish())
}

func benchCommandsCommand() *cobra.Command {
	var (
		b   benchRun
		c   bench.Commands
		hot bool
	)
	cmd := &cobra.Command{
		Use: "commands", Short: "Increments of counters, each answered once it is durable", Args: cobra.NoArgs,
		Example: "  tutti bench commands --connections 1024 --for 10s\n  tutti bench commands --hot\n  tutti bench commands --connections 1",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if hot {
				makeHot(cmd, &c)
			}
			c.Warmup, c.For = b.warmup, b.duration
			return b.run(cmd, "commands", func(ctx context.Context, n *workNode, progress func(time.Duration)) (result, error) {
				c.Target, c.Progress, c.Usage = bench.Target{URL: n.url, Token: n.token}, progress, n.usage
				res, err := c.Run(ctx)
				if res == nil {
					return nil, err
				}
				return res, err
			})
		},
	}
	b.register(cmd)
	f := cmd.Flags()
	f.IntVar(&c.Connections, "connections", 1024, "connections that send")
	f.IntVar(&c.Entities, "entities", 0, "counters that they share (default: one each)")
	f.IntVar(&c.InFlight, "inflight", 1, "commands of a connection without an answer")
	f.IntVar(&c.Viewers, "viewers", 0, "connections that watch, for each counter")
	f.BoolVar(&c.Watch, "watch", false, "let those who send watch, too")
	f.Float64Var(&c.Rate, "rate", 0, "commands/s of all together (default: each as soon as the one before is answered)")
	f.BoolVar(&hot, "hot", false, "one counter, 16 connections with 64 commands in flight each, 10 viewers")
	return cmd
}

// makeHot sets what --hot means, where the flags do not say otherwise.
func makeHot(cmd *cobra.Command, c *bench.Commands) {
	for name, set := range map[string]struct {
		p *int
		v int
	}{"connections": {&c.Connections, 16}, "entities": {&c.Entities, 1}, "inflight": {&c.InFlight, 64}, "viewers": {&c.Viewers, 10}} {
		if !cmd.Flags().Changed(name) {
			*set.p = set.v
		}
	}
}

func benchFanoutCommand() *cobra.Command {
	var (
		b benchRun
		f bench.Fanout
	)
	cmd := &cobra.Command{
		Use: "fanout", Short: "Paints on one board that many connections watch", Args: cobra.NoArgs,
		Example: "  tutti bench fanout --connections 1000 --events 1000 --for 10s",
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.Warmup, f.For = b.warmup, b.duration
			return b.run(cmd, "fanout", func(ctx context.Context, n *workNode, progress func(time.Duration)) (result, error) {
				f.Target, f.Progress, f.Usage = bench.Target{URL: n.url, Token: n.token}, progress, n.usage
				res, err := f.Run(ctx)
				if res == nil {
					return nil, err
				}
				return res, err
			})
		},
	}
	b.register(cmd)
	flags := cmd.Flags()
	flags.IntVar(&f.Links, "connections", 1000, "connections that watch the board")
	flags.IntVar(&f.Senders, "senders", 4, "connections that paint, and do not watch")
	flags.Float64Var(&f.Events, "events", 1000, "events/s of all senders together")
	flags.IntVar(&f.Stalled, "stalled", 0, "connections besides that watch and never read")
	return cmd
}
