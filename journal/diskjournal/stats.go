package diskjournal

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/internal/latency"
	"github.com/tutti-rt/tutti/journal"
)

// Stats is what a journal has stored since it was opened.
type Stats struct {
	Syncs   int64 // writes, each with one sync
	Batches int64 // in those writes; also what else is an entry of a log, as the changes of owner
	Bytes   int64 // of those, as encoded
	Frames  int64 // to other nodes
	Sent    int64 // bytes in those

	Replicas int                       // partitions of which there is one here
	Led      int                       // of which this node leads
	Behind   map[journal.NodeID]uint64 // how many batches of these another node has not stored yet, in all
	Leads    int64                     // times that a partition's lead has come to this node
	Terms    int64                     // times that a partition's term has risen
	Proposed int64                     // entries that were proposed here

	// SyncTimes is how long those writes took, with their syncs.
	SyncTimes latency.Distribution
}

type counters struct {
	syncs, batches, bytes, frames, sent atomic.Int64
	leads, terms, proposed              atomic.Int64
	took                                latency.Meter
}

func (c *counters) wrote(entries, bytes int, took time.Duration) {
	c.took.Add(took)
	c.syncs.Add(1)
	c.batches.Add(int64(entries))
	c.bytes.Add(int64(bytes))
}

// Stats returns figures as of now.
func (j *Journal) Stats() Stats {
	s := Stats{
		Syncs: j.count.syncs.Load(), Batches: j.count.batches.Load(), Bytes: j.count.bytes.Load(),
		Frames: j.count.frames.Load(), Sent: j.count.sent.Load(),
		Leads: j.count.leads.Load(), Terms: j.count.terms.Load(), Proposed: j.count.proposed.Load(),
		SyncTimes: j.count.took.Distribution(), Behind: make(map[journal.NodeID]uint64),
	}
	j.mu.Lock()
	parts := slices.Collect(maps.Values(j.partitions))
	j.mu.Unlock()
	for _, p := range parts {
		p.addTo(&s, j.Node())
	}
	return s
}

// addTo adds what is here of the partition.
func (p *partition) addTo(s *Stats, node journal.NodeID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone != nil || !p.opened {
		return
	}
	s.Replicas++
	if p.status.Leader != node {
		return
	}
	s.Led++
	for id, n := range p.status.Behind {
		s.Behind[id] += n
	}
}
