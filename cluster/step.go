package cluster

import (
	"cmp"
	"slices"

	"github.com/tutti-rt/tutti/journal"
)

// Step is one change on the way of a partition to where it belongs.
type Step struct {
	Voters []journal.NodeID // those to be from then on, in order of their IDs
	// Lead is the node that has to lead before, because the present leader is to go; 0: any.
	Lead journal.NodeID
}

// Next returns what brings the voters of a partition nearer to its place: one node comes or goes, or one in place of another, or two
// where that keeps their number odd. New voters are up, and a majority is before and after; false when nothing is left to do, or
// nothing can be done now.
//
// leader is who leads now, up says who runs, and known who is a node of the cluster at all.
func Next(voters, place []journal.NodeID, leader journal.NodeID, up, known func(journal.NodeID) bool) (Step, bool) {
	m := &move{voters: voters, place: place, leader: leader, up: up, known: known}
	if !majority(voters, up) || len(place) == 0 {
		return Step{}, false
	}
	for _, id := range place {
		if !slices.Contains(voters, id) && up(id) {
			m.come = append(m.come, id)
		}
	}
	for _, id := range voters {
		if !slices.Contains(place, id) {
			m.leave = append(m.leave, id)
		}
	}
	slices.SortFunc(m.leave, func(a, b journal.NodeID) int { return cmp.Or(cmp.Compare(m.stays(a), m.stays(b)), cmp.Compare(a, b)) })
	come, leave := m.counts()
	if come+leave == 0 {
		return Step{}, false
	}
	then := slices.DeleteFunc(slices.Clone(voters), func(id journal.NodeID) bool { return slices.Contains(m.leave[:leave], id) })
	then = append(then, m.come[:come]...)
	slices.Sort(then)
	if !majority(then, up) {
		return Step{}, false
	}
	step := Step{Voters: then}
	if slices.Contains(m.leave[:leave], leader) {
		if step.Lead = m.successor(then); step.Lead == 0 {
			return Step{}, false
		}
	}
	return step, true
}

// move is the way of one partition.
type move struct {
	voters, place []journal.NodeID
	come, leave   []journal.NodeID // those that are to, in the order in which they are best
	leader        journal.NodeID
	up, known     func(journal.NodeID) bool
}

// stays returns how late a node is to leave: first those that are none any more, then those that are down, the leader last.
func (m *move) stays(id journal.NodeID) int {
	switch {
	case id == m.leader:
		return 3
	case !m.known(id):
		return 0
	case !m.up(id):
		return 1
	}
	return 2
}

// counts returns how many nodes come and leave with the next step.
func (m *move) counts() (come, leave int) {
	have, want := len(m.voters), len(m.place)
	mayCome, mayLeave := min(len(m.come), 2), len(m.leave)
	switch {
	case have%2 == 0 && have > want && mayLeave > 0: // in the middle of a step
		return 0, 1
	case have%2 == 0 && mayCome > 0:
		return 1, 0
	case have%2 == 0 && mayLeave > 0 && have > 2:
		return 0, 1
	case have%2 == 0:
		return 0, 0
	case have < want && mayCome == 2:
		return 2, 0
	case have == 1 && want == 1 && mayCome > 0 && mayLeave > 0: // the leader cannot leave before another one can lead
		return 1, 0
	case mayCome > 0 && mayLeave > 0:
		return 1, 1
	case have > want && mayLeave >= 2:
		return 0, 2
	}
	return 0, 0
}

// successor returns the voter that leads best when the leader leaves: one that stays for good.
func (m *move) successor(then []journal.NodeID) journal.NodeID {
	var other journal.NodeID
	for _, id := range m.voters {
		if id == m.leader || !m.up(id) || !slices.Contains(then, id) {
			continue
		}
		if slices.Contains(m.place, id) {
			return id
		}
		other = cmp.Or(other, id)
	}
	return other
}

// majority reports whether more than half of the nodes are up.
func majority(ids []journal.NodeID, up func(journal.NodeID) bool) bool {
	n := 0
	for _, id := range ids {
		if up(id) {
			n++
		}
	}
	return n > len(ids)/2
}
