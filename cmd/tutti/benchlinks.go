package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/bench"
	"github.com/tutti-rt/tutti/internal/process"
)

func benchLinksCommand() *cobra.Command {
	var (
		b         benchRun
		l         bench.Links
		heartbeat time.Duration
	)
	cmd := &cobra.Command{
		Use: "links", Short: "Links that are open and do nothing", Args: cobra.NoArgs,
		Example: "  tutti bench links --links 10000 --heartbeat 5s --idle 10s",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if l.Links < 1 || l.Entities < 1 || l.AtOnce < 1 || l.Others < 1 || l.Rate <= 0 || l.Idle <= 0 || l.For <= 0 || l.Settle <= 0 {
				return errors.New("numbers and times: more than nothing")
			}
			most, err := openable(cmd, l.Links, cmd.Flags().Changed("links"))
			if err != nil {
				return err
			}
			l.Links = most
			return b.measureParts(cmd, "links", int64(l.Links), []string{"--heartbeat", heartbeat.String()}, func(ctx context.Context, n *workNode, progress func(int64), part func(string)) (result, error) {
				l.Target, l.Usage, l.Metrics = n.target(), n.usage, n.metrics
				if n.admin == "" {
					l.Metrics = nil
				} else {
					l.Collect = n.collect
				}
				l.Progress = func(done int) { progress(int64(done)) }
				l.Part = part
				res, err := l.Run(ctx)
				if res == nil {
					return nil, err
				}
				return res, err
			})
		},
	}
	b.registerSteps(cmd)
	f := cmd.Flags()
	f.IntVar(&l.Links, "links", 50_000, "links to open (without this flag fewer, where the system does not let a process open as many files)")
	f.IntVar(&l.Entities, "entities", 1000, "counters that they watch")
	f.IntVar(&l.AtOnce, "at-once", 64, "handshakes under way")
	f.IntVar(&l.Others, "others", 50, "connections that send to other counters once all links are open")
	f.Float64Var(&l.Rate, "rate", 500, "commands/s of those together")
	f.DurationVar(&l.Idle, "idle", 30*time.Second, "how long the links do nothing")
	f.DurationVar(&l.For, "for", 5*time.Second, "how long the others send")
	f.DurationVar(&l.Settle, "settle", 15*time.Second, "after the links were dropped, until memory is read")
	f.DurationVar(&heartbeat, "heartbeat", 25*time.Second, "between two pings of the tool's own node")
	return cmd
}

// ownFiles is how many files a node has open beside its links, at most.
const ownFiles = 1500

// openable returns how many of that many links the system allows: all, or as many as there can be when not exactly so
// many were asked for.
func openable(cmd *cobra.Command, links int, exactly bool) (int, error) {
	limit, ok := process.FileLimit()
	if !ok || int64(links)+ownFiles <= limit {
		return links, nil
	}
	needed := fmt.Sprintf("%d links need %d open files in the node and in this process, and the system allows %d (raise the hard limit, as with ulimit -Hn)",
		links, links+ownFiles, limit)
	if exactly || limit <= ownFiles {
		return 0, errors.New(needed)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: going on with %d\n", needed, limit-ownFiles)
	return int(limit - ownFiles), nil
}
