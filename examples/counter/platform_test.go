package main

import (
	"testing"

	"github.com/tutti-rt/tutti/tuttitest"
)

// TestACrash counts on the whole platform, which crashes.
func TestACrash(t *testing.T) {
	tuttitest.Run(t, func(t *testing.T, p *tuttitest.Platform) {
		ann, ben := p.Connect(Counters, "votes", tuttitest.As("ann")), p.Connect(Counters, "votes", tuttitest.As("ben"))
		ann.SeesState(Counter{N: 0})
		ann.Send(Add{By: 1}).Replied(1)
		ben.Send(Add{By: 1}).Replied(2)
		p.Restart()
		ben.Send(Add{By: 1}).Replied(3)
		ann.Sees(Added{By: 1}, Added{By: 1}, Added{By: 1})
		p.StoredState(Counters, "votes", Counter{N: 3})
	}, Counters)
}
