package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/bench"
)

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
