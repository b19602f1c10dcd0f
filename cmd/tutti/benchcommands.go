package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/bench"
)

func benchCommandsCommand() *cobra.Command {
	return incrementsCommand(bench.Commands{Connections: 1024, InFlight: 1}, &cobra.Command{
		Use: "commands", Short: "Increments of counters, each answered once it is durable",
		Example: "  tutti bench commands --connections 1024 --for 10s\n  tutti bench commands --connections 1\n  tutti bench commands --rate 10000",
	})
}

// benchHotCommand is commands with other defaults: the load of one entity.
func benchHotCommand() *cobra.Command {
	return incrementsCommand(bench.Commands{Connections: 16, Entities: 1, InFlight: 64, Viewers: 10}, &cobra.Command{
		Use: "hot", Short: "Increments of one counter that others watch",
		Example: "  tutti bench hot\n  tutti bench hot --connections 4 --viewers 100 --for 5s",
	})
}

// incrementsCommand returns a command that measures c, unless flags say otherwise.
func incrementsCommand(c bench.Commands, cmd *cobra.Command) *cobra.Command {
	var b benchRun
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c.Warmup, c.For = b.warmup, b.duration
		return b.run(cmd, cmd.Name(), func(ctx context.Context, n *workNode, progress func(time.Duration)) (result, error) {
			c.Target, c.Progress, c.Usage, c.Metrics = n.target(), progress, n.usage, n.metrics
			res, err := c.Run(ctx)
			if res == nil {
				return nil, err
			}
			return res, err
		})
	}
	b.register(cmd)
	b.registerVariants(cmd)
	f := cmd.Flags()
	f.IntVar(&c.Connections, "connections", c.Connections, "connections that send")
	f.IntVar(&c.Entities, "entities", c.Entities, "counters that they share (0: one each)")
	f.IntVar(&c.InFlight, "inflight", c.InFlight, "commands of a connection without an answer")
	f.IntVar(&c.Viewers, "viewers", c.Viewers, "connections that watch, for each counter")
	f.BoolVar(&c.Watch, "watch", false, "let those who send watch, too")
	f.Float64Var(&c.Rate, "rate", 0, "commands/s of all together (default: each as soon as the one before is answered)")
	return cmd
}
