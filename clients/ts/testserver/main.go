// Testserver serves what the tests of the TypeScript client do with an entity.
package main

import (
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/node"
)

// Desk is the state of one desk.
type Desk struct {
	Sum    int `json:"sum"`
	Events int `json:"events"`
	Secret int `json:"-"`
}

// The commands.
type (
	Add struct {
		By int `json:"by"`
	}
	// Split adds in two events.
	Split struct {
		By int `json:"by"`
	}
	// Hide causes an event that only staff sees.
	Hide struct{}
	// Look replies and changes nothing.
	Look struct{}
	// Slow takes its time.
	Slow struct {
		MS int `json:"ms"`
	}
	Fail  struct{}
	Shout struct {
		Text string `json:"text"`
	}
)

// The events.
type (
	Added struct {
		By int `json:"by"`
	}
	Hidden struct{}
)

// Shouted is broadcast.
type Shouted struct {
	Text string `json:"text"`
}

// Sum asks for the sum.
type Sum struct{}

const staff = "staff"

// Desks are all desks.
var Desks = tutti.NewCategory("desk",
	tutti.OnCommand(func(t *tutti.Turn[Desk], c Add) error {
		if c.By == 0 {
			return tutti.Reject("nothing", "adding 0 changes nothing")
		}
		t.Emit(Added(c))
		t.ReplyWith(func(s *Desk) any { return s.Sum })
		return nil
	}),
	tutti.OnCommand(func(t *tutti.Turn[Desk], c Split) error {
		t.Emit(Added(c))
		t.Emit(Added(c))
		return nil
	}),
	tutti.OnCommand(func(t *tutti.Turn[Desk], _ Hide) error {
		t.Emit(Hidden{})
		return nil
	}),
	tutti.OnCommand(func(t *tutti.Turn[Desk], _ Look) error {
		t.Reply(t.State().Sum)
		return nil
	}),
	tutti.OnCommand(func(t *tutti.Turn[Desk], c Slow) error {
		time.Sleep(time.Duration(c.MS) * time.Millisecond)
		t.Emit(Added{By: 1})
		return nil
	}),
	tutti.OnCommand(func(*tutti.Turn[Desk], Fail) error { panic("as it was asked to") }),
	tutti.OnCommand(func(t *tutti.Turn[Desk], c Shout) error {
		t.Broadcast(Shouted(c))
		return nil
	}),
	tutti.OnQuery(func(t *tutti.Turn[Desk], _ Sum) (int, error) { return t.State().Sum, nil }),
	tutti.OnEvent(func(s *Desk, e Added) {
		s.Sum += e.By
		s.Events++
	}),
	tutti.OnEvent(func(s *Desk, _ Hidden) { s.Secret++ }),
	tutti.Audience(func(c tutti.Claims) string { return c.String("role") }),
	tutti.ViewEvent(func(e Hidden, audience string) (any, bool) { return e, audience == staff }),
	tutti.Who(func(c tutti.Claims) any { return c.Subject }),
	tutti.Relay("typing"),
)

func main() { node.Main(Desks, Counters, Rooms) }
