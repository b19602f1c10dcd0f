package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/bench"
)

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
				f.Target, f.Progress, f.Usage, f.Metrics = n.target(), progress, n.usage, n.metrics
				res, err := f.Run(ctx)
				if res == nil {
					return nil, err
				}
				return res, err
			})
		},
	}
	b.register(cmd)
	b.registerVariants(cmd)
	flags := cmd.Flags()
	flags.IntVar(&f.Links, "connections", 1000, "connections that watch the board")
	flags.IntVar(&f.Senders, "senders", 4, "connections that paint, and do not watch")
	flags.Float64Var(&f.Events, "events", 1000, "events/s of all senders together")
	flags.IntVar(&f.Stalled, "stalled", 0, "connections besides that watch and never read")
	return cmd
}
