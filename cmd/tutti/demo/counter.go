package demo

import "github.com/tutti-rt/tutti"

const (
	maxBy    = 1_000_000
	maxCount = 1<<53 - 1 // what every reader of JSON takes without rounding
)

// Counter is a number that everybody may change.
type Counter struct {
	N int64 `json:"n"`
}

type (
	// Add is the command to change the number, by at most a million up or down.
	Add struct {
		By int64 `json:"by"`
	}
	// Added is the event.
	Added struct {
		By int64 `json:"by"`
	}
	// Get is the query for the number.
	Get struct{}
)

// Counters is the category counter.
var Counters = tutti.NewCategory("counter",
	tutti.OnCommand(func(t *tutti.Turn[Counter], c Add) error {
		if c.By == 0 || c.By < -maxBy || c.By > maxBy {
			return tutti.Reject("invalid", "by: want a number from 1 to 1000000, or below zero as far")
		}
		if n := t.State().N + c.By; n < -maxCount || n > maxCount {
			return tutti.Reject("invalid", "the counter goes no further")
		}
		t.Emit(Added(c))
		t.ReplyWith(func(s *Counter) any { return *s })
		return nil
	}, tutti.Emits(Added{}), tutti.Replies(Counter{})),
	tutti.OnEvent(func(s *Counter, e Added) { s.N += e.By }),
	tutti.OnQuery(func(t *tutti.Turn[Counter], _ Get) (Counter, error) { return *t.State(), nil }),
)
