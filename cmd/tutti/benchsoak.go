package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/bench"
	"github.com/tutti-rt/tutti/bench/soak"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// soakRun is one call of tutti bench soak.
type soakRun struct {
	config soak.Config
	data   string
	memory int64
	json   bool
	keep   bool
	brief  bool // may be shorter than leastSoak
	wrong  bool // something is, by what the last progress told

	node    []string // more flags of the node
	prepare func(ctx context.Context) error
}

func benchSoakCommand() *cobra.Command {
	var r soakRun
	cmd := &cobra.Command{
		Use: "soak", Short: "Mixed load while the node is killed, then everything told is verified", Args: cobra.NoArgs,
		Long: "Loads a node of its own with everything that clients do while the node is killed again and again, and writes down what they\n" +
			"are told. In the end the journal is read and held against that. Ends with an error, and keeps the data, unless all is right.",
		Example: "  tutti bench soak\n  tutti bench soak --for 60s --kill-every 5s --seed 7",
		RunE:    func(cmd *cobra.Command, _ []string) error { return r.run(cmd) },
	}
	r.flags(cmd, soakDefaults{length: 30 * time.Minute, killEvery: 20 * time.Second, rate: 3000, ended: "killed"})
	return cmd
}

// soakDefaults is what differs between the flags of soaks.
type soakDefaults struct {
	length, killEvery time.Duration
	rate              float64
	ended             string // what a node is that does not stay
}

// flags adds those that all soaks have.
func (r *soakRun) flags(cmd *cobra.Command, d soakDefaults) {
	f := cmd.Flags()
	f.DurationVar(&r.config.For, "for", d.length, "how long the load lasts, 10s to 24h")
	f.DurationVar(&r.config.KillEvery, "kill-every", d.killEvery, "how long the node lives, from half of it to half as much again (0: it is not "+d.ended+")")
	f.Uint64Var(&r.config.Seed, "seed", 0, "seed of all choices (default: a new one, printed)")
	f.Float64Var(&r.config.Rate, "rate", d.rate, "commands/s of all connections together")
	f.Int64Var(&r.memory, "memory", 2<<20, "bytes of entities that the node keeps in memory, as an estimate")
	f.StringVar(&r.data, "data", "", "directory for the journal and for what clients are told, kept (default: a new one, removed unless something is wrong)")
	f.BoolVar(&r.json, "json", false, "print the result as JSON")
	f.BoolVar(&r.brief, "brief", false, "allow any time, for tests")
	_ = f.MarkHidden("brief") // it exists
}

const leastSoak = 10 * time.Second

func (r *soakRun) run(cmd *cobra.Command) (err error) {
	if r.config.For < leastSoak && !r.brief {
		return fmt.Errorf("--for: %s to %s", leastSoak, soak.MaxFor)
	}
	if err := r.config.Check(); err != nil {
		return err
	}
	if r.config.Seed == 0 {
		var b [8]byte
		_, _ = rand.Read(b[:]) // it never fails
		r.config.Seed = binary.LittleEndian.Uint64(b[:]) >> 16
	}
	dir, err := r.directory()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.tidy(cmd.Context(), dir, err)) }()
	ctx, stderr := cmd.Context(), cmd.ErrOrStderr()
	fmt.Fprintf(stderr, "seed %d, data in %s\n", r.config.Seed, dir)
	machine, err := bench.MeasureMachine(ctx, dir)
	if err != nil {
		return err
	}
	r.config.Data, r.config.Notes = filepath.Join(dir, "journal"), filepath.Join(dir, "told")
	if err := os.Mkdir(r.config.Notes, 0o700); err != nil {
		return fmt.Errorf("make a directory for what clients are told: %w", err)
	}
	n, err := startOwn(ctx, ownNode{
		command: append([]string{"bench", "node", "--memory", strconv.FormatInt(r.memory, 10)}, r.node...),
		data:    r.config.Data, admin: true,
	})
	if err != nil {
		return err
	}
	defer func() {
		if kill := n.own.Kill(); kill != nil { // it has ended, unless something is wrong
			err = errors.Join(err, kill)
		}
		if err != nil {
			err = fmt.Errorf("%w\nthe node printed last:\n%s", err, n.output)
		}
	}()
	r.connect(n)
	lines := soakProgress{to: stderr, every: max(time.Second, min(r.config.For/20, 30*time.Second))}
	r.config.Progress = func(p soak.Progress) {
		r.wrong = p.Failures > 0
		lines.print(p)
	}
	if r.prepare != nil {
		if err := r.prepare(ctx); err != nil {
			return err
		}
	}
	res, err := soak.Run(ctx, r.config)
	if err != nil {
		return err
	}
	if res.Failures > 0 {
		err = fmt.Errorf("%d failures with the seed %d", res.Failures, res.Seed)
	}
	if !r.json {
		return errors.Join(res.Print(cmd.OutOrStdout(), machine), err)
	}
	out := json.NewEncoder(cmd.OutOrStdout())
	out.SetIndent("", "  ")
	return errors.Join(out.Encode(struct {
		Machine bench.Machine `json:"machine"`
		Result  *soak.Result  `json:"result"`
	}{machine, res}), err)
}

// connect says how the node is loaded, ended and looked at.
func (r *soakRun) connect(n *workNode) {
	r.config.URL, r.config.Token, r.config.Node = n.url, n.token, soakNode{n}
	r.config.Open = func() (journal.Journal, error) { return diskjournal.Open(r.config.Data, diskjournal.Config{}) }
	r.config.Goroutines = func(ctx context.Context) (int, error) {
		m, err := n.metrics(ctx)
		return int(m["go_goroutines"]), err
	}
}

// directory makes the directory for everything that the run writes.
func (r *soakRun) directory() (dir string, err error) {
	dir, r.keep, err = dataDirectory(r.data)
	return dir, err
}

// dataDirectory makes the directory for everything that a run writes: a new one, or the named one, which is kept and has to be empty.
func dataDirectory(name string) (dir string, keep bool, err error) {
	if name == "" {
		dir, err = temporaryData()
		return dir, false, err
	}
	if err := os.MkdirAll(name, 0o700); err != nil {
		return "", true, fmt.Errorf("make data directory: %w", err)
	}
	left, err := os.ReadDir(name)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%s is not empty", name)
	}
	return name, true, err
}

// tidy removes the directory unless it is to be kept, or something is wrong. An interrupt is nothing wrong.
func (r *soakRun) tidy(ctx context.Context, dir string, failed error) error {
	switch {
	case r.keep:
		return nil
	case failed != nil && (r.wrong || ctx.Err() == nil):
		return fmt.Errorf("journal and what clients were told are kept in %s", dir)
	}
	return os.RemoveAll(dir)
}

// soakNode is the tool's own node in the hands of a soak.
type soakNode struct{ n *workNode }

var _ soak.Node = soakNode{}

func (s soakNode) Kill() error                    { return s.n.own.Kill() }
func (s soakNode) Stop(ctx context.Context) error { return s.n.own.Stop(ctx) }
func (s soakNode) PID() int                       { return s.n.own.PID() }
func (s soakNode) Ended() <-chan struct{}         { return s.n.own.Ended() }

// bindTries is how often a start is tried again because the node's port was taken: while it was down, any connection of this
// machine may have got it.
const bindTries = 5

// Start starts the node again.
func (s soakNode) Start(ctx context.Context) error {
	for try := 1; ; try++ {
		err := s.n.start(ctx)
		if err == nil || ctx.Err() != nil || try == bindTries || !strings.Contains(err.Error(), "address already in use") {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}
