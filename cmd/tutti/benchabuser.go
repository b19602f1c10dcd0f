package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/bench"
	"github.com/tutti-rt/tutti/internal/process"
)

// abuserReport is what an abuser in a process of its own has to say.
type abuserReport struct {
	Figures []bench.Figure `json:"figures"`
	Error   string         `json:"error,omitempty"`
}

// benchAbuserCommand is the process of an abuser: it mistreats a node that somebody else runs and measures.
func benchAbuserCommand() *cobra.Command {
	var (
		url string
		e   bench.AbuseEnv
	)
	cmd := &cobra.Command{
		Use: "abuser SCENARIO", Short: "Mistreat a node (bench abuse starts it)", Args: cobra.ExactArgs(1), Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := newWorkNode(url, []byte(os.Getenv("TUTTI_JWT_SECRET")))
			if err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			go func() { // ends with the process
				_, _ = io.Copy(io.Discard, cmd.InOrStdin()) // which ends when whoever started this one does
				cancel()
			}()
			e.Target = bench.Target{URL: n.url, Token: n.token}
			for _, s := range bench.Scenarios() {
				if s.Name == args[0] {
					return report(cmd.OutOrStdout(), ctx, s, &e)
				}
			}
			return fmt.Errorf("there is no scenario %q", args[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&url, "target", "", "URL of the node")
	f.DurationVar(&e.For, "for", time.Second, "how long")
	f.Float64Var(&e.Scale, "scale", 1, "how many abusers, of those that the scenario has")
	return cmd
}

// report runs the scenario and writes what it has to say.
func report(to io.Writer, ctx context.Context, s bench.Scenario, e *bench.AbuseEnv) error {
	figures, err := s.Run(ctx, e)
	r := abuserReport{Figures: figures}
	if err != nil {
		r.Error = err.Error()
	}
	if u, err := process.UsageOf(os.Getpid()); err == nil {
		r.Figures = append(r.Figures, bench.Figure{Name: "CPU of the abuser", Value: u.CPU.Seconds(), Unit: "s"})
	}
	return json.NewEncoder(to).Encode(r)
}

// runApart runs the scenario in a process of its own, with what the node has in its environment.
func runApart(ctx context.Context, s bench.Scenario, e *bench.AbuseEnv, env []string) ([]bench.Figure, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.CommandContext(ctx, program, "bench", "abuser", s.Name, "--target", e.Target.URL,
		"--for", e.For.String(), "--scale", strconv.FormatFloat(e.Scale, 'g', -1, 64))
	cmd.Env = append(os.Environ(), env...)
	stdin, err := cmd.StdinPipe() // closed when this process is gone
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	cmd.Stderr = &tail{}
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run the abuser: %w\n%s", err, cmd.Stderr)
	}
	var r abuserReport
	if err := json.Unmarshal(out, &r); err != nil {
		return nil, fmt.Errorf("report of the abuser: %w", err)
	}
	if r.Error != "" {
		err = errors.New(r.Error)
	}
	return r.Figures, err
}
