package cluster_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
)

func anyone(journal.NodeID) bool { return true }

// TestLead: where all nodes hold everything each leads its share, and what is so stays so.
func TestLead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 7).Draw(t, "nodes")
		var nodes []cluster.Node
		var ids []journal.NodeID
		for i := range count {
			nodes = append(nodes, node(i+1))
			ids = append(ids, journal.NodeID(i+1))
		}
		away := journal.NodeID(0)
		if count > 1 {
			away = journal.NodeID(rapid.IntRange(0, count).Draw(t, "away"))
		}
		able := func(id journal.NodeID) bool { return id != away }
		places := make(map[journal.Partition][]journal.NodeID)
		leaders := make(map[journal.Partition]journal.NodeID)
		for _, p := range partitions("p", rapid.IntRange(1, 40).Draw(t, "partitions")) {
			places[p] = ids
			leaders[p] = journal.NodeID(rapid.IntRange(0, count).Draw(t, "leader"))
		}
		lead := cluster.Lead(nodes, places, leaders, able)
		leads := make(map[journal.NodeID]int)
		for _, id := range lead {
			leads[id]++
		}
		there := count
		if away != 0 {
			there--
		}
		for _, id := range ids {
			if low, high := len(places)/there, (len(places)+there-1)/there; able(id) && (leads[id] < low || leads[id] > high) || !able(id) && leads[id] > 0 {
				t.Fatalf("node %d leads %d of %d among %d nodes, able: %t", id, leads[id], len(places), there, able(id))
			}
		}
		if len(lead) != len(places) {
			t.Fatalf("%d of %d partitions are led", len(lead), len(places))
		}
		for p, id := range cluster.Lead(nodes, places, lead, able) {
			if lead[p] != id {
				t.Fatalf("%s moves from %d to %d though all is even", p, lead[p], id)
			}
		}
	})
}

// TestLeadByWeight: a node of three times the weight leads three times as many.
func TestLeadByWeight(t *testing.T) {
	nodes := []cluster.Node{node(1), node(2)}
	nodes[0].Weight = 300
	places := make(map[journal.Partition][]journal.NodeID)
	for _, p := range partitions("p", 16) {
		places[p] = []journal.NodeID{1, 2}
	}
	leads := make(map[journal.NodeID]int)
	for _, id := range cluster.Lead(nodes, places, nil, anyone) {
		leads[id]++
	}
	if leads[1] != 12 || leads[2] != 4 {
		t.Errorf("nodes lead %v, want 12 and 4", leads)
	}
}

// TestLeadKnowsNobody: a partition whose nodes are all away has no leader.
func TestLeadKnowsNobody(t *testing.T) {
	p := partitions("p", 1)[0]
	places := map[journal.Partition][]journal.NodeID{p: {1, 9}}
	if got := cluster.Lead([]cluster.Node{node(1)}, places, nil, func(journal.NodeID) bool { return false }); len(got) != 0 {
		t.Errorf("Lead = %v, want nothing", got)
	}
}
