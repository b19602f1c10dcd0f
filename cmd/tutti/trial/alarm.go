package trial

import (
	"time"

	"github.com/tutti-rt/tutti"
)

// MaxAfter is how far ahead an alarm may be planned.
const MaxAfter = time.Hour

// Alarm is a set of alarms that have not rung.
type Alarm struct {
	Pending map[string]int64 `json:"pending"` // how far ahead each was planned, in ms, by key
	Rang    int64            `json:"rang"`    // how many did
}

type (
	// Plan is the command to plan an alarm. Key names it and is new.
	Plan struct {
		Key   string `json:"key"`
		After int64  `json:"after"` // ms
	}
	// Planned is its event.
	Planned struct {
		Key   string `json:"key"`
		After int64  `json:"after"` // ms
	}
	// Ring is the timer.
	Ring struct {
		Key string `json:"key"`
	}
	// Rang is the event of an alarm that rings.
	Rang struct {
		Key string `json:"key"`
	}
	// Awaited is the query for the alarms.
	Awaited struct{}
)

// Alarms is the category alarm.
var Alarms = tutti.NewCategory("alarm",
	tutti.OnCommand(func(t *tutti.Turn[Alarm], c Plan) error {
		after := time.Duration(c.After) * time.Millisecond
		if _, taken := t.State().Pending[c.Key]; c.Key == "" || taken || c.After < 0 || after > MaxAfter {
			return tutti.Reject("invalid", "want a new key, and at most an hour")
		}
		t.Emit(Planned(c))
		t.Schedule(c.Key, t.Now().Add(after), Ring{c.Key})
		return nil
	}, tutti.Emits(Planned{})),
	tutti.OnTimer(func(t *tutti.Turn[Alarm], c Ring) error {
		t.Emit(Rang(c))
		return nil
	}, tutti.Emits(Rang{})),
	tutti.OnEvent(func(s *Alarm, e Planned) {
		if s.Pending == nil {
			s.Pending = make(map[string]int64)
		}
		s.Pending[e.Key] = e.After
	}),
	tutti.OnEvent(func(s *Alarm, e Rang) {
		delete(s.Pending, e.Key)
		s.Rang++
	}),
	tutti.OnQuery(func(t *tutti.Turn[Alarm], _ Awaited) (Alarm, error) { return *t.State(), nil }, tutti.Name("get")),
)
