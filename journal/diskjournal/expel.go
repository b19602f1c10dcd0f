package diskjournal

import (
	"encoding/binary"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"

	"github.com/tutti-rt/tutti/journal"
)

// A replica that is left out of its group stays until the leader says that it may go: before, its vote may be what the others need to leave
// it behind, since a replica counts votes as of the configuration that it has applied. The leader says so once a majority has
// stored two entries, one after the other, that it proposed after it had applied the new configuration: who has stored the second one has
// applied and stored the configuration before.

// expulsion is what a leader has under way to let replicas go.
type expulsion struct {
	nodes  map[uint64]bool // who is to go
	of     uint64          // index of the configuration that is being sealed
	sealed bool            // a majority has stored it
	seals  int             // entries proposed
	at     uint64          // index of the last of those
}

// expel has a node let go of its replica soon, if it has none as of the configuration.
func (g *group) expel(node uint64) {
	if !g.leading || !g.member() || slices.Contains(members(g.log.conf), node) {
		return
	}
	if g.expulsion.nodes == nil {
		g.expulsion.nodes = make(map[uint64]bool)
	}
	g.expulsion.nodes[node] = true
}

// seal goes on with letting replicas go.
func (g *group) seal() {
	e := &g.expulsion
	if len(e.nodes) == 0 || !g.leading || len(g.log.conf.GetVotersOutgoing()) > 0 {
		return
	}
	if e.of != g.made.Configured {
		*e = expulsion{nodes: e.nodes, of: g.made.Configured}
	}
	switch {
	case !e.sealed && g.log.applied < e.at:
		return
	case !e.sealed && e.seals < 2:
		if g.rn.HasReady() {
			g.ready()
		}
		if g.rn != nil && g.leading && g.rn.Propose(nil) == nil {
			g.last++
			e.at = g.last
			e.seals++
			g.touch()
		}
		return
	}
	e.sealed = true
	index := binary.AppendUvarint(nil, g.made.Configured)
	for _, id := range members(g.log.conf) {
		index = binary.AppendUvarint(index, id)
	}
	for node := range e.nodes {
		if !slices.Contains(members(g.log.conf), node) {
			o := g.j.item(node, itemRemoved, g.part.name, len(index))
			o.data = append(o.data, index...)
		}
	}
	e.nodes = nil
}

// expelled takes what a leader says to a replica that may go.
func (g *group) expelled(data []byte) {
	r := frameReader{rest: data}
	at := r.uvarint()
	if r.bad || g.rn == nil || g.leading || at < g.made.Configured || at == g.made.Configured && g.member() {
		return
	}
	if len(g.j.moved) < maxMoved {
		var now []uint64
		for len(r.rest) > 0 && len(now) < maxMembers {
			now = append(now, r.uvarint())
		}
		g.j.moved[g.part.name] = now
	}
	g.drop()
}

const (
	maxMoved   = 1 << 12 // partitions of which it is known who has them now
	maxMembers = 64
	maxHops    = 5
)

// member reports whether this node has a replica as of the last configuration that it knows.
func (g *group) member() bool {
	return g.made.Configured == 0 || slices.Contains(members(g.log.conf), g.id)
}

// leave sees to it that a replica goes that is none of the group's any more. A leader has another one lead before; others ask
// whoever leads now.
func (g *group) leave() {
	if g.member() {
		return
	}
	if !g.leading {
		if g.ticks%g.j.config.electionTicks() == 0 {
			for _, id := range members(g.log.conf) {
				g.j.item(id, itemLeaving, g.part.name, 0)
			}
		}
		return
	}
	if g.rn.BasicStatus().LeadTransferee == raft.None {
		if to := g.successor(); to != raft.None {
			g.rn.TransferLeader(to)
			g.touch()
		}
	}
}

// leaving takes what leave sends. Who does not lead passes it on to who may know more.
func (j *Journal) leaving(from uint64, p journal.Partition, g *group, data []byte) {
	r := frameReader{rest: data}
	node, hops := from, uint64(0)
	if len(data) > 0 {
		node, hops = r.uvarint(), r.uvarint()
	}
	if r.bad || hops >= maxHops {
		return
	}
	to := j.moved[p]
	if g != nil && g.rn != nil {
		if g.leading {
			g.expel(node)
			return
		}
		to = members(g.log.conf)
		if g.lead != raft.None {
			to = []uint64{g.lead}
		}
	}
	data = binary.AppendUvarint(binary.AppendUvarint(nil, node), hops+1)
	for _, id := range to {
		if id != from && id != node && id != j.node() {
			o := j.item(id, itemLeaving, p, len(data))
			o.data = append(o.data, data...)
		}
	}
}

// successor returns the voter that has most of the log and was heard of, 0 when there is none.
func (g *group) successor() (best uint64) {
	most := uint64(0)
	g.rn.WithProgress(func(id uint64, t raft.ProgressType, pr tracker.Progress) {
		if id != g.id && t == raft.ProgressTypePeer && pr.RecentActive && pr.Match >= most {
			best, most = id, pr.Match
		}
	})
	return best
}
