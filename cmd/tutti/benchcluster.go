package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
	"github.com/tutti-rt/tutti/bench"
	"github.com/tutti-rt/tutti/bench/proof"
	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/netlab"
)

// clusterRun is one call of tutti bench cluster.
type clusterRun struct {
	config        proof.Config
	nodes, spares int
	length, every time.Duration
	kinds         []string
	schedule      string
	tries         int
	transports    []string
	loopback      bool
	lenient       bool
	data          string
	json, keep    bool
}

func benchClusterCommand() *cobra.Command {
	var r clusterRun
	cmd := &cobra.Command{
		Use: "cluster", Short: "Load nodes that fail by a schedule, measure how soon they serve, and judge what clients were told", Args: cobra.NoArgs,
		Long: "Starts nodes in a network of their own and loads them with clients that use all edges, while nodes are killed, stopped, cut off, drained, and\n" +
			"given slow disks and wrong clocks. Measures from each fault to the first acknowledgement. In the end all that clients were told is judged.\n" +
			"Ends with an error, and keeps the data, unless all is right.",
		Example: "  tutti bench cluster\n  tutti bench cluster --schedule 'after 2s kill n1; after 3s cut n2 for 1s'\n" +
			"  tutti bench cluster --kinds kill --tries 20 --transports websocket --senders 32",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("each-even") {
				r.config.EachEven = r.tries > 0
			}
			return r.run(cmd)
		},
	}
	f := cmd.Flags()
	f.IntVar(&r.nodes, "nodes", 3, "how many nodes there are from the beginning, up to 9")
	f.IntVar(&r.spares, "spares", 0, "further nodes, which join by the schedule")
	f.DurationVar(&r.length, "for", time.Minute, "how long nodes fail, where the seed chooses how")
	f.DurationVar(&r.every, "every", 4*time.Second, "about how long all is well between two faults")
	f.StringSliceVar(&r.kinds, "kinds", nil, "which faults the seed chooses from (default: all that can be)")
	f.IntVar(&r.tries, "tries", 0, "so many faults of each of --kinds, at one node after the other, in place of what the seed chooses")
	f.StringVar(&r.schedule, "schedule", "", "what goes wrong, in place of what the seed chooses: 'after 2s kill n1 for 1s; after 3s cut n1 for 2s'")
	f.Uint64Var(&r.config.Seed, "seed", 0, "seed of all choices (default: a new one, printed)")
	f.DurationVar(&r.config.Quiet, "quiet", 5*time.Second, "how long all is well at first")
	f.Float64Var(&r.config.Rate, "rate", 1500, "commands and queries/s of all clients together")
	f.IntVar(&r.config.Senders, "senders", 0, "further clients that keep the nodes busy: each always has 16 commands under way, which are not judged")
	f.StringSliceVar(&r.transports, "transports", nil, "what clients choose from: websocket, sse, longpoll (default: all)")
	f.IntVar(&r.config.Stray, "stray", 8, "which of the requests of a link that polls and posts goes to another edge, as where balancers spread them; 1: every one")
	f.BoolVar(&r.config.Even, "even", true, "wait until the leads are spread over the nodes, before the quiet")
	f.BoolVar(&r.config.EachEven, "each-even", false, "and before each fault (default with --tries)")
	f.BoolVar(&r.lenient, "lenient", false, "leads that are lost in the quiet are told, and are no error")
	f.BoolVar(&r.loopback, "loopback", false, "without a network of their own: nothing can be cut")
	f.StringVar(&r.data, "data", "", "directory for everything that the run writes, kept (default: a new one, removed unless something is wrong)")
	f.BoolVar(&r.json, "json", false, "print the result as JSON")
	return cmd
}

const mostNodes = 9

// check returns every mistake in the flags.
func (r *clusterRun) check() error {
	var errs []error
	if r.nodes < 1 || r.spares < 0 || r.nodes+r.spares > mostNodes {
		errs = append(errs, fmt.Errorf("--nodes and --spares: 1 to %d together", mostNodes))
	}
	if r.length < 0 || r.length > 24*time.Hour || r.every <= 0 || r.config.Quiet < 0 {
		errs = append(errs, errors.New("--for, --every, --quiet: times that can be, 24h at most"))
	}
	if r.config.Rate < 1 || r.config.Rate > 100_000 {
		errs = append(errs, errors.New("--rate: 1 to 100000"))
	}
	if r.tries < 0 || r.tries > 10_000 || r.tries > 0 && (len(r.kinds) == 0 || r.schedule != "") {
		errs = append(errs, errors.New("--tries: up to 10000, of --kinds that are named, without a --schedule"))
	}
	if r.config.Senders < 0 || r.config.Senders > 1000 {
		errs = append(errs, errors.New("--senders: 0 to 1000"))
	}
	if r.config.Stray < 1 {
		errs = append(errs, errors.New("--stray: 1 or more"))
	}
	for _, name := range r.transports {
		if !slices.Contains(client.AllTransports(), client.Transport(name)) {
			errs = append(errs, fmt.Errorf("--transports: %q is none of %v", name, client.AllTransports()))
		}
		r.config.Transports = append(r.config.Transports, client.Transport(name))
	}
	return errors.Join(errs...)
}

// transportNames returns what clients choose from.
func (r *clusterRun) transportNames() []string {
	if len(r.transports) > 0 {
		return r.transports
	}
	var all []string
	for _, t := range client.AllTransports() {
		all = append(all, string(t))
	}
	return all
}

