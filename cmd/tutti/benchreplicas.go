package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/bench"
	"github.com/tutti-rt/tutti/cluster/control"
	"github.com/tutti-rt/tutti/internal/process"
	"github.com/tutti-rt/tutti/wire"
)

// replicasRun is one call of tutti bench replicas.
type replicasRun struct {
	bench.Replicas
	nodes   int
	profile string
	json    bool
}

func benchReplicasCommand() *cobra.Command {
	var r replicasRun
	cmd := &cobra.Command{
		Use: "replicas", Short: "The same load at one node and at several that replicate, by turns", Args: cobra.NoArgs,
		Example: "  tutti bench replicas\n  tutti bench replicas --rounds 1 --for 3s --idle 5s --json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return r.run(cmd) },
	}
	f := cmd.Flags()
	f.IntVar(&r.nodes, "nodes", 3, "how many nodes there are where there are several, up to 9")
	f.IntVar(&r.Rounds, "rounds", 3, "how often each load runs at each side")
	f.IntSliceVar(&r.Connections, "connections", []int{64, 1024}, "connections, a load for each number, with one command in flight each")
	f.IntVar(&r.Links, "links", 300, "links that do nothing, while idle nodes are watched")
	f.DurationVar(&r.Idle, "idle", 30*time.Second, "how long idle nodes are watched, without links and with")
	f.DurationVar(&r.For, "for", 4*time.Second, "how long to measure, for each load")
	f.DurationVar(&r.Warmup, "warmup", time.Second, "how long to load before")
	f.StringVar(&r.profile, "profile", "", "directory for CPU and heap profiles of one of the several nodes, for each part of the run")
	f.BoolVar(&r.json, "json", false, "print the result as JSON")
	return cmd
}

func (r *replicasRun) check() error {
	positive := func(n int) bool { return n > 0 }
	if r.nodes < 2 || r.nodes > mostNodes || !positive(r.Rounds) || !positive(r.Links) || len(r.Connections) == 0 ||
		slices.ContainsFunc(r.Connections, func(n int) bool { return !positive(n) }) {
		return fmt.Errorf("--nodes: 2 to %d; --rounds, --links and --connections: more than nothing", mostNodes)
	}
	if r.For <= 0 || r.Warmup <= 0 || r.Idle <= 0 || r.Time() > mostBench {
		return fmt.Errorf("--for, --warmup and --idle: more than nothing, and %s at most together", mostBench)
	}
	return nil
}

func (r *replicasRun) run(cmd *cobra.Command) (err error) {
	if err := r.check(); err != nil {
		return err
	}
	ctx := cmd.Context()
	machine, err := measureMachine(ctx)
	if err != nil {
		return err
	}
	one, err := startOwn(ctx, ownNode{command: []string{"bench", "node"}, admin: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, one.close(ctx)) }()
	r.One = bench.Group{Nodes: []bench.Server{serverOf(one)}}
	several, err := startSeveral(ctx, r.nodes)
	defer func() { err = errors.Join(err, several.close(ctx)) }()
	if err != nil {
		return err
	}
	before, err := several.settle(ctx)
	if err != nil {
		return err
	}
	r.Several = several.group()
	res, err := r.measure(cmd, several[0])
	if err != nil {
		return fmt.Errorf("%w\nthe nodes printed last:\n%s", err, several.output())
	}
	after, err := several.status(ctx)
	if err != nil {
		return err
	}
	res.Moved = moved(before, after)
	if !r.json {
		return res.Print(cmd.OutOrStdout(), machine)
	}
	out := json.NewEncoder(cmd.OutOrStdout())
	out.SetIndent("", "  ")
	return out.Encode(struct {
		Machine bench.Machine         `json:"machine"`
		Result  *bench.ReplicasResult `json:"result"`
	}{machine, res})
}

// measure runs the loads, with profiles of a node.
func (r *replicasRun) measure(cmd *cobra.Command, profiled *workNode) (*bench.ReplicasResult, error) {
	bar := newBar(cmd.ErrOrStderr(), "replicas", r.Time().Milliseconds())
	r.Progress = func(passed time.Duration) {
		_ = bar.Set64(min(passed, r.Time()).Milliseconds()) // a bar that cannot be drawn is no reason to stop
	}
	p := &partProfiler{node: profiled, dir: r.profile}
	r.Part = p.begin
	profiling, stop := context.WithCancel(cmd.Context())
	kept := make(chan error, 1)
	go func() { kept <- p.run(profiling) }()
	res, err := r.Run(cmd.Context())
	stop()
	_ = bar.Finish()
	return res, errors.Join(err, <-kept)
}

