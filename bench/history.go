package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/tutti-rt/tutti/internal/process"
)

// History lets clients come back that have missed events, which the server reads from its journal, while others send commands
// elsewhere. Zero fields mean the defaults named there.
type History struct {
	Target   Target                        `json:"-"`
	Behind   []int                         `json:"behind"` // events missed (default 1 to 100,000 by powers of ten)
	Tries    int                           `json:"tries"`  // for each of them (default 20; fewer where that is more than a million events, 3 at least)
	Others   int                           `json:"others"` // connections that send meanwhile (default 50)
	Rate     float64                       `json:"rate"`   // their commands/s together (default 500)
	For      time.Duration                 `json:"-"`      // how long they send before anybody comes back (default 5 s)
	Usage    func() (process.Usage, error) `json:"-"`      // of the server; may be nil
	Progress func(done int)                `json:"-"`      // of len(Behind) + 1 steps; may be nil
	Part     func(name string)             `json:"-"`      // called as each part of the run begins; may be nil
}

// HistoryResult is what came out.
type HistoryResult struct {
	Settings  History   `json:"settings"`
	Window    Window    `json:"window"` // of all that came back
	Quiet     Latency   `json:"others_alone"`
	CatchUps  []CatchUp `json:"catch_ups"`
	PerEvents float64   `json:"server_cpu_seconds_per_million"` // events, with what the others need
	Verified  bool      `json:"verified"`                       // everybody got every event missed, once and in order
}

// CatchUp is what came out for clients that had missed so many events.
type CatchUp struct {
	Behind    int     `json:"behind"`
	Tries     int     `json:"tries"`
	Welcome   Latency `json:"welcome"`   // from the dial to the welcome
	CaughtUp  Latency `json:"caught_up"` // from the dial to the last event
	PerSecond float64 `json:"events_per_second"`
	Others    Latency `json:"others"` // commands of the others meanwhile
}

func (h History) withDefaults() History {
	if len(h.Behind) == 0 {
		h.Behind = []int{1, 10, 100, 1000, 10_000, 100_000}
	}
	fill(&h.Tries, 20)
	fill(&h.Others, 50)
	fill(&h.Rate, 500)
	fill(&h.For, 5*time.Second)
	return h
}

// Run loads the target and returns what came out. It returns an error when somebody misses an event.
func (h History) Run(ctx context.Context) (*HistoryResult, error) {
	h = h.withDefaults()
	if most := slices.Max(h.Behind); slices.Min(h.Behind) < 1 || most > maxHistory {
		return nil, fmt.Errorf("bench: %d events missed, allowed are 1 to %d", most, maxHistory)
	}
	run := historyRun{History: h, name: rand.Text()[:8], res: &HistoryResult{Settings: h}}
	if err := run.write(ctx); err != nil {
		return nil, err
	}
	return run.res, run.load(ctx)
}
