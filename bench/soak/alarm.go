package soak

import (
	"fmt"
	"math/rand/v2"
	"time"
)

type alarmFold struct {
	due map[string]int64 // Unix ms

	Pending map[string]int64 `json:"pending"`
	Rang    int64            `json:"rang"`
}

type plan struct {
	Key   string `json:"key"`
	After int64  `json:"after"` // ms
}

func (a *alarmFold) apply(f *fact) error {
	var e plan
	if err := f.decode(&e); err != nil {
		return err
	}
	switch _, planned := a.Pending[e.Key]; {
	case f.name == "planned" && f.commanded && !planned:
		if a.Pending == nil {
			a.Pending = make(map[string]int64)
		}
		a.Pending[e.Key] = e.After
		a.due[e.Key] = f.at + e.After
	case f.name == "rang" && !f.commanded && planned:
		if f.at < a.due[e.Key] {
			return fmt.Errorf("alarm %s rang %d ms early", e.Key, a.due[e.Key]-f.at)
		}
		delete(a.Pending, e.Key)
		delete(a.due, e.Key)
		a.Rang++
	default:
		return fmt.Errorf("an event %s of alarm %q, which is planned: %t", f.name, e.Key, planned)
	}
	return nil
}

func (a *alarmFold) view() ([]byte, error) { return encode(a), nil }

func (a *alarmFold) quiet() error {
	if len(a.Pending) > 0 {
		return fmt.Errorf("%d alarms have not rung", len(a.Pending))
	}
	return nil
}

// mostAhead is how far ahead alarms are planned: beyond the next start.
const mostAhead = 8 * time.Second

// set is a command to an alarm.
func set(s *session, r *rand.Rand, id uint64) order {
	if oneIn(r, 40) {
		return wrong("plan", plan{After: 1})
	}
	p := plan{Key: token(s.number, id), After: r.Int64N(min(mostAhead, s.config.For).Milliseconds())}
	if oneIn(r, 4) {
		p.After = r.Int64N(20)
	}
	return newOrder("plan", p, "planned", p)
}
