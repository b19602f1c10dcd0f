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

// TestACrashEndsTheGame finds everybody in a new one, since an arena is ephemeral.
func TestACrashEndsTheGame(t *testing.T) {
	tuttitest.Run(t, func(t *testing.T, p *tuttitest.Platform) {
		ann := p.Connect(Arenas, "north", as("ann"))
		p.Advance(200 * time.Millisecond)
		before := len(ann.Seen())
		p.Restart()
		ann.Send(Steer{Point{1, 0}}).Acked()
		seen := ann.Seen()[before:]
		if len(seen) == 0 || seen[0].Name != "" {
			t.Fatalf("ann sees %v after the crash, want a new state first", seen)
		}
		p.Advance(time.Second)
		if again := ann.Seen()[before:]; len(again) < 20 {
			t.Errorf("ann sees %d steps and events, want the clock to go on", len(again))
		}
	}, Arenas)
}
