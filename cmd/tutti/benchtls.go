package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/bench"
)

func benchTLSCommand() *cobra.Command {
	var (
		t      bench.TLS
		asJSON bool
	)
	cmd := &cobra.Command{
		Use: "tls", Short: "The same load over plain connections and over TLS, by turns", Args: cobra.NoArgs,
		Example: "  tutti bench tls\n  tutti bench tls --rounds 1 --for 3s --json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return runTLS(cmd, t, asJSON) },
	}
	f := cmd.Flags()
	f.IntVar(&t.Rounds, "rounds", 3, "how often each load runs at each node")
	f.IntVar(&t.Links, "connections", 1000, "connections of each load")
	f.Float64Var(&t.Events, "events", 1000, "events/s of the fan-out")
	f.IntVar(&t.Idle, "idle", 2000, "links whose memory is measured")
	f.DurationVar(&t.For, "for", 4*time.Second, "how long to measure, for each load")
	f.DurationVar(&t.Warmup, "warmup", time.Second, "how long to load before")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

func runTLS(cmd *cobra.Command, t bench.TLS, asJSON bool) (err error) {
	if t.Rounds <= 0 || t.For <= 0 || t.Warmup <= 0 || t.Links <= 0 || t.Idle <= 0 || t.Events <= 0 || t.Time() > mostBench {
		return fmt.Errorf("all flags: more than nothing, and %s at most together", mostBench)
	}
	ctx := cmd.Context()
	machine, err := measureMachine(ctx)
	if err != nil {
		return err
	}
	for _, side := range []struct {
		server *bench.Server
		tls    bool
	}{{&t.Plain, false}, {&t.Secure, true}} {
		n, startErr := startOwn(ctx, ownNode{command: []string{"bench", "node"}, admin: true, tls: side.tls})
		if startErr != nil {
			return startErr
		}
		defer func() { err = errors.Join(err, n.close(ctx)) }()
		*side.server = bench.Server{Target: n.target(), Usage: n.usage, Metrics: n.metrics, Collect: n.collect}
	}
	bar := newBar(cmd.ErrOrStderr(), "tls", t.Time().Milliseconds())
	t.Progress = func(passed time.Duration) {
		_ = bar.Set64(passed.Milliseconds()) // a bar that cannot be drawn is no reason to stop
	}
	res, err := t.Run(ctx)
	_ = bar.Finish()
	if err != nil {
		return err
	}
	if !asJSON {
		return res.Print(cmd.OutOrStdout(), machine)
	}
	out := json.NewEncoder(cmd.OutOrStdout())
	out.SetIndent("", "  ")
	return out.Encode(struct {
		Machine bench.Machine    `json:"machine"`
		Result  *bench.TLSResult `json:"result"`
	}{machine, res})
}

// collect has the node collect its garbage.
func (n *workNode) collect(ctx context.Context) error {
	res, err := n.ask(ctx, "/debug/pprof/heap?gc=1")
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return errors.Join(err, res.Body.Close())
}