func (r *clusterRun) run(cmd *cobra.Command) (err error) {
	if err := r.check(); err != nil {
		return err
	}
	ctx, stderr := cmd.Context(), cmd.ErrOrStderr()
	if r.config.Seed == 0 {
		var b [8]byte
		_, _ = rand.Read(b[:]) // it never fails
		r.config.Seed = binary.LittleEndian.Uint64(b[:]) >> 16
	}
	if !r.loopback {
		r.config.Network, err = netlab.Start(ctx, r.nodes+r.spares, r.config.Seed)
		switch {
		case errors.Is(err, netlab.ErrUnable):
			fmt.Fprintf(stderr, "SKIP: cuts and rain, all nodes on one network (--loopback): %v\n", err)
		case err != nil:
			return err
		default:
			defer func() { err = errors.Join(err, r.config.Network.Close()) }()
		}
	}
	if err := r.choose(); err != nil {
		return err
	}
	var dir string
	dir, r.keep, err = dataDirectory(r.data)
	if err != nil {
		return err
	}
	again := fmt.Sprintf("tutti bench cluster --nodes %d --spares %d --seed %d --rate %g --senders %d --stray %d --transports %s --quiet %s --even=%v --each-even=%v --loopback=%v --schedule '%s'",
		r.nodes, r.spares, r.config.Seed, r.config.Rate, r.config.Senders, r.config.Stray, strings.Join(r.transportNames(), ","), r.config.Quiet, r.config.Even, r.config.EachEven, r.config.Network == nil, r.config.Schedule)
	fmt.Fprintf(stderr, "seed %d, data in %s, again with:\n%s\n", r.config.Seed, dir, again)
	wrong := false
	defer func() {
		if r.keep || err != nil && (wrong || ctx.Err() == nil) {
			fmt.Fprintf(stderr, "everything is kept in %s\n", dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	machine, err := bench.MeasureMachine(ctx, dir)
	if err != nil {
		return err
	}
	nodes, err := r.start(ctx, dir)
	if err != nil {
		return err
	}
	r.config.Progress = func(text string) { fmt.Fprintln(stderr, text) }
	res, err := proof.Run(ctx, r.config)
	err = errors.Join(err, nodes.end(ctx))
	if err != nil {
		err = fmt.Errorf("%w\nthe nodes printed last:\n%s", err, nodes.output)
	}
	if res == nil {
		return err
	}
	if wrong = len(res.Violations) > 0; wrong {
		err = errors.Join(err, fmt.Errorf("%d promises broken; again with:\n%s\nthe nodes printed last:\n%s", len(res.Violations), again, nodes.output))
	}
	if len(res.Changes) > 0 && !r.lenient {
		err = errors.Join(err, fmt.Errorf("%d leads were lost while all was well", len(res.Changes)))
	}
	if !r.json {
		return errors.Join(res.Print(cmd.OutOrStdout()), err)
	}
	out := json.NewEncoder(cmd.OutOrStdout())
	out.SetIndent("", "  ")
	return errors.Join(out.Encode(struct {
		Machine bench.Machine `json:"machine"`
		Result  *proof.Result `json:"result"`
	}{machine, res}), err)
}

// choose makes up the schedule, unless there is one.
func (r *clusterRun) choose() (err error) {
	network := r.config.Network != nil
	if r.schedule != "" {
		if r.config.Schedule, err = proof.ParseSchedule(r.schedule); err != nil {
			return fmt.Errorf("--schedule: %w", err)
		}
		return r.config.Schedule.Check(r.nodes, r.spares, network)
	}
	var kinds []proof.Kind
	for _, k := range r.kinds {
		kinds = append(kinds, proof.Kind(k))
	}
	if r.tries > 0 {
		if r.config.Schedule = proof.Tries(r.nodes, network, r.tries, r.every, kinds); len(r.config.Schedule) < r.tries*len(kinds) {
			return fmt.Errorf("--tries: not all of %s can be here", strings.Join(r.kinds, ", "))
		}
		return nil
	}
	r.config.Schedule = proof.Choose(mrand.New(mrand.NewPCG(r.config.Seed, 1)), r.nodes, network, r.length, r.every, kinds)
	if len(r.config.Schedule) == 0 && r.length > 0 {
		return fmt.Errorf("--kinds: none of %s can be here within %s", strings.Join(r.kinds, ", "), r.length)
	}
	return nil
}

// start starts the nodes.
func (r *clusterRun) start(ctx context.Context, dir string) (*clusterNodes, error) {
	secret := rand.Text() + rand.Text()
	signer, err := auth.NewSigner([]byte(secret))
	if err != nil {
		return nil, err
	}
	r.config.Token = func(sub string) (string, error) {
		now := time.Now()
		return signer.Sign(tutti.Claims{Subject: sub, IssuedAt: now.Add(-2 * time.Hour), ExpiresAt: now.Add(48 * time.Hour)})
	}
	r.config.Pictures = filepath.Join(dir, "pictures")
	if err := os.Mkdir(r.config.Pictures, 0o700); err != nil {
		return nil, fmt.Errorf("make a directory for pictures: %w", err)
	}
	r.config.Partitions, r.config.Running = 16, r.nodes
	t, err := newClusterNodes(ctx, r.nodes, r.spares, dir, secret, r.config.Network)
	if err != nil {
		return nil, err
	}
	for i, n := range t.nodes {
		r.config.Nodes = append(r.config.Nodes, n)
		if i >= r.nodes {
			continue
		}
		if err := n.Start(ctx); err != nil {
			return nil, errors.Join(err, t.end(ctx))
		}
	}
	return t, nil
}
