package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/bench"
)

func benchHistoryCommand() *cobra.Command {
	var (
		b benchRun
		h bench.History
	)
	cmd := &cobra.Command{
		Use: "history", Short: "Clients that come back and have missed events", Args: cobra.NoArgs,
		Example: "  tutti bench history --behind 1,10000",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if h.Tries < 1 || h.Others < 1 || h.Rate <= 0 || h.For <= 0 {
				return errors.New("--tries, --others, --rate and --for: more than nothing")
			}
			return b.measureParts(cmd, "history", int64(len(h.Behind)+1), nil, func(ctx context.Context, n *workNode, progress func(int64), part func(string)) (result, error) {
				h.Target, h.Usage, h.Progress = n.target(), n.usage, func(done int) { progress(int64(done)) }
				h.Part = part
				res, err := h.Run(ctx)
				if res == nil {
					return nil, err
				}
				return res, err
			})
		},
	}
	b.registerSteps(cmd)
	f := cmd.Flags()
	f.IntSliceVar(&h.Behind, "behind", []int{1, 10, 100, 1000, 10_000, 100_000}, "events missed")
	f.IntVar(&h.Tries, "tries", 20, "clients for each of them, one after the other (fewer for more than a million events)")
	f.IntVar(&h.Others, "others", 50, "connections that send to counters meanwhile")
	f.Float64Var(&h.Rate, "rate", 500, "commands/s of those together")
	f.DurationVar(&h.For, "for", 5*time.Second, "how long those send alone, for comparison")
	return cmd
}
