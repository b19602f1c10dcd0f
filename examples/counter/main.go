// Counter is the smallest application: a number that everybody sees and everybody can add to.
package main

import (
	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/node"
)

// Counter is the state of one counter.
type Counter struct {
	N int `json:"n"`
}

type (
	// Add is a command: a request to change.
	Add struct {
		By int `json:"by"`
	}
	// Added is an event: a fact.
	Added struct {
		By int `json:"by"`
	}
)

// Counters are all counters.
var Counters = tutti.NewCategory("counter",
	tutti.OnCommand(func(t *tutti.Turn[Counter], c Add) error {
		if c.By == 0 {
			return tutti.Reject("invalid", "adding 0 changes nothing")
		}
		t.Emit(Added(c))
		t.ReplyWith(func(s *Counter) any { return s.N })
		return nil
	}),
	tutti.OnEvent(func(s *Counter, e Added) { s.N += e.By }),
)

func main() { node.Main(Counters) }
