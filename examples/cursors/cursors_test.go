package main

import (
	"testing"

	"github.com/tutti-rt/tutti/tuttitest"
)

func TestWriting(t *testing.T) {
	tuttitest.Given(t, Sheets).
		When(Write{X: 1, Y: 2, Text: "here"}).Then(Written{X: 1, Y: 2, Text: "here"}).
		When(Write{}).ThenRejects("invalid")
}

// TestCursors has two people see each other's cursors, on the whole platform.
func TestCursors(t *testing.T) {
	as := tuttitest.As
	tuttitest.Run(t, func(t *testing.T, p *tuttitest.Platform) {
		ann := p.Connect(Sheets, "plan", as("ann"), tuttitest.WithPresence())
		bob := p.Connect(Sheets, "plan", as("bob"), tuttitest.WithPresence())
		ann.SeesHere(ann, bob)
		bob.Signal(tuttitest.Raw{Name: "cursor", Data: `{"x":3,"y":4}`})
		ann.Hears(tuttitest.Raw{Name: "cursor", Data: `{"x":3,"y":4}`})
		bob.HearsNothing()
		bob.Leave()
		ann.SeesHere(ann)
	}, Sheets)
}
