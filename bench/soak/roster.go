package soak

import (
	"fmt"
	"slices"

	"github.com/tutti-rt/tutti/wire"
)

// takePresence keeps the list of who is here. The caller holds mu.
func (s *session) takePresence(p *wire.PresenceChange) {
	s.counts.presences.Add(1)
	told := fmt.Sprintf("%d members, %d joined, %d left, to connection %d", p.Count, len(p.Joined), len(p.Left), s.number)
	if !s.heard { // the first after a welcome lists all
		clear(s.roster)
		if s.present != nil {
			select {
			case s.present <- p.Count:
			default:
			}
		}
		if len(p.Left)+len(p.Updated) > 0 {
			s.fail(s.place, s.last, "the first frame of presence lists who is here", told)
		}
	}
	s.heard = true
	for _, m := range p.Left {
		delete(s.roster, m) // who has come and gone may not have been told to all
	}
	for _, m := range p.Joined {
		s.roster[m.Member] = true
	}
	if len(s.roster) != min(p.Count, wire.MaxMembers) {
		s.fail(s.place, s.last, fmt.Sprintf("who is counted is listed: %d", len(s.roster)), told)
	}
}

// sees returns who is here besides one as the session was told, in order.
func (s *session) sees(besides string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for m := range s.roster {
		if m != besides {
			all = append(all, m)
		}
	}
	slices.Sort(all)
	return all
}
