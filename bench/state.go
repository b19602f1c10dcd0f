package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/tutti-rt/tutti/internal/process"
)

// State changes one entity of a large state, a place at a time, while others watch it and while links come that each
// get the whole of it. Zero fields mean the defaults named there.
type State struct {
	Target   Target                          `json:"-"`
	Category string                          `json:"category"` // sheet, canvas or pad (default sheet)
	Size     int                             `json:"size"`     // bytes of the state (default: 1 MiB of a pad, else 4 MiB; a canvas has no other)
	Rate     float64                         `json:"rate"`     // commands/s of all senders (default 1,000)
	Senders  int                             `json:"senders"`  // connections that do not watch (default 4)
	Viewers  int                             `json:"viewers"`  // default 10
	Joiners  float64                         `json:"joiners"`  // links/s that take the whole state and go, in the second half of the run (default none)
	Warmup   time.Duration                   `json:"-"`        // default 2 s
	For      time.Duration                   `json:"-"`        // default 10 s
	Usage    func() (process.Usage, error)   `json:"-"`        // of the server; may be nil
	Metrics  Metrics                         `json:"-"`        // of the server; may be nil
	Restart  func(ctx context.Context) error `json:"-"`        // restarts the server; may be nil
	Progress func(passed time.Duration)      `json:"-"`        // of Warmup + For; may be nil
}

// StateResult is what came out. Latencies count from when a command, or a link, was due.
type StateResult struct {
	Settings State  `json:"settings"`
	Window   Window `json:"window"`
	Commands uint64 `json:"commands"` // answered while measuring
	Rejected uint64 `json:"rejected"`

	// Command to its answer.
	All       Latency `json:"all"`
	Quiet     Latency `json:"quiet"`            // no link came, no snapshot was under way
	Snapshot  Latency `json:"across_snapshots"` // no link came, a snapshot was under way
	Joining   Latency `json:"while_joining"`    // links came
	Delivery  Latency `json:"delivery"`         // command to each viewer, while no link came
	Delivered Latency `json:"delivery_while_joining"`

	Join       Latency `json:"join"` // of a link, until it has its whole welcome
	Joined     uint64  `json:"joined"`
	WelcomeLen int     `json:"welcome_bytes"`
	Activation int64   `json:"activation_us"` // from a connect after a restart to the whole welcome; 0: not known

	Conflated     uint64    `json:"conflated"`  // events that viewers got as a fresh state
	Snapshots     *Encoding `json:"snapshots"`  // nil where it is not known
	Views         *Encoding `json:"view_turns"` // turns that encoded a view
	CPUPerMillion float64   `json:"server_cpu_seconds_per_million"`
	// Verified: every viewer got every event once and in order, and the state of a link that comes in the end, of one
	// after a restart too, is what the events make of the first.
	Verified bool `json:"verified"`
}

// Encoding is what the server measured of snapshots or views while it was loaded.
type Encoding struct {
	Count   uint64  `json:"count"`
	Bytes   uint64  `json:"bytes,omitempty"`
	Seconds float64 `json:"mean_seconds,omitempty"`           // of one, until it was stored
	Turns   uint64  `json:"turns"`                            // that had to do with it
	TurnP99 float64 `json:"turn_p99_seconds_upper_bound"`     // what those turns spent on it
	TurnMax float64 `json:"turn_max_seconds_since_the_start"` // the longest since the server began
	Over20  uint64  `json:"turns_over_20ms"`
}

func (s State) withDefaults() (State, stateKind, error) {
	fill(&s.Category, "sheet")
	kind, ok := stateKinds[s.Category]
	if !ok {
		return s, kind, fmt.Errorf("bench: no category %q: want sheet, canvas or pad", s.Category)
	}
	fill(&s.Size, kind.size)
	if kind.fixed && s.Size != kind.size || s.Size < 1 || s.Size > 16<<20 {
		return s, kind, fmt.Errorf("bench: a %s cannot have %d bytes", s.Category, s.Size)
	}
	fill(&s.Rate, 1000)
	fill(&s.Senders, 4)
	fill(&s.Viewers, 10)
	fill(&s.Warmup, 2*time.Second)
	fill(&s.For, 10*time.Second)
	return s, kind, nil
}

// Run loads the target and returns what came out. It returns an error when something is missing in the end,
// or when a link broke.
func (s State) Run(ctx context.Context) (*StateResult, error) {
	s, kind, err := s.withDefaults()
	if err != nil {
		return nil, err
	}
	run := stateRun{State: s, kind: kind, name: rand.Text()[:8], phase: newPhase()}
	defer run.close()
	if err := run.connect(ctx); err != nil {
		return nil, err
	}
	res, err := run.load(ctx)
	if err != nil {
		return res, err
	}
	return res, run.verify(ctx, res)
}
