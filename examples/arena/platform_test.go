package main

import (
	"testing"
	"time"

	"github.com/tutti-rt/tutti/tuttitest"
)

// TestAGame lets a player run on the whole platform: twenty steps a second, until the player is gone.
func TestAGame(t *testing.T) {
	tuttitest.Run(t, func(t *testing.T, p *tuttitest.Platform) {
		ann := p.Connect(Arenas, "north", as("ann"))
		ann.Send(Steer{Point{0, 1}}).Acked()
		p.Advance(time.Second)
		steps := 0
		for _, seen := range ann.Seen() {
			if seen.Name == "ticked" {
				steps++
			}
		}
		if steps != 20 {
			t.Errorf("%d steps in a second, want 20", steps)
		}
		p.Stored(Arenas, "north") // nothing, since an arena is ephemeral
		ann.Leave()

		p.Advance(10 * time.Minute)
		ben := p.Connect(Arenas, "north", as("ben"))
		ben.Send(Steer{Point{0, 0}}).Acked() // ann is gone, and ben plays
	}, Arenas)
}
