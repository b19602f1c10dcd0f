package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/bench"
)

func benchStateCommand() *cobra.Command {
	var (
		b benchRun
		s bench.State
	)
	cmd := &cobra.Command{
		Use: "state", Short: "Changes of one large state, across its snapshots and while links come", Args: cobra.NoArgs,
		Example: "  tutti bench state --category canvas --joiners 10 --for 20s\n  tutti bench state --category pad --size 1000000 --rate 1000\n  tutti bench state --size 100",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.Warmup, s.For = b.warmup, b.duration
			return b.run(cmd, "state", func(ctx context.Context, n *workNode, progress func(time.Duration)) (result, error) {
				s.Target, s.Progress, s.Usage, s.Metrics = bench.Target{URL: n.url, Token: n.token}, progress, n.usage, n.metrics
				if n.own != nil {
					s.Restart = n.restart
				} else {
					s.Metrics = nil
				}
				res, err := s.Run(ctx)
				if res == nil {
					return nil, err
				}
				return res, err
			})
		},
	}
	b.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&s.Category, "category", "sheet", "sheet (of any size), canvas (2048 × 2048 cells) or pad (text)")
	flags.IntVar(&s.Size, "size", 0, "bytes of the state (default: 1 MiB for a pad, else 4 MiB)")
	flags.Float64Var(&s.Rate, "rate", 1000, "commands/s of all together, each of which is one event")
	flags.IntVar(&s.Senders, "senders", 4, "connections that send, and do not watch")
	flags.IntVar(&s.Viewers, "viewers", 10, "connections that watch")
	flags.Float64Var(&s.Joiners, "joiners", 0, "links/s that come, take the whole state and go, in the second half of the time")
	return cmd
}
