package trial

import (
	"fmt"
	"strconv"

	"github.com/tutti-rt/tutti"
)

// Bounds of what one command may do.
const (
	MaxBumps = 10_000 // events of one turn
	MaxFeed  = 1000   // entities told by one turn
)

// Tally counts its events. Many of them come from one command.
type Tally struct {
	N int64 `json:"n"`
}

type (
	// Bump is the command to record that many events.
	Bump struct {
		Events int `json:"events"`
	}
	// Bumped is one of them.
	Bumped struct {
		By int64 `json:"by"`
	}
	// Count is the query for the number of events.
	Count struct{}
)

// Tallies is the category tally. Its clients may be far behind.
var Tallies = tutti.NewCategory("tally",
	tutti.OnCommand(func(t *tutti.Turn[Tally], c Bump) error {
		if c.Events < 1 || c.Events > MaxBumps {
			return tutti.Reject("invalid", fmt.Sprintf("1 to %d events", MaxBumps))
		}
		for range c.Events {
			t.Emit(Bumped{1})
		}
		return nil
	}, tutti.Emits(Bumped{})),
	tutti.OnEvent(func(s *Tally, e Bumped) { s.N += e.By }),
	tutti.OnQuery(func(t *tutti.Turn[Tally], _ Count) (Tally, error) { return *t.State(), nil }),
	tutti.With(tutti.Options{BacklogEvents: 1 << 20, BacklogBytes: 64 << 20}),
)

// Feeder fills tallies.
type Feeder struct {
	Fed int64 `json:"fed"`
}

type (
	// Feed is the command to record Events events at each of the tallies of that prefix, of the numbers from First on.
	Feed struct {
		Prefix   string `json:"prefix"`
		First    int    `json:"first"`
		Entities int    `json:"entities"`
		Events   int    `json:"events"`
	}
	// Fed is its event.
	Fed struct {
		Entities int `json:"entities"`
	}
)

// Feeders is the category feeder.
var Feeders = tutti.NewCategory("feeder",
	tutti.OnCommand(func(t *tutti.Turn[Feeder], c Feed) error {
		if c.Entities < 1 || c.Entities > MaxFeed || c.Events < 1 || c.Events > MaxBumps || len(c.Prefix) > 64 {
			return tutti.Reject("invalid", fmt.Sprintf("1 to %d entities, 1 to %d events", MaxFeed, MaxBumps))
		}
		for i := range c.Entities {
			t.Tell(tutti.Entity{Category: "tally", ID: c.Prefix + strconv.Itoa(c.First+i)}, Bump{c.Events})
		}
		t.Emit(Fed{c.Entities})
		return nil
	}, tutti.Emits(Fed{})),
	tutti.OnEvent(func(s *Feeder, e Fed) { s.Fed += int64(e.Entities) }),
)
