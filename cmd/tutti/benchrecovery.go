package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/bench"
)

func benchRecoveryCommand() *cobra.Command {
	var (
		b benchRun
		r bench.Recovery
	)
	cmd := &cobra.Command{
		Use: "recovery", Short: "Starts after kill -9, with many entities on disk", Args: cobra.NoArgs,
		Example: "  tutti bench recovery --entities 100000 --tries 3",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if r.Entities < 1 || r.Events < 1 || r.Tries < 1 || r.Tries > 1000 || r.Sample < 1 || r.Loaders < 1 || r.Load <= 0 {
				return errors.New("--entities, --events, --tries, --sample and --loaders: at least 1, and 1000 tries at most")
			}
			// What has been filled need not stay in memory.
			args := []string{"--memory", fmt.Sprint(256 << 20)}
			return b.measureParts(cmd, "fill", int64(r.Entities), args, func(ctx context.Context, n *workNode, progress func(int64), part func(string)) (result, error) {
				own := recoveryOf(n)
				r.Target, r.Usage, r.Metrics, r.Kill, r.Start, r.Disk = own.Target, own.Usage, own.Metrics, own.Kill, own.Start, own.Disk
				r.Progress = func(filled int) { progress(int64(filled)) }
				r.Part = part
				res, err := r.Run(ctx)
				if res == nil {
					return nil, err
				}
				return res, err
			})
		},
	}
	b.registerOwn(cmd)
	f := cmd.Flags()
	f.IntVar(&r.Entities, "entities", 1_000_000, "entities on disk")
	f.IntVar(&r.Events, "events", 20, "events of each")
	f.IntVar(&r.Tries, "tries", 5, "kills and starts")
	f.IntVar(&r.Sample, "sample", 1000, "entities verified after each start")
	f.DurationVar(&r.Load, "load", time.Second, "how long they have sent by then")
	f.IntVar(&r.Loaders, "loaders", 64, "connections that send when the node is killed")
	return cmd
}

// recoveryOf returns a benchmark of starts that may kill the node.
func recoveryOf(n *workNode) bench.Recovery {
	return bench.Recovery{
		Target: n.target(), Usage: n.usage, Metrics: n.metrics,
		Kill: func() error { return n.own.Kill() }, Start: n.start,
		Disk: func() (int64, error) { return bench.DirectoryBytes(n.data) },
	}
}
