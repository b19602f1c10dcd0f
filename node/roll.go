package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/cluster/control"
)

func clusterRollCommand() *cobra.Command {
	var r roll
	cmd := &cobra.Command{
		Use: "roll", Short: "Restart all nodes, one after the other", Args: cobra.NoArgs,
		Long: "Restart all nodes, one after the other, each once everything is where it belongs and nobody is behind. --restart is a command that restarts the node " +
			"TUTTI_NODE (its address is TUTTI_ADDRESS, none of an edge alone) and returns: on SIGTERM a node hands its leaders over by itself. Edges alone come last. Stops at the first node that does not come back.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			r.out, r.errs = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return r.run(cmd.Context())
		},
	}
	r.register(cmd)
	f := cmd.Flags()
	f.StringVar(&r.restart, "restart", "", "shell command that restarts the node named by TUTTI_NODE")
	f.StringSliceVar(&r.nodes, "node", nil, "names of the nodes to restart, in that order (default: all)")
	f.DurationVar(&r.patience, "patience", 10*time.Minute, "how long to wait for a node and its partitions")
	return cmd
}

// roll restarts nodes one after the other.
type roll struct {
	operator
	restart   string
	nodes     []string
	edges     []string // of nodes, those that may be gone when it is their turn
	patience  time.Duration
	out, errs io.Writer
}

func (r *roll) run(ctx context.Context) error {
	if r.restart == "" {
		return errors.New("--restart is missing: a command that restarts the node named by TUTTI_NODE")
	}
	s, err := r.ask(ctx, http.MethodGet, "/admin/v1/cluster", nil)
	if err != nil {
		return err
	}
	if len(r.nodes) == 0 {
		for i := range s.Nodes {
			r.nodes = append(r.nodes, s.Nodes[i].Name)
		}
		for i := range s.Edges {
			r.edges = append(r.edges, s.Edges[i].Name)
		}
		r.nodes = append(r.nodes, r.edges...)
	}
	for _, name := range r.nodes {
		if err := r.one(ctx, name); err != nil {
			return fmt.Errorf("node %s: %w", name, err)
		}
	}
	return nil
}

// one restarts a node.
func (r *roll) one(ctx context.Context, name string) error {
	s, err := r.await(ctx, errNotCalm, func(s *control.Status) bool { return s.Calm() })
	if err != nil {
		return fmt.Errorf("before its restart: %w", err)
	}
	before := nodeNamed(s, name)
	if before == nil && slices.Contains(r.edges, name) {
		fmt.Fprintf(r.out, "%s is not there any more\n", name)
		return nil
	}
	if before == nil {
		return errors.New("the cluster has no such node")
	}
	fmt.Fprintf(r.out, "%s restarts\n", name)
	began := time.Now()
	cmd := exec.CommandContext(ctx, "sh", "-c", r.restart)
	cmd.Env = append(os.Environ(), "TUTTI_NODE="+name, "TUTTI_ADDRESS="+before.Address)
	cmd.Stdout, cmd.Stderr = r.out, r.errs
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	_, err = r.await(ctx, errNotRestarted, func(s *control.Status) bool {
		n := nodeNamed(s, name)
		return n != nil && n.Up && !n.Started.Equal(before.Started) && s.Calm()
	})
	if err != nil {
		return fmt.Errorf("after its restart: %w", err)
	}
	fmt.Fprintf(r.out, "%s is back after %v\n", name, time.Since(began).Round(100*time.Millisecond))
	if before.Leads == 0 {
		return nil
	}
	// It leads again once it has been up for a while, and by then has warm mirrors for what the next one hands over.
	limit := time.Now().Add(leadPatience)
	_, err = r.await(ctx, errNotCalm, func(s *control.Status) bool {
		n := nodeNamed(s, name)
		return n != nil && n.Leads > 0 && s.Calm() || time.Now().After(limit)
	})
	return err
}

// leadPatience is how long a node that is back is waited for to lead something: where there are few partitions, it may be none.
const leadPatience = 30 * time.Second

var (
	errNotCalm      = errors.New("not everything is where it belongs: look at cluster status")
	errNotRestarted = errors.New("it has not been seen to start again, or not everything is where it belongs: look at cluster status")
)

// await asks until the status is as wanted. Of one that is not in the end the error is missing.
func (r *roll) await(ctx context.Context, missing error, done func(*control.Status) bool) (*control.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	var why error
	for {
		s, err := r.ask(ctx, http.MethodGet, "/admin/v1/cluster", nil)
		switch {
		case err == nil && done(s):
			return s, nil
		case err == nil:
			why = missing
		case ctx.Err() == nil || why == nil: // otherwise it is that time is up, which says nothing
			why = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("after %v: %w", r.patience, why)
		}
	}
}

// nodeNamed returns the node of that name, nil when there is none. An edge alone is up for as long as members hear of it.
func nodeNamed(s *control.Status, name string) *control.NodeView {
	for i := range s.Nodes {
		if s.Nodes[i].Name == name {
			return &s.Nodes[i]
		}
	}
	for i := range s.Edges {
		if e := &s.Edges[i]; e.Name == name {
			return &control.NodeView{Node: cluster.Node{Name: name, Edge: true}, Up: true, Version: e.Version, Started: e.Started}
		}
	}
	return nil
}

// labels returns labels as name=value.
func labels(all map[string]string) string {
	var text []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text = append(text, name+"="+all[name])
	}
	return strings.Join(text, ",")
}
