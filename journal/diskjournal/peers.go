package diskjournal

import (
	"encoding/binary"
	"errors"
	"slices"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
	"google.golang.org/protobuf/proto"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

const (
	// maxFrame is from how many bytes on a frame is sent without waiting for more.
	maxFrame = 1 << 20
	// maxDelivered bounds what has come from other nodes and waits for the loop. Of what is beyond, frames are dropped: all that matters is
	// sent again. One frame always fits.
	maxDelivered = 64 << 20
)

// outgoing is the frame to one node that is being filled. The loop owns it.
type outgoing struct {
	data   []byte
	groups []*group // whose messages are in it
	urgent bool     // something in it is waited for; otherwise it may go with what this node has to say soon
}

// send puts a message of a group into the frame for its node.
func (j *Journal) send(g *group, m *pb.Message) {
	if !j.clustered() {
		return
	}
	size := proto.Size(m)
	before := j.outgoing[m.GetTo()]
	urgent := !isPatient(m) || before != nil && before.urgent
	o := j.item(m.GetTo(), itemMessage, g.part.name, size)
	o.urgent = urgent
	data, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(o.data, m)
	if err != nil {
		panic(err)
	}
	o.data = data
	if !slices.Contains(o.groups, g) {
		o.groups = append(o.groups, g)
	}
	if len(o.data) >= maxFrame {
		j.flush(m.GetTo(), o)
	}
}

// isPatient reports whether a message may wait for the next tick: a leader only counts who answers its heartbeats, unless it wants to
// know whether it still leads. What nobody waits for wakes no node by itself.
func isPatient(m *pb.Message) bool {
	return m.GetType() == pb.MsgHeartbeatResp && len(m.GetContext()) == 0
}

// item begins an item in the frame for a node; the caller adds its bytes.
func (j *Journal) item(to uint64, kind byte, p journal.Partition, size int) *outgoing {
	o := j.outgoing[to]
	if o == nil {
		o = new(outgoing)
		j.outgoing[to] = o
	}
	if len(o.data) == 0 {
		o.data = newFrame(size)
	}
	o.data = appendItem(o.data, kind, p, size)
	o.urgent = true
	return o
}

// flush sends a frame. What it does not get through is told to those who think that it is on its way.
func (j *Journal) flush(to uint64, o *outgoing) {
	if len(o.data) == 0 {
		return
	}
	data, groups := o.data, o.groups
	seal(data)
	o.data, o.groups, o.urgent = nil, nil, false
	j.count.frames.Add(1)
	j.count.sent.Add(int64(len(data)))
	if j.config.Cluster.Peers.Send(journal.NodeID(to), data) {
		return
	}
	for _, g := range groups {
		g.unreachable(to)
	}
}

// flushAll sends what somebody waits for, and what else goes to the same nodes.
func (j *Journal) flushAll() {
	for to, o := range j.outgoing {
		if o.urgent {
			j.flush(to, o)
		}
	}
}

// flushPatient has flushAll send what has waited for a tick.
func (j *Journal) flushPatient() {
	for _, o := range j.outgoing {
		o.urgent = len(o.data) > 0
	}
}

// unreachable tells the group that what it has sent to a node may be lost.
func (g *group) unreachable(node uint64) {
	g.guard(func() {
		if g.leading {
			g.rn.ReportUnreachable(node)
			g.rn.ReportSnapshot(node, raft.SnapshotFailure)
		}
	})
}

// Deliver takes a frame that the journal of another node has sent. Frames that are not whole are dropped.
// The data is the journal's from now on.
func (j *Journal) Deliver(from journal.NodeID, data []byte) {
	if !j.clustered() || from == j.Node() || from == 0 {
		return
	}
	items, err := decodeFrame(data, uint64(from))
	if err != nil {
		j.log.Warn("frame refused", "node", uint64(from), "error", err.Error())
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.why() != nil || j.delivered > 0 && j.delivered+len(data) > maxDelivered {
		return
	}
	j.delivered += len(data)
	j.inbox.calls = append(j.inbox.calls, func() { j.delivery(uint64(from), items, len(data)) })
	j.wake()
}

func (j *Journal) delivery(from uint64, items []item, size int) {
	j.mu.Lock()
	j.delivered -= size
	j.mu.Unlock()
	if !j.isStarted {
		return
	}
	for i := range items {
		j.receive(from, &items[i])
	}
}

// receive takes one item.
func (j *Journal) receive(from uint64, i *item) {
	part := j.known(i.partition)
	var g *group
	if part != nil {
		g = part.group
	}
	if g == nil && i.kind == itemLeaving {
		j.leaving(from, i.partition, nil, i.data)
		return
	}
	if g == nil {
		if i.kind != itemMessage || !makesReplica(i.message) || j.dropping[i.partition] > 0 || part != nil && part.lost() != nil {
			return
		}
		part = j.partition(i.partition)
		if g = j.join(part); g.rn == nil {
			return
		}
	}
	switch i.kind {
	case itemMessage:
		g.guard(func() { g.message(from, i.message) })
	case itemSnapshot:
		j.takeSnapshot(part, i.data)
	case itemRemoved:
		g.expelled(i.data)
	case itemLeaving:
		j.leaving(from, i.partition, g, i.data)
	case itemLost:
		g.refuted(from, i.data)
	case itemNoCopy:
		g.guard(func() { g.rn.ReportSnapshot(from, raft.SnapshotFailure) })
	}
	g.touch()
}

// makesReplica reports whether a message is one that a leader sends to a replica that is to be made.
func makesReplica(m *pb.Message) bool {
	switch m.GetType() {
	case pb.MsgApp, pb.MsgSnap:
		return true
	case pb.MsgHeartbeat:
		return m.GetCommit() == 0
	}
	return false
}

// join makes an empty replica of a partition that others have.
func (j *Journal) join(part *partition) *group {
	g := j.newGroup(part, j.node(), codec.Group{}, codec.State{})
	g.unsaved, g.unmade = true, true
	j.adopt(g)
	return g
}

// adopt starts a replica that is new here.
func (j *Journal) adopt(g *group) {
	if err := g.start(); err != nil {
		g.j.log.Error("replica stopped", "partition", g.part.name.String(), "error", err.Error())
		g.part.lose(err)
		return
	}
	j.groups = append(j.groups, g)
	g.part.group = g
	delete(j.moved, g.part.name)
	g.part.open()
	early := g.part.early
	g.part.early = nil
	g.begin()
	for _, p := range early {
		j.take(p)
	}
}

// message takes a message of Raft's.
func (g *group) message(from uint64, m *pb.Message) {
	g.heardAt = g.ticks
	switch {
	case m.GetTo() != g.id:
		return
	case m.GetType() == pb.MsgSnap:
		g.announced(m)
		return
	case g.leading && !slices.Contains(members(g.log.conf), from):
		g.expel(from)
		return
	case m.GetType() == pb.MsgHeartbeat && m.GetCommit() > g.log.last:
		g.forgot(m)
		return
	case g.differs || g.takesBack(from, m):
		return
	case g.forgetful() && (m.GetType() == pb.MsgVote || m.GetType() == pb.MsgPreVote || m.GetType() == pb.MsgTimeoutNow):
		return
	}
	g.step(m)
	g.answers(from, m)
}

// forgot takes note that the leader has heard from this node that it has more: somebody else has its name, or its disk is an old one. As
// the replica does not answer, nobody counts on it.
func (g *group) forgot(m *pb.Message) {
	if g.log.last > 0 && m.GetTerm() >= g.log.state.Election { // else a replica that was here before has had it
		g.tellLost(m.GetCommit())
		g.promised = max(g.promised, m.GetCommit())
	}
	if g.ticks >= g.complainAt {
		g.complainAt = g.ticks + 100*g.j.config.electionTicks()
		g.j.log.Error("replica has lost what it had", "partition", g.part.name.String(), "has", g.log.last, "had", m.GetCommit())
	}
}

// tellLost says, once, that the replica does not have what it has told its leader to have.
func (g *group) tellLost(had uint64) {
	if !g.forgetful() && g.j.config.Cluster.Lost != nil {
		g.j.config.Cluster.Lost(g.part.name, journal.Offset(g.log.last), journal.Offset(had))
	}
}

// takesBack reports whether a replica refuses what it has told this leader to have: its disk has lost that, or has something else there.
// Raft would send it the same once more for each refusal, as fast as the network carries them. The replica is told instead.
func (g *group) takesBack(from uint64, m *pb.Message) bool {
	if !g.leading || m.GetType() != pb.MsgAppResp || !m.GetReject() || m.GetTerm() != g.election {
		return false
	}
	var had uint64
	g.rn.WithProgress(func(id uint64, _ raft.ProgressType, p tracker.Progress) {
		if id == from {
			had = p.Match
		}
	})
	if m.GetIndex() > had {
		return false
	}
	told := binary.AppendUvarint(binary.AppendUvarint(nil, g.election), had)
	o := g.j.item(from, itemLost, g.part.name, len(told))
	o.data = append(o.data, told...)
	return true
}

// refuted takes word of the leader that this replica refuses what it had told it to have. As it does not answer from now on, nobody counts
// on it.
func (g *group) refuted(from uint64, data []byte) {
	r := frameReader{rest: data}
	term, had := r.uvarint(), r.uvarint()
	if r.bad || len(r.rest) > 0 || g.rn == nil || g.leading || g.lead != from || term != g.log.state.Election || g.log.last == 0 || g.differs {
		return
	}
	g.tellLost(had)
	g.differs = true
	g.j.log.Error("replica has something else than it had", "partition", g.part.name.String(), "has", g.log.last, "had", had)
}

// forgetful reports whether the replica is known to have lost what others count on. By its vote somebody might lead who does not have
// that either.
func (g *group) forgetful() bool { return g.differs || g.promised > g.log.last }

// Down says that the connection to a node broke. Replicas that it has led stand at once, instead of waiting for its silence.
func (j *Journal) Down(node journal.NodeID) {
	if j.clustered() {
		_ = j.post(func() {
			for _, g := range slices.Clone(j.groups) {
				g.unreachable(uint64(node))
				g.orphaned(uint64(node))
			}
		})
	}
}

var errNoCluster = errors.New("the journal has no Cluster")
