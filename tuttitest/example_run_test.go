package tuttitest_test

import (
	"testing"
	"time"

	"github.com/tutti-rt/tutti/tuttitest"
)

// TestExample is how a test of a whole application looks.
func TestExample(t *testing.T) {
	rooms := newRooms()
	tuttitest.Run(t, func(t *testing.T, p *tuttitest.Platform) {
		ann := p.Connect(rooms, "lobby", tuttitest.As("ann"), tuttitest.Claim("role", "staff"))
		ann.SeesState(map[string]int{"lines": 0})
		ann.Send(Open{}).Acked()
		ben := p.Connect(rooms, "lobby", tuttitest.As("ben"))
		ben.SeesState([]string(nil))

		ben.Send(Say{Text: "hi"}).Replied(Number{N: 1})
		ben.Send(Say{Text: ""}).Rejected("invalid")
		ann.Sees(Opened{By: "ann"}, Said{Who: "ben", Text: "hi"})
		ben.Sees(Said{Who: "ben", Text: "hi"})

		// A command whose event is not durable yet has no answer; a crash loses it, and the client
		// sends it again.
		p.HoldAppends()
		sent := ben.Send(Say{Text: "still there?"}).Unanswered()
		p.Crash()
		p.Start()
		sent.Replied(Number{N: 2})

		// The room closes an hour after it was opened.
		p.Advance(time.Hour)
		ann.Sees(Said{Who: "ben", Text: "still there?"}, Closed{Why: "time is up"})
		p.StoredState(rooms, "lobby", Room{Lines: []string{"ben: hi", "ben: still there?"}})
	}, rooms)
}
