package bench

import (
	"context"
	"time"

	"github.com/tutti-rt/tutti/internal/faults"
)

// clockScenarios are those of a clock that is set while the node runs.
func clockScenarios() []Scenario {
	faulty := []string{"--faults"}
	return []Scenario{
		{Name: "clock-forward", What: "the clock jumps an hour forward, and later back", Node: faulty, Run: func(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
			return e.setClock(ctx, time.Hour)
		}},
		{Name: "clock-back", What: "the clock jumps an hour back, and later forward", Node: faulty, Run: func(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
			return e.setClock(ctx, -time.Hour)
		}},
	}
}

// setClock does so for three quarters of the time. Somebody whose commands are answered all the while comes anew after
// each step.
func (e *AbuseEnv) setClock(ctx context.Context, by time.Duration) ([]Figure, error) {
	h, err := openHazard(ctx, e.Target, "clock")
	if err != nil {
		return nil, err
	}
	defer func() { h.close() }()
	steps := 0
	for i, set := range []time.Duration{0, by, 0, by} {
		if err := e.Node.Faults(faults.Settings{Clock: set}); err != nil {
			return nil, err
		}
		for until := time.Now().Add(e.For / 4); time.Now().Before(until); {
			if err := h.expect(ctx, "", "work", `{}`); err != nil {
				return nil, err
			}
		}
		if i > 0 {
			steps++
		}
		h.close() // without a word: within its grace period it comes back
		if err := h.open(ctx); err != nil {
			return nil, err
		}
	}
	if err := e.Node.Faults(faults.Settings{}); err != nil {
		return nil, err
	}
	return []Figure{{Name: "steps of the clock", Value: float64(steps + 1)}}, h.verify(ctx)
}
