package continuity

import (
	"math/rand/v2"
	"slices"
	"sync"
)

// categories are those of the entities that clients are at, in turn.
var categories = []string{"counter", "room", "board", "pad", "room"}

// roster says where clients go, one after the other.
type roster struct {
	left, given int
	transports  []string
	running     sync.WaitGroup
}

// Category implements soak.Guests.
func (r *roster) Category() string {
	if r.left == 0 {
		return ""
	}
	r.left--
	r.given++
	return categories[(r.given-1)%len(categories)]
}

// order returns the transports in some order.
func (r *roster) order(rng *rand.Rand) []string {
	all := slices.Clone(r.transports)
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}
