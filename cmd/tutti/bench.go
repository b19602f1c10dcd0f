package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/bench"
)

func benchCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "bench", Short: "Measure a node under load, over WebSockets", Args: cobra.NoArgs}
	cmd.AddCommand(benchRecoveryCommand(), benchHistoryCommand(), benchLinksCommand(), benchGrowthCommand())
	cmd.AddCommand(benchSoakCommand(), benchContinuityCommand(), benchClusterCommand())
	cmd.AddCommand(benchCommandsCommand(), benchFanoutCommand(), benchHotCommand(), benchNodeCommand())
	cmd.AddCommand(benchAbuseCommand(), benchAbuserCommand())
	cmd.AddCommand(benchStateCommand(), benchEntitiesCommand())
	cmd.AddCommand(benchTLSCommand(), benchPresenceCommand(), benchReplicasCommand())
	return cmd
}

// benchRun is what the benchmarks have in common.
type benchRun struct {
	target
	json     bool
	profile  string
	duration time.Duration
	warmup   time.Duration
	tls      bool
	noDisk   bool
}

// registerOwn registers the flags of a benchmark that measures by steps, at a node of the tool's own.
func (b *benchRun) registerOwn(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&b.json, "json", false, "print the result as JSON")
	cmd.Flags().StringVar(&b.data, "data", "", "directory of the node's journal, kept (default: a new one, removed)")
	b.registerParts(cmd)
}

// registerParts registers the flag of a benchmark that [benchRun.measureParts] runs.
func (b *benchRun) registerParts(cmd *cobra.Command) {
	cmd.Flags().StringVar(&b.profile, "profile", "", "directory for CPU and heap profiles of the tool's own node, for each part of the run")
}

// registerSteps registers the flags of a benchmark that measures by steps.
func (b *benchRun) registerSteps(cmd *cobra.Command) {
	b.target.register(cmd)
	cmd.Flags().BoolVar(&b.json, "json", false, "print the result as JSON")
	cmd.Flags().BoolVar(&b.tls, "tls", false, "the tool's own node with TLS, and a certificate made for the run")
	b.registerParts(cmd)
}

const mostBench = 10 * time.Minute

func (b *benchRun) register(cmd *cobra.Command) {
	b.target.register(cmd)
	cmd.Flags().BoolVar(&b.json, "json", false, "print the result as JSON")
	cmd.Flags().StringVar(&b.profile, "profile", "", "directory for CPU and heap profiles of the tool's own node")
	cmd.Flags().DurationVar(&b.duration, "for", 10*time.Second, "how long to measure")
	cmd.Flags().DurationVar(&b.warmup, "warmup", 2*time.Second, "how long to load the node before")
}

// registerVariants adds the flags that say how the tool's own node differs from the usual.
func (b *benchRun) registerVariants(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&b.tls, "tls", false, "the tool's own node with TLS, and a certificate made for the run")
	cmd.Flags().BoolVar(&b.noDisk, "no-disk", false, "the tool's own node with its journal in memory: what the disk's part is")
}

// result is what a benchmark prints.
type result interface {
	Print(to io.Writer, m bench.Machine) error
}

// run measures for as long as the flags say: load does so, telling its progress.
func (b *benchRun) run(cmd *cobra.Command, name string, load func(ctx context.Context, n *workNode, progress func(time.Duration)) (result, error)) error {
	if b.duration <= 0 || b.warmup <= 0 || b.duration+b.warmup > mostBench {
		return fmt.Errorf("--for and --warmup: more than nothing, and %s at most together", mostBench)
	}
	most := (b.warmup + b.duration).Milliseconds()
	return b.measure(cmd, name, most, nil, func(ctx context.Context, n *workNode, progress func(int64)) (result, error) {
		profiles := newProfiler(n, b.profile, b.warmup, b.duration)
		res, err := load(ctx, n, func(passed time.Duration) {
			progress(passed.Milliseconds())
			profiles.at(ctx, passed)
		})
		return res, errors.Join(err, profiles.finish(ctx))
	})
}

// measure opens the node, the tool's own with those further arguments, and prints what load returns: also when it
// comes with an error. The progress bar ends at most.
func (b *benchRun) measure(cmd *cobra.Command, name string, most int64, args []string, load func(ctx context.Context, n *workNode, progress func(int64)) (result, error)) (err error) {
	if (b.profile != "" || b.tls || b.noDisk) && b.url != "" {
		return errors.New("--profile, --tls and --no-disk are for the tool's own node, not for --target")
	}
	ctx := cmd.Context()
	if b.noDisk {
		args = append(slices.Clone(args), "--no-disk")
	}
	n, err := b.open(ctx, ownNode{command: append([]string{"bench", "node"}, args...), admin: true, tls: b.tls})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close(ctx)) }()
	machine, err := bench.MeasureMachine(ctx, n.disk())
	if err != nil {
		return err
	}
	bar := newBar(cmd.ErrOrStderr(), name, most)
	res, err := load(ctx, n, func(done int64) {
		_ = bar.Set64(min(done, most)) // a bar that cannot be drawn is no reason to stop
	})
	_ = bar.Finish()
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

// measureParts is measure for a load that says which part of it begins, by which profiles are kept.
func (b *benchRun) measureParts(cmd *cobra.Command, name string, most int64, args []string, load func(ctx context.Context, n *workNode, progress func(int64), part func(string)) (result, error)) error {
	return b.measure(cmd, name, most, args, func(ctx context.Context, n *workNode, progress func(int64)) (result, error) {
		p := &partProfiler{node: n, dir: b.profile}
		profiling, stop := context.WithCancel(ctx)
		kept := make(chan error, 1)
		go func() { kept <- p.run(profiling) }()
		res, err := load(ctx, n, progress, p.begin)
		stop()
		return res, errors.Join(err, <-kept)
	})
}

// newBar returns a progress bar on w that goes away in the end.
func newBar(w io.Writer, name string, most int64) *progressbar.ProgressBar {
	return progressbar.NewOptions64(most,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(name), progressbar.OptionSetWidth(40),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetPredictTime(false),
		progressbar.OptionClearOnFinish())
}
