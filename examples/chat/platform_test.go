package main

import (
	"testing"
	"time"

	"github.com/tutti-rt/tutti/tuttitest"
)

// TestAModeratedRoom has two people and a moderator meet on the whole platform.
func TestAModeratedRoom(t *testing.T) {
	as := tuttitest.As
	tuttitest.Run(t, func(t *testing.T, p *tuttitest.Platform) {
		ann := p.Connect(Rooms, "lobby", as("ann"), tuttitest.WithPresence())
		eve := p.Connect(Rooms, "lobby", as("eve"))
		mod := p.Connect(Rooms, "lobby", as("mod"), moderator)
		ann.SeesHere(ann, eve, mod)
		ann.SeesState(Room{Lines: []Line{}})
		mod.SeesState(Room{})

		eve.Signal(tuttitest.Raw{Name: "typing", Data: "true"})
		ann.Hears(tuttitest.Raw{Name: "typing", Data: "true"})
		line := Said{Who: "eve", Text: "buy this", At: time.Now()}
		eve.Send(Say{Text: "buy this"}).Acked()
		ann.Sees(line)
		ann.Send(Report{Line: 0, Why: "spam"}).Acked()
		mod.Sees(line, Reported{Line: 0, By: "ann", Why: "spam"})
		ann.Send(Remove{Line: 0}).Rejected("forbidden")
		mod.Send(Remove{Line: 0}).Acked()
		mod.Sees(Removed{Line: 0})
		ann.Sees(Removed{Line: 0}) // and not the report

		late := p.Connect(Rooms, "lobby", as("late"))
		late.SeesState(Room{Lines: []Line{{Said{Who: "eve", At: line.At}, true}}})
	}, Rooms)
}
