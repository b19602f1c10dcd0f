package cluster

import (
	"cmp"
	"slices"

	"github.com/tutti-rt/tutti/journal"
)

// Lead returns which of its nodes leads each partition: each node as many as its weight says, give or take one, and where that
// is so the leaders of now stay. Partitions without a node in able are left out.
//
// places are the nodes that hold each partition now, leaders those that lead (0: nobody), able those that may: nodes that are
// there and are not draining.
func Lead(nodes []Node, places map[journal.Partition][]journal.NodeID, leaders map[journal.Partition]journal.NodeID, able func(journal.NodeID) bool) map[journal.Partition]journal.NodeID {
	weights := make(map[journal.NodeID]int, len(nodes))
	for i := range nodes {
		weights[nodes[i].ID] = nodes[i].weight()
	}
	var partitions []journal.Partition
	total, count := 0, make(map[journal.NodeID]int)
	choices := make(map[journal.Partition][]journal.NodeID, len(places))
	counted := make(map[journal.NodeID]bool)
	for p, ids := range places {
		for _, id := range ids {
			if weights[id] == 0 || !able(id) {
				continue
			}
			choices[p] = append(choices[p], id)
			if !counted[id] {
				counted[id] = true
				total += weights[id]
			}
		}
		if len(choices[p]) > 0 {
			partitions = append(partitions, p)
		}
	}
	slices.SortFunc(partitions, ComparePartitions)
	lead := make(map[journal.Partition]journal.NodeID, len(partitions))
	// load is how full a node would be with one more, as a share of what is its due.
	load := func(id journal.NodeID) float64 {
		return float64(count[id]+1) * float64(total) / float64(weights[id]*max(len(partitions), 1))
	}
	for _, p := range partitions {
		now := leaders[p]
		if !slices.Contains(choices[p], now) {
			now = slices.MinFunc(choices[p], func(a, b journal.NodeID) int { return cmp.Compare(load(a), load(b)) })
		}
		lead[p] = now
		count[now]++
	}
	// Then those that have too many give some away, one at a time, where it helps most.
	for range 4 * len(partitions) {
		p, to, ok := better(partitions, choices, lead, count, weights)
		if !ok {
			break
		}
		count[lead[p]]--
		count[to]++
		lead[p] = to
	}
	return lead
}

// better returns a partition that a less full node could lead.
func better(partitions []journal.Partition, choices map[journal.Partition][]journal.NodeID, lead map[journal.Partition]journal.NodeID,
	count, weights map[journal.NodeID]int,
) (best journal.Partition, to journal.NodeID, ok bool) {
	most := 0.0
	for _, p := range partitions {
		from := lead[p]
		for _, id := range choices[p] {
			// How much fuller the giver is with it than the taker would be.
			gain := float64(count[from])/float64(weights[from]) - float64(count[id]+1)/float64(weights[id])
			if id != from && gain > most+1e-9 {
				best, to, most, ok = p, id, gain, true
			}
		}
	}
	return best, to, ok
}

// ComparePartitions orders partitions by their names.
func ComparePartitions(a, b journal.Partition) int {
	return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Number, b.Number))
}
