package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Group is nodes that serve the same entities.
type Group struct {
	Nodes []Server
	// Owners returns which of the nodes owns an entity now. Nil: the first one owns all.
	Owners func(ctx context.Context) (func(entity string) int, error)
}

// Replicas loads one node, and several that replicate what they store, by turns. Zero fields mean the defaults named
// there.
type Replicas struct {
	One, Several Group                      `json:"-"`
	Nodes        int                        `json:"nodes"`       // of Several
	Rounds       int                        `json:"rounds"`      // of each load at each group (default 3)
	Connections  []int                      `json:"connections"` // a load for each, one command in flight each (default 64 and 1,024)
	Links        int                        `json:"links"`       // that do nothing (default 300)
	Idle         time.Duration              `json:"-"`           // how long the nodes are watched doing nothing, without links and with (default 30 s)
	Warmup       time.Duration              `json:"-"`           // of each load (default 1 s)
	For          time.Duration              `json:"-"`           // of each load (default 4 s)
	Progress     func(passed time.Duration) `json:"-"`           // of Time; may be nil
	Part         func(name string)          `json:"-"`           // called as each part of the run at Several begins; may be nil
}

// ReplicasResult is what came out.
type ReplicasResult struct {
	Settings Replicas      `json:"settings"`
	Rows     []ReplicasRow `json:"rows"`
	Moved    int           `json:"moved"`    // partitions that had another leader, or were elected again, meanwhile
	Verified bool          `json:"verified"` // in each load every counter held what was acknowledged
}

// ReplicasRow is one figure of both groups, the median of the rounds.
type ReplicasRow struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit,omitempty"`
	One     float64 `json:"one"`
	Several float64 `json:"several"`
	Ratio   float64 `json:"ratio,omitempty"` // several to one
	// Each has the figures of the rounds, the lowest first.
	Each [2][]float64 `json:"each"`
}

func (r Replicas) withDefaults() Replicas {
	fill(&r.Rounds, 3)
	if len(r.Connections) == 0 {
		r.Connections = []int{64, 1024}
	}
	fill(&r.Links, 300)
	fill(&r.Idle, 30*time.Second)
	fill(&r.Warmup, time.Second)
	fill(&r.For, 4*time.Second)
	r.Nodes = len(r.Several.Nodes)
	return r
}

// Time returns about how long the run takes.
func (r Replicas) Time() time.Duration {
	r = r.withDefaults()
	return time.Duration(2*r.Rounds*(1+len(r.Connections)))*(r.Warmup+r.For) + 2*(r.Idle+idleSettle)
}

// idleSettle is how long nodes are left alone before they are watched doing nothing.
const idleSettle = 3 * time.Second

// Run compares. One node is first in every other round. It returns an error when a command fails or a figure cannot be.
func (r Replicas) Run(ctx context.Context) (*ReplicasResult, error) {
	r = r.withDefaults()
	run := replicasRun{Replicas: r, groups: [2]Group{r.One, r.Several}}
	for round := range r.Rounds {
		for turn := range 2 {
			i := (round + turn) % 2
			if err := run.round(ctx, i); err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", [2]string{"one node", "several nodes"}[i], round+1, err)
			}
		}
	}
	if err := run.idle(ctx, "without links", "idle"); err != nil {
		return nil, err
	}
	if err := run.idleLinks(ctx); err != nil {
		return nil, err
	}
	return run.result()
}

// replicasRun is one run under way.
type replicasRun struct {
	Replicas
	groups [2]Group
	rows   []*beside
	passed time.Duration // of parts that are over
}

// note keeps a figure of a group.
func (r *replicasRun) note(i int, name, unit string, value float64) {
	var s *beside
	r.rows, s = besideOf(r.rows, name, unit)
	s.of[i] = append(s.of[i], value)
}

// noteSeveral is note for a figure that one node has not: its place is among those that both have.
func (r *replicasRun) noteSeveral(i int, name, unit string, value float64) {
	if r.rows, _ = besideOf(r.rows, name, unit); i == 1 {
		r.note(i, name, unit, value)
	}
}

func (r *replicasRun) progress(passed time.Duration) {
	if r.Progress != nil {
		r.Progress(r.passed + passed)
	}
}

// part tells that a part of the run at a group begins: one without a name is not at Several.
func (r *replicasRun) part(i int, name string) {
	if i == 0 {
		name = ""
	}
	begin(r.Part, name)
}

// round is every load at a group, once.
func (r *replicasRun) round(ctx context.Context, i int) error {
	r.part(i, "alone")
	if err := r.alone(ctx, i); err != nil {
		return err
	}
	r.passed += r.Warmup + r.For
	for _, connections := range r.Connections {
		r.part(i, fmt.Sprintf("commands-%d", connections))
		if err := r.commands(ctx, i, connections); err != nil {
			return err
		}
		r.passed += r.Warmup + r.For
	}
	return nil
}

