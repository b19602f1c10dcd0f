package continuity

import "sync"

// categories are those of the entities that clients are at, in turn.
var categories = []string{"counter", "room", "board", "pad", "room"}

// roster says where clients go, one after the other.
type roster struct {
	left, given int
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
