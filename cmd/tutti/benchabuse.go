package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/bench"
	"github.com/tutti-rt/tutti/internal/faults"
	"github.com/tutti-rt/tutti/internal/process"
)

func benchAbuseCommand() *cobra.Command {
	var (
		a      bench.Abuse
		list   bool
		asJSON bool
	)
	cmd := &cobra.Command{
		Use: "abuse [SCENARIO...]", Short: "What others see while a node is mistreated, and that nothing is lost",
		Example: "  tutti bench abuse --list\n  tutti bench abuse\n  tutti bench abuse connects --for 10s",
		RunE: func(cmd *cobra.Command, args []string) error {
			if list {
				return listScenarios(cmd.OutOrStdout())
			}
			a.Scenarios = args
			return runAbuse(cmd, a, asJSON)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&list, "list", false, "name the scenarios and end")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	f.DurationVar(&a.For, "for", 30*time.Second, "how long each abuse lasts")
	f.DurationVar(&a.Around, "around", 3*time.Second, "how long to measure before it, and after it")
	f.Float64Var(&a.Scale, "scale", 1, "how many abusers, of those that a scenario has")
	return cmd
}

func listScenarios(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, s := range bench.Scenarios() {
		fmt.Fprintf(w, "%s\t%s\n", s.Name, s.What)
	}
	return w.Flush()
}

func runAbuse(cmd *cobra.Command, a bench.Abuse, asJSON bool) error {
	if a.For <= 0 || a.Around <= 0 || a.For+2*a.Around > mostBench || a.Scale <= 0 || a.Scale > 10 {
		return fmt.Errorf("--for, --around and --scale: more than nothing, %s at most together and 10", mostBench)
	}
	ctx := cmd.Context()
	machine, err := measureMachine(ctx)
	if err != nil {
		return err
	}
	var bar *progressbar.ProgressBar
	a.Began = func(s bench.Scenario, most time.Duration) {
		bar = newBar(cmd.ErrOrStderr(), s.Name, most.Milliseconds())
	}
	a.Progress = func(passed time.Duration) {
		_ = bar.Set64(passed.Milliseconds()) // a bar that cannot be drawn is no reason to stop
	}
	a.Start = startAbused
	res, err := a.Run(ctx)
	if bar != nil {
		_ = bar.Finish()
	}
	if res == nil {
		return err
	}
	if !asJSON {
		return errors.Join(err, res.Print(cmd.OutOrStdout(), machine))
	}
	out := json.NewEncoder(cmd.OutOrStdout())
	out.SetIndent("", "  ")
	return errors.Join(err, out.Encode(struct {
		Machine bench.Machine      `json:"machine"`
		Result  *bench.AbuseResult `json:"result"`
	}{machine, res}))
}

// measureMachine measures where the nodes' journals will be.
func measureMachine(ctx context.Context) (_ bench.Machine, err error) {
	dir, err := temporaryData()
	if err != nil {
		return bench.Machine{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return bench.MeasureMachine(ctx, dir)
}

// startAbused runs the node of one scenario.
func startAbused(ctx context.Context, s bench.Scenario) (*bench.AbuseNode, error) {
	own := ownNode{command: append([]string{"bench", "node", "--bounded"}, s.Node...), env: s.Env, admin: true}
	removeDisk := func(context.Context) error { return nil }
	if s.Small > 0 {
		d, err := newSmallDisk(s.Small)
		if err != nil {
			return nil, err
		}
		own.data, removeDisk = d.data(), d.remove
	}
	n, err := startOwn(ctx, own)
	if err != nil {
		return nil, errors.Join(err, removeDisk(ctx))
	}
	var mu sync.Mutex // guards n.own
	return &bench.AbuseNode{
		Target: bench.Target{URL: n.url, Token: n.token}, Data: n.data,
		Process: func() *process.Node {
			mu.Lock()
			defer mu.Unlock()
			return n.own
		},
		Output:  n.output.String,
		Metrics: n.metrics,
		Faults:  func(s faults.Settings) error { return s.Write(filepath.Join(n.data, faultsFile)) },
		Restart: func(ctx context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			return n.again(ctx)
		},
		Apart: func(ctx context.Context, s bench.Scenario, e *bench.AbuseEnv) ([]bench.Figure, error) {
			return runApart(ctx, s, e, n.config.Env)
		},
		Close: func(ctx context.Context) error {
			select {
			case <-n.own.Ended():
				return errors.Join(n.remove(), removeDisk(ctx))
			default:
				return errors.Join(n.close(ctx), removeDisk(ctx))
			}
		},
	}, nil
}
