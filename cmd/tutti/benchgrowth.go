package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/bench"
)

// growth runs series of benchmarks and keeps what came out.
type growth struct {
	cmd    *cobra.Command
	out    string // directory
	series []string
	quick  bool
}

// growthData is one series as it is kept.
type growthData struct {
	Series  string        `json:"series"`
	What    string        `json:"what"`
	Quick   bool          `json:"quick"`
	Go      string        `json:"go"`
	Machine bench.Machine `json:"machine"` // before the series
	Points  []growthPoint `json:"points"`
}

// growthPoint is one run.
type growthPoint struct {
	X      float64            `json:"x"`
	Values map[string]float64 `json:"values"` // what is drawn
	Result any                `json:"result"` // all of it
}

// growthSeries is one thing that grows.
type growthSeries struct {
	name, what string
	full       []float64
	quick      []float64
	args       []string // of the node
	run        func(ctx context.Context, n *workNode, x float64, quick bool) (map[string]float64, any, error)
}

func benchGrowthCommand() *cobra.Command {
	g := growth{}
	var names []string
	for _, s := range allGrowth() {
		names = append(names, s.name)
	}
	cmd := &cobra.Command{
		Use: "growth", Short: "Series of benchmarks: how cost grows", Args: cobra.NoArgs,
		Example: "  tutti bench growth --out docs/data && go generate ./bench\n  tutti bench growth --quick --series load --out /var/tmp/growth",
		RunE: func(cmd *cobra.Command, _ []string) error {
			g.cmd = cmd
			return g.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&g.out, "out", "docs/data", "directory for the results, a JSON file for each series")
	f.StringSliceVar(&g.series, "series", names, "which series")
	f.BoolVar(&g.quick, "quick", false, "smaller and shorter, to try it")
	return cmd
}

func (g *growth) run(ctx context.Context) error {
	all := allGrowth()
	for _, name := range g.series {
		if !slices.ContainsFunc(all, func(s growthSeries) bool { return s.name == name }) {
			return fmt.Errorf("there is no series %q", name)
		}
	}
	if err := os.MkdirAll(g.out, 0o755); err != nil {
		return fmt.Errorf("keep results: %w", err)
	}
	var errs []error
	for _, s := range all {
		if slices.Contains(g.series, s.name) && ctx.Err() == nil {
			errs = append(errs, g.one(ctx, s))
		}
	}
	return errors.Join(append(errs, ctx.Err())...)
}

// one runs a series and keeps what came out. A run that fails is reported and left out.
func (g *growth) one(ctx context.Context, s growthSeries) error {
	data := growthData{Series: s.name, What: s.what, Quick: g.quick, Go: runtime.Version()}
	steps := s.full
	if g.quick {
		steps = s.quick
	}
	var errs []error
	for _, x := range steps {
		fmt.Fprintf(g.cmd.ErrOrStderr(), "%s %g: ", s.name, x)
		p, err := g.point(ctx, s, x, &data)
		if err != nil {
			fmt.Fprintln(g.cmd.ErrOrStderr(), "failed:", err)
			errs = append(errs, fmt.Errorf("%s %g: %w", s.name, x, err))
			if ctx.Err() != nil {
				break
			}
			continue
		}
		fmt.Fprintln(g.cmd.ErrOrStderr(), describeValues(p.Values))
		data.Points = append(data.Points, p)
	}
	text, err := json.MarshalIndent(data, "", "  ")
	if err == nil && len(data.Points) > 0 {
		err = os.WriteFile(filepath.Join(g.out, "growth-"+s.name+".json"), append(text, '\n'), 0o644)
	}
	return errors.Join(append(errs, err)...)
}

// point makes one run, at a node of its own.
func (g *growth) point(ctx context.Context, s growthSeries, x float64, data *growthData) (p growthPoint, err error) {
	n, err := startOwn(ctx, ownNode{command: append([]string{"bench", "node"}, s.args...), admin: true})
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, n.close(ctx)) }()
	if len(data.Points) == 0 {
		if data.Machine, err = bench.MeasureMachine(ctx, n.disk()); err != nil {
			return p, err
		}
	}
	p.X = x
	p.Values, p.Result, err = s.run(ctx, n, x, g.quick)
	return p, err
}

// describeValues writes the values in the order of their names.
func describeValues(values map[string]float64) string {
	var all []string
	for name, v := range values {
		all = append(all, fmt.Sprintf("%s %.4g", name, v))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