// serverOf returns a node as loads see it.
func serverOf(n *workNode) bench.Server {
	return bench.Server{Target: n.target(), Usage: n.usage, Metrics: n.metrics, Collect: n.collect}
}

// severalNodes are the nodes of a cluster, in the order of their names.
type severalNodes []*workNode

// startSeveral starts a cluster on the loopback interface. What has been started is returned with an error, too.
func startSeveral(ctx context.Context, nodes int) (all severalNodes, err error) {
	secret, clusterSecret, first := rand.Text()+rand.Text(), rand.Text()+rand.Text(), ""
	for i := range nodes {
		var peers, routes string
		for _, address := range []*string{&peers, &routes} {
			if *address, err = process.FreeAddress(ctx); err != nil {
				return all, err
			}
		}
		args := []string{"bench", "node", "--cluster", "bench", "--node", nodeName(i), "--peer-listen", peers, "--nats-listen", routes}
		if first == "" {
			first = peers
		} else {
			args = append(args, "--join", first)
		}
		n, err := startOwn(ctx, ownNode{command: args, admin: true, secret: secret, env: []string{"TUTTI_CLUSTER_SECRET=" + clusterSecret}})
		if err != nil {
			return all, fmt.Errorf("node %s: %w", nodeName(i), err)
		}
		all = append(all, n)
	}
	return all, nil
}

func nodeName(i int) string { return fmt.Sprintf("n%d", i+1) }

func (s severalNodes) close(ctx context.Context) error {
	errs := make([]error, len(s))
	for i, n := range s {
		errs[i] = n.close(ctx)
	}
	return errors.Join(errs...)
}

// output is what the nodes have printed.
func (s severalNodes) output() string {
	var b strings.Builder
	for _, n := range s {
		fmt.Fprint(&b, n.output)
	}
	return b.String()
}

func (s severalNodes) group() (g bench.Group) {
	for _, n := range s {
		g.Nodes = append(g.Nodes, serverOf(n))
	}
	g.Owners = func(ctx context.Context) (func(string) int, error) {
		status, err := s.status(ctx)
		if err != nil {
			return nil, err
		}
		owners := make(map[int]int)
		for i := range status.Partitions {
			p := &status.Partitions[i]
			owners[p.Number] = slices.IndexFunc(status.Nodes, func(n control.NodeView) bool { return n.Name == p.Leader })
		}
		return func(entity string) int {
			category, id, _ := strings.Cut(entity, "/")
			return owners[wire.Partition(category, id, len(owners))]
		}, nil
	}
	return g
}

// status asks the first node how the cluster is. Its nodes are in the order of their names.
func (s severalNodes) status(ctx context.Context) (status control.Status, err error) {
	res, err := s[0].ask(ctx, "/admin/v1/cluster")
	if err != nil {
		return status, err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&status); err != nil {
		return status, fmt.Errorf("status of the cluster: %w", err)
	}
	slices.SortFunc(status.Nodes, func(a, b control.NodeView) int { return strings.Compare(a.Name, b.Name) })
	return status, nil
}

// settleTime is how long a cluster may take until everything is where it belongs.
const settleTime = 2 * time.Minute

// settle waits until every node has replicas of everything and leads its share.
func (s severalNodes) settle(ctx context.Context) (control.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for {
		status, err := s.status(ctx)
		if err == nil && status.Calm() && len(status.Nodes) == len(s) && spread(&status) {
			return status, nil
		}
		select {
		case <-ctx.Done():
			return status, fmt.Errorf("the cluster did not come to rest in %s: %w\n%s", settleTime, errors.Join(ctx.Err(), err), s.output())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// spread reports whether all lead about as much.
func spread(s *control.Status) bool {
	least, most := len(s.Partitions), 0
	for i := range s.Nodes {
		least, most = min(least, s.Nodes[i].Leads), max(most, s.Nodes[i].Leads)
	}
	return most-least <= 1
}

// moved returns how many partitions have been led by another node, or in another term.
func moved(before, after control.Status) (n int) {
	for i := range after.Partitions {
		if a := &after.Partitions[i]; i < len(before.Partitions) {
			if b := &before.Partitions[i]; a.Leader != b.Leader || a.Term != b.Term {
				n++
			}
		}
	}
	return n
}