// commands is a load of many connections, which are spread over all edges.
func (r *replicasRun) commands(ctx context.Context, i, connections int) error {
	g := r.groups[i]
	var w *groupWindow
	var err error
	c := Commands{Target: g.Nodes[0].Target, Connections: connections, Warmup: r.Warmup, For: r.For, Progress: r.progress}
	for _, n := range g.Nodes[1:] {
		c.Edges = append(c.Edges, n.Target)
	}
	c.Opened = func() { w, err = g.open(ctx) }
	c.Shut = func() { err = errors.Join(err, w.shut(ctx)) }
	res, runErr := c.Run(ctx)
	if err := errors.Join(runErr, err); err != nil {
		return err
	}
	if res.Rejected > 0 {
		return fmt.Errorf("%d commands were rejected: %s", res.Rejected, res.Rejection)
	}
	name := fmt.Sprintf("%d connections: ", connections)
	r.note(i, name+"commands/s", "", res.PerSecond)
	r.note(i, name+"p50", "ms", float64(res.Latency.P50)/1000)
	r.note(i, name+"p99", "ms", float64(res.Latency.P99)/1000)
	r.note(i, name+"generator CPU for 1M", "s", perMillion(res.Window.GeneratorCPU, res.Commands))
	return r.cost(i, name, w, res.Commands)
}

// clockSlack is how many seconds of CPU may be counted late: the system counts in ticks.
const clockSlack = 0.1

// cost notes what commands took of the nodes.
func (r *replicasRun) cost(i int, name string, w *groupWindow, commands uint64) error {
	if commands == 0 {
		return errors.New("no command was answered in time")
	}
	var all, most float64
	for _, used := range w.cpu {
		all, most = all+used, max(most, used)
	}
	if all <= 0 || all > w.around*float64(w.cores)*1.1+clockSlack {
		return fmt.Errorf("%s%.2f s of CPU in %.2f s on %d cores cannot be", name, all, w.around, w.cores)
	}
	n := float64(commands)
	r.note(i, name+"CPU of all nodes for 1M", "s", perMillion(all, commands))
	r.note(i, name+"CPU of the busiest node for 1M", "s", perMillion(most, commands))
	r.note(i, name+"synced writes for a command, all nodes", "", w.of("tutti_journal_synced_writes_total")/n)
	for _, f := range wireFigures {
		r.noteSeveral(i, name+f.name+" for a command", "", w.of(f.metrics...)/n)
	}
	if i == 1 && w.of(wireFigures[0].metrics...) <= 0 {
		return errors.New("nodes that replicate say that they have sent each other nothing")
	}
	return nil
}

// result puts the figures together.
func (r *replicasRun) result() (*ReplicasResult, error) {
	res := &ReplicasResult{Settings: r.Replicas, Verified: true}
	for _, s := range r.rows {
		c := ReplicasRow{Name: s.name, Unit: s.unit, One: median(s.of[0]), Several: median(s.of[1])}
		for i := range s.of {
			c.Each[i] = slices.Sorted(slices.Values(s.of[i]))
		}
		if c.One != 0 && c.Several != 0 {
			c.Ratio = c.Several / c.One
		}
		res.Rows = append(res.Rows, c)
	}
	return res, nil
}

// Print writes the result as a table.
func (r *ReplicasResult) Print(to io.Writer, m Machine) error {
	t := newReport(to)
	fmt.Fprintf(t.w, "\tone node\t%d nodes\tratio\n", r.Settings.Nodes)
	for _, c := range r.Rows {
		name, one, ratio := c.Name, "", ""
		if c.Unit != "" {
			name += " (" + c.Unit + ")"
		}
		if len(c.Each[0]) > 0 {
			one = three(c.One)
		}
		if c.Ratio != 0 {
			ratio = fmt.Sprintf("%.2f", c.Ratio)
		}
		fmt.Fprintf(t.w, "%s\t%s\t%s\t%s\n", name, one, three(c.Several), ratio)
	}
	s := r.Settings
	t.line("measured", "%d rounds by turns, the median of each figure; all nodes and the load on %d cores", s.Rounds, m.Cores)
	t.line("owners that moved meanwhile", "%d", r.Moved)
	t.line("verified", "%s", verified(r.Verified, "every counter holds exactly what was acknowledged"))
	t.line("one bare fsync here", "p50 %s, p99 %s", micros(m.Fsync.P50), micros(m.Fsync.P99))
	t.line("one bare socket write here", "%.1f µs", m.SocketWrite)
	return t.w.Flush()
}
