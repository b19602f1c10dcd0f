package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/cmd/tutti/replay"
)

// replayRun is one call of tutti replay.
type replayRun struct {
	target
	pad     string
	writers int
	viewers int
	speed   string
}

const (
	mostWriters = 200
	mostViewers = 1000
)

func replayCommand() *cobra.Command {
	var r replayRun
	cmd := &cobra.Command{
		Use: "replay FILE", Short: "Play a recorded editing session into a pad", Args: cobra.ExactArgs(1),
		Long: "Play a recorded editing session (.json or .json.gz, sequential) into a pad, through real connections. In the end every\n" +
			"viewer's text, the pad's, and the pad's after a restart of the tool's own node are the recording's, byte for byte.",
		Example: "  tutti replay testdata/editing-traces/sequential-friendsforever_flat.json.gz --writers 2 --viewers 50",
		RunE:    func(cmd *cobra.Command, args []string) error { return r.run(cmd, args[0]) },
	}
	r.register(cmd)
	f := cmd.Flags()
	f.StringVar(&r.pad, "pad", "", "id of the pad, which must be empty (default: a new one)")
	f.IntVar(&r.writers, "writers", 2, "connections that take turns in writing")
	f.IntVar(&r.viewers, "viewers", 50, "connections that follow")
	f.StringVar(&r.speed, "speed", "max", "how many times as fast as it was recorded, or max")
	return cmd
}

func (r *replayRun) run(cmd *cobra.Command, file string) (err error) {
	speed, err := parseSpeed(r.speed)
	if err != nil {
		return err
	}
	if r.writers < 1 || r.writers > mostWriters || r.viewers < 0 || r.viewers > mostViewers {
		return fmt.Errorf("--writers is 1 to %d, --viewers 0 to %d", mostWriters, mostViewers)
	}
	recording, err := replay.Read(file)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	n, err := r.open(ctx, ownNode{command: []string{"demo"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close(ctx)) }()
	if r.pad == "" {
		r.pad = "replay-" + strings.ToLower(rand.Text()[:8])
	}
	bar := newBar(cmd.ErrOrStderr(), filepath.Base(file), int64(len(recording.Transactions)))
	p := replay.Player{
		URL: n.url, Token: n.token, Pad: r.pad, Writers: r.writers, Viewers: r.viewers, Speed: speed,
		Backoff:  client.Backoff{Min: 20 * time.Millisecond, Max: time.Second},
		Progress: func(done int) { _ = bar.Set(done) }, // a bar that cannot be drawn is no reason to stop
	}
	res, err := p.Play(ctx, recording)
	_ = bar.Finish()
	if err != nil {
		return err
	}
	if err := r.report(cmd.OutOrStdout(), recording, res); err != nil {
		return err
	}
	return r.afterRestart(ctx, cmd.OutOrStdout(), n, p, recording)
}

// report says what was played and compared.
func (r *replayRun) report(w io.Writer, recording *replay.Recording, res *replay.Result) error {
	_, err := fmt.Fprintf(w, "played %d edits by %d writers into pad %s in %.1f s: %.0f durable edits/s\n"+
		"%d viewers got %d events and %d states; all have the %d bytes of the recording's end, and so has the pad\n",
		res.Edits, r.writers, r.pad, res.Typed.Seconds(), res.PerSecond,
		r.viewers, res.Events, res.States, len(recording.End))
	return err
}

// afterRestart compares once more when the node has been started again.
func (r *replayRun) afterRestart(ctx context.Context, w io.Writer, n *workNode, p replay.Player, recording *replay.Recording) error {
	if n.own == nil {
		_, err := fmt.Fprintln(w, "the node is not the tool's own: no restart was tried")
		return err
	}
	began := time.Now()
	if err := n.restart(ctx); err != nil {
		return err
	}
	if err := p.Verify(ctx, recording); err != nil {
		return fmt.Errorf("after a restart: %w", err)
	}
	_, err := fmt.Fprintf(w, "after a restart (%d ms until it answered) the pad still has them\n", time.Since(began).Milliseconds())
	return err
}

// parseSpeed returns 0 for max.
func parseSpeed(s string) (float64, error) {
	if s == "max" {
		return 0, nil
	}
	speed, err := strconv.ParseFloat(s, 64)
	if err != nil || !(speed > 0) {
		return 0, fmt.Errorf("--speed %q: want a number above 0, or max", s)
	}
	return speed, nil
}
