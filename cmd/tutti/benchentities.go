package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/bench"
	"github.com/tutti-rt/tutti/internal/process"
)

func benchEntitiesCommand() *cobra.Command {
	var (
		b benchRun
		e bench.Entities
	)
	cmd := &cobra.Command{
		Use: "entities", Short: "Many small entities: idle, from the disk, and with memory for a part of them", Args: cobra.NoArgs,
		Example: "  tutti bench entities\n  tutti bench entities --entities 20000 --for 2s",
		RunE: func(cmd *cobra.Command, _ []string) error {
			const steps = 1000
			e.For = b.duration
			return b.measureParts(cmd, "entities", steps, nil, func(ctx context.Context, n *workNode, progress func(int64), part func(string)) (result, error) {
				args := n.config.Args
				e.Start = func(ctx context.Context, memory int64, cold bool) (bench.Target, error) {
					n.config.Args = append(slices.Clone(args), "--memory", fmt.Sprint(memory), "--heap-detail")
					if err := n.own.Kill(); err != nil {
						return bench.Target{}, err
					}
					if cold {
						if err := process.DropCache(n.data); err != nil {
							return bench.Target{}, err
						}
					}
					return bench.Target{URL: n.url, Token: n.token}, n.start(ctx)
				}
				e.Usage, e.Metrics = n.usage, n.metrics
				e.Heap = func(ctx context.Context) (io.ReadCloser, error) {
					res, err := n.ask(ctx, "/debug/pprof/heap?gc=1&debug=1")
					if err != nil {
						return nil, err
					}
					return res.Body, nil
				}
				e.Progress = func(done float64) { progress(int64(done * steps)) }
				e.AtRest = newProfiler(n, b.profile, 0, 0).finish
				e.Part = part
				res, err := e.Run(ctx)
				if res == nil {
					return nil, err
				}
				return res, err
			})
		},
	}
	b.registerOwn(cmd)
	f := cmd.Flags()
	f.DurationVar(&b.duration, "for", 0, "how long they are used when there is memory for a part (default 10s)")
	f.IntVar(&e.Entities, "entities", 1_000_000, "how many")
	f.IntVar(&e.ByLink, "by-link", 0, "of these, made by a connection's command (default one in 50)")
	f.Float64Var(&e.Share, "share", 0.1, "part of the entities that there is memory for in the end")
	f.Float64Var(&e.Skew, "skew", 1.1, "exponent of the Zipf law by which they are used then")
	f.Float64Var(&e.Rate, "rate", 5000, "uses/s then")
	return cmd
}
