package diskjournal

import (
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// apply makes committed entries visible, and answers those who wait for them.
func (g *group) apply(entries []*pb.Entry) {
	var batches []*tailBatch
	for _, e := range entries {
		g.log.applied = e.GetIndex()
		p := g.settled(e)
		switch {
		case e.GetType() == pb.EntryConfChange:
			var c pb.ConfChange
			if err := proto.Unmarshal(e.GetData(), &c); err != nil {
				panic(err)
			}
			batches = g.show(batches)
			g.reconfigured(e.GetIndex(), g.rn.ApplyConfChange(&c))
		case e.GetType() == pb.EntryConfChangeV2:
			var c pb.ConfChangeV2
			if err := proto.Unmarshal(e.GetData(), &c); err != nil {
				panic(err)
			}
			batches = g.show(batches)
			g.reconfigured(e.GetIndex(), g.rn.ApplyConfChange(&c))
		case codec.IsBatch(e.GetData()):
			batches = append(batches, g.batch(e, p))
		}
	}
	g.show(batches)
	n := 0
	for n < len(g.proposed) && g.proposed[n].at <= g.log.applied {
		g.proposed[n].finish(nil)
		g.j.answered++
		n++
	}
	g.proposed = g.proposed[n:]
	keep := keepInMemory
	if g.alone() {
		keep = 0
	}
	g.log.trim(keep)
	g.roomy = true
	if g.leading && g.log.applied >= g.first {
		g.settle()
	}
}

// settled returns the proposal that e is, nil when it is none of this leader's.
func (g *group) settled(e *pb.Entry) *proposal {
	for _, p := range g.proposed {
		if p.at == e.GetIndex() {
			if p.election == e.GetTerm() {
				return p
			}
			panic(fmt.Sprintf("another entry is committed at %d", p.at))
		}
	}
	return nil
}

// batch returns the batch of an entry, which is decoded and verified unless it was encoded here.
func (g *group) batch(e *pb.Entry, p *proposal) *tailBatch {
	data := e.GetData()
	if p != nil {
		for i, s := range p.spans {
			p.batch.entries[i].body = data[s.Start:s.End]
		}
		return p.batch
	}
	b, h, err := decodeTail(data)
	if err == nil && (h.Offset != journal.Offset(e.GetIndex()) || h.Election != e.GetTerm()) {
		err = fmt.Errorf("batch of offset %d and election %d in another's place", h.Offset, h.Election)
	}
	if err == nil && h.Partition != g.part.name {
		err = fmt.Errorf("batch of partition %s", h.Partition)
	}
	if err != nil {
		panic(fmt.Sprintf("entry at offset %d: %v", e.GetIndex(), err))
	}
	b.previous = h.Previous
	return b
}

// show adds committed batches to what is visible, and returns an empty list.
func (g *group) show(batches []*tailBatch) []*tailBatch {
	if len(batches) == 0 {
		return nil
	}
	p, size := g.part, 0
	p.mu.Lock()
	for _, b := range batches {
		if b.previous != p.hash {
			p.mu.Unlock()
			panic(fmt.Sprintf("hash chain is broken at offset %d", b.offset))
		}
		p.end, p.hash = b.offset, b.hash
		p.tail.add(b)
		size += b.size
	}
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
	g.j.grown(size)
	return nil
}

// reconfigured stores what a change of the group has come to. It is in the store before anything that comes after it in the log.
func (g *group) reconfigured(at uint64, c *pb.ConfState) {
	before := members(g.log.conf)
	g.configure(at, c)
	if err := g.j.store.set(partitionKey(keyPartition, g.part.name), g.encodeMade(), pebble.NoSync); err != nil {
		g.j.log.Debug("group not stored", "partition", g.part.name.String(), "error", err.Error()) // the store is dead
	}
	if g.leading {
		now := members(c)
		for _, id := range before {
			if id != g.id && !slices.Contains(now, id) {
				g.expel(id)
			}
		}
		g.leave()
	}
}

// configure takes a configuration.
func (g *group) configure(at uint64, c *pb.ConfState) {
	g.log.conf = c
	g.made.Configured, g.made.Alone = at, false
	g.made.Voters, g.made.Learners, g.made.Outgoing = c.GetVoters(), c.GetLearners(), c.GetVotersOutgoing()
	g.made.NextLearners, g.made.AutoLeave = c.GetLearnersNext(), c.GetAutoLeave()
}
