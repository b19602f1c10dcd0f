package cluster_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
)

// TestNext: from any voters, step by step, a partition comes to its place, with a majority up all the way, and a leader that stays.
func TestNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := func(what string) []journal.NodeID {
			all := rapid.Permutation([]journal.NodeID{1, 2, 3, 4, 5, 6, 7, 8, 9}).Draw(t, what)
			return all[:rapid.SampledFrom([]int{1, 3, 5, 7}).Draw(t, "number of "+what)]
		}
		voters, place := ids("voters"), ids("place")
		down := rapid.SliceOfN(rapid.SampledFrom(voters), 0, (len(voters)-1)/2).Draw(t, "down")
		down = slices.DeleteFunc(down, func(id journal.NodeID) bool { return slices.Contains(place, id) })
		up := func(id journal.NodeID) bool { return !slices.Contains(down, id) }
		leader := voters[slices.IndexFunc(voters, up)]
		for range 30 {
			step, ok := cluster.Next(voters, place, leader, up, func(journal.NodeID) bool { return true })
			if !ok {
				break
			}
			alive, lost := 0, 0
			for _, id := range step.Voters {
				if up(id) {
					alive++
				}
				if !slices.Contains(voters, id) && (!up(id) || !slices.Contains(place, id)) {
					t.Fatalf("from %v with %v down node %d comes, the place is %v", voters, down, id, place)
				}
			}
			for _, id := range voters {
				if !slices.Contains(step.Voters, id) {
					lost++
				}
			}
			if alive <= len(step.Voters)/2 || lost > 2 || len(step.Voters)-len(voters) > 2 || len(step.Voters) > 7 {
				t.Fatalf("from %v with %v down comes %v", voters, down, step.Voters)
			}
			if !slices.Contains(step.Voters, leader) {
				if leader = step.Lead; !slices.Contains(voters, leader) || !slices.Contains(step.Voters, leader) || !up(leader) {
					t.Fatalf("from %v with %v down to %v the lead goes to %d", voters, down, step.Voters, leader)
				}
			}
			voters = step.Voters
		}
		slices.Sort(place)
		if slices.Sort(voters); !slices.Equal(voters, place) {
			t.Fatalf("it ends at %v, the place is %v", voters, place)
		}
	})
}

// TestNextWaits: with too few nodes up nothing is done.
func TestNextWaits(t *testing.T) {
	type ids = []journal.NodeID
	for _, c := range []struct {
		voters, place, down, unknown, want ids
		lead                               journal.NodeID
	}{
		{voters: ids{1}, place: ids{1, 2, 3}, want: ids{1, 2, 3}},
		{voters: ids{1}, place: ids{1, 2, 3}, down: ids{3}},
		{voters: ids{1}, place: ids{2}, want: ids{1, 2}},
		{voters: ids{1, 2}, place: ids{2}, want: ids{2}, lead: 2},
		{voters: ids{1, 2, 3}, place: ids{1, 2, 4}, down: ids{3}, want: ids{1, 2, 4}},
		{voters: ids{1, 2, 3}, place: ids{1, 2, 4}, down: ids{4}},
		{voters: ids{1, 2, 3}, place: ids{1, 2, 4}, down: ids{2, 3}},
		{voters: ids{1, 2, 3}, place: ids{2, 3, 4}, want: ids{2, 3, 4}, lead: 2},
		{voters: ids{1, 2, 3, 4, 5}, place: ids{1, 6, 7}, unknown: ids{4}, want: ids{1, 2, 3, 5, 6}},
		{voters: ids{1, 2, 3, 4, 5}, place: ids{1, 2, 3}, down: ids{2, 3}},
		{voters: ids{1, 2, 3}, place: nil},
	} {
		up := func(id journal.NodeID) bool { return !slices.Contains(c.down, id) }
		known := func(id journal.NodeID) bool { return !slices.Contains(c.unknown, id) }
		got, ok := cluster.Next(c.voters, c.place, 1, up, known)
		if ok != (c.want != nil) || !slices.Equal(got.Voters, c.want) || got.Lead != c.lead {
			t.Errorf("Next(%v to %v, %v down) = %v with lead %d, %t, want %v with lead %d", c.voters, c.place, c.down, got.Voters, got.Lead, ok, c.want, c.lead)
		}
	}
}
