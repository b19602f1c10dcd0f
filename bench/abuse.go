package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/tutti-rt/tutti/internal/faults"
	"github.com/tutti-rt/tutti/internal/process"
)

// Abuse mistreats nodes, a fresh one for each scenario, and says what bystanders saw of it: ordinary clients at
// a steady rate, of which every acknowledgement is remembered and every viewer is checked for gaps. Zero fields mean
// the defaults named there.
type Abuse struct {
	Scenarios []string      `json:"scenarios"` // names; default all
	For       time.Duration `json:"-"`         // of the abuse (default 30 s)
	Around    time.Duration `json:"-"`         // measured before it and after it (default 3 s)
	Scale     float64       `json:"scale"`     // of the scenarios' numbers (default 1)
	// Start runs a node of its own for the scenario. Required.
	Start func(ctx context.Context, s Scenario) (*AbuseNode, error) `json:"-"`
	// Began is called for each scenario with how long it takes, Progress with how much of that has passed. Both
	// may be nil.
	Began    func(s Scenario, most time.Duration) `json:"-"`
	Progress func(passed time.Duration)           `json:"-"`
}

// Scenario is one way to mistreat a node.
type Scenario struct {
	Name string
	What string   // in one line
	Node []string // flags of the node beside those that every node has
	Env  []string // added to the node's environment
	// Small is the size of a file system of its own for the node's data, in bytes; 0: none.
	Small int64
	// Growth is by how many bytes the node's resident memory may grow while it is mistreated, and the bystanders'
	// own part of that is little (default 256 MiB).
	Growth int64
	// Breaks says that bystanders may lose their links and be refused commands. They come back, send what had no answer
	// again, and what was acknowledged must be there all the same.
	Breaks bool
	// Apart says that Run needs nothing but what an abuser elsewhere would have: it gets no AbuseEnv.Node, and
	// a process of its own, so that it competes with the bystanders as another program does.
	Apart bool
	// Run mistreats the node for AbuseEnv.For and returns what it has to say. It returns an error when the node does not
	// do with the abuser as is promised; what bystanders lost is found by the caller.
	Run func(ctx context.Context, e *AbuseEnv) ([]Figure, error)
	// Check looks at what the node's metrics rose by, from before the abuse to when nothing was left of it. It
	// returns an error when that is not what is promised. It may be nil.
	Check func(e *AbuseEnv, rose map[string]float64) error
}

// AbuseNode is a node in a process of its own.
type AbuseNode struct {
	Target  Target
	Data    string               // its directory
	Process func() *process.Node // the present one
	Output  func() string        // the end of what it has printed
	// Metrics returns the metrics without labels, by name.
	Metrics func(ctx context.Context) (map[string]float64, error)
	// Faults has the node's disk and clock have these faults from now on, also when it is started again; the scenario's
	// Node has --faults.
	Faults func(s faults.Settings) error
	// Restart kills the process unless it has ended, and starts it again with the same data.
	Restart func(ctx context.Context) error
	// Apart runs Scenario.Run in a process of its own. Nil: such scenarios run in this one.
	Apart func(ctx context.Context, s Scenario, e *AbuseEnv) ([]Figure, error)
	// Close stops the process and removes its data.
	Close func(ctx context.Context) error
}

// AbuseEnv is what a scenario has.
type AbuseEnv struct {
	Target Target
	For    time.Duration
	Scale  float64
	Node   *AbuseNode // nil for an abuser apart
}

// Number returns n to the scale of the run, and at least 1.
func (e *AbuseEnv) Number(n int) int { return max(1, int(float64(n)*e.Scale)) }

// Figure is one figure of a scenario's own.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
}

// Scenarios returns all of them, in the order in which they are run.
func Scenarios() []Scenario {
	return slices.Concat(networkScenarios(), handlerScenarios(), diskScenarios(), clockScenarios())
}

func (a Abuse) withDefaults() (Abuse, []Scenario, error) {
	fill(&a.For, 30*time.Second)
	fill(&a.Around, 3*time.Second)
	fill(&a.Scale, 1)
	all := Scenarios()
	if len(a.Scenarios) == 0 {
		return a, all, nil
	}
	byName := make(map[string]Scenario)
	for _, s := range all {
		byName[s.Name] = s
	}
	var chosen []Scenario
	for _, name := range a.Scenarios {
		s, ok := byName[name]
		if !ok {
			return a, nil, fmt.Errorf("bench: there is no scenario %q, there are %q", name, slices.Sorted(maps.Keys(byName)))
		}
		chosen = append(chosen, s)
	}
	return a, chosen, nil
}

// Run runs the scenarios one after the other. It returns the results of all, with an error when in one of them something
// acknowledged is missing, a viewer has a gap, the node ended or grew beyond its bound, or the abuser was not dealt
// with as promised.
func (a Abuse) Run(ctx context.Context) (*AbuseResult, error) {
	a, chosen, err := a.withDefaults()
	if err != nil {
		return nil, err
	}
	res := &AbuseResult{Settings: a, Seconds: a.For.Seconds()}
	var errs []error
	for _, s := range chosen {
		fill(&s.Growth, 256<<20)
		one, err := a.one(ctx, s)
		if len(a.Scenarios) == 0 && s.Small > 0 && (errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported)) {
			one.Problem, err = "not run: "+err.Error(), nil
		}
		if err != nil {
			err = fmt.Errorf("bench abuse %s: %w", s.Name, err)
			one.Problem = err.Error()
		}
		res.Scenarios = append(res.Scenarios, one)
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return res, errors.Join(errs...)
}
