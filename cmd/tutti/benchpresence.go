package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/bench"
)

func benchPresenceCommand() *cobra.Command {
	var (
		b benchRun
		p bench.Presence
	)
	cmd := &cobra.Command{
		Use: "presence", Short: "Many members of one entity who come, show something, signal and leave", Args: cobra.NoArgs,
		Example: "  tutti bench presence --members 1000 --rate 5",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.Members < 2 || p.AtOnce < 1 || p.Rate <= 0 || p.For <= 0 {
				return errors.New("numbers and times: more than nothing, and two members")
			}
			most, err := openable(cmd, p.Members, cmd.Flags().Changed("members"))
			if err != nil {
				return err
			}
			p.Members = most
			const parts = 4
			return b.measureParts(cmd, "presence", parts, nil, func(ctx context.Context, n *workNode, progress func(int64), part func(string)) (result, error) {
				p.Target, p.Usage = n.target(), n.usage
				begun := int64(0)
				p.Part = func(name string) {
					progress(begun)
					begun++
					part(name)
				}
				res, err := p.Run(ctx)
				if res == nil {
					return nil, err
				}
				return res, err
			})
		},
	}
	b.registerSteps(cmd)
	f := cmd.Flags()
	f.IntVar(&p.Members, "members", 5000, "members of the entity")
	f.IntVar(&p.AtOnce, "at-once", 64, "handshakes under way")
	f.Float64Var(&p.Rate, "rate", 1, "frames/s of each member while they show something, and while they signal")
	f.DurationVar(&p.For, "for", 10*time.Second, "how long they do so, each")
	return cmd
}
