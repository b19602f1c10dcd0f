package proof

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Pauses is how long partitions paused that were handed over, as the nodes have it that run in the end: those that ended in between have
// forgotten. They are known by the bounds of a histogram.
type Pauses struct {
	Count  int            `json:"count"`
	Within map[string]int `json:"within"` // how many took no longer, by the bound in seconds
	P50    string         `json:"p50_within"`
	P99    string         `json:"p99_within"`
	Goal   float64        `json:"share_within_50_ms"`
}

const (
	pauseFigure = "tutti_state_pause_seconds_bucket"
	pauseGoal   = 50 * time.Millisecond
)

// handedOver asks all nodes for their pauses. One that does not answer has none.
func (r *run) handedOver(ctx context.Context) Pauses {
	within := make(map[float64]int)
	for _, n := range r.nodes() {
		patience, cancel := context.WithTimeout(ctx, watchTime)
		figures, err := n.Metrics(patience)
		cancel()
		if err != nil {
			continue
		}
		for name, value := range figures {
			bound, ok := strings.CutPrefix(name, pauseFigure+`{le="`)
			if at, err := strconv.ParseFloat(strings.TrimSuffix(bound, `"}`), 64); ok && err == nil {
				within[at] += int(value)
			}
		}
	}
	return pausesOf(within)
}

// pausesOf sums up how many took no longer than each bound, in seconds.
func pausesOf(within map[float64]int) Pauses {
	p := Pauses{Count: within[math.Inf(1)], Within: make(map[string]int)}
	quantile := func(share float64) string {
		for _, bound := range slices.Sorted(maps.Keys(within)) {
			if float64(within[bound]) >= share*float64(p.Count) {
				return seconds(bound)
			}
		}
		return ""
	}
	for bound, n := range within {
		p.Within[strconv.FormatFloat(bound, 'g', -1, 64)] = n
	}
	if p.Count > 0 {
		p.P50, p.P99 = quantile(0.5), quantile(0.99)
		p.Goal = float64(within[pauseGoal.Seconds()]) / float64(p.Count)
	}
	return p
}

func seconds(s float64) string {
	if math.IsInf(s, 1) {
		return "more than all bounds"
	}
	return time.Duration(s * float64(time.Second)).Round(time.Microsecond).String()
}

// String says how long they were.
func (p Pauses) String() string {
	return fmt.Sprintf("p50 within %s, p99 within %s; %.1f %% within %s (%d)", p.P50, p.P99, 100*p.Goal, pauseGoal, p.Count)
}
