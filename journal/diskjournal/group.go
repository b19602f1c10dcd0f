package diskjournal

import (
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// Bounds of what a group has under way.
const (
	maxMessage     = 256 << 10 // of entries in one message, unless one is larger
	maxInflight    = 2 << 20   // sent to one replica and not answered
	maxUncommitted = 32 << 20  // proposed and not committed, unless one batch is larger
	maxApplying    = 8 << 20
	keepInMemory   = 1 << 20 // of applied entries, for replicas that are a little behind
)

// group is the replica of one partition here, and what it knows of the others. The loop owns it.
type group struct {
	j    *Journal
	part *partition
	id   uint64 // this node's, among the voters
	rn   *raft.RawNode
	log  groupLog
	made codec.Group // what is stored under keyPartition

	touched bool // is in the loop's list of groups to look at
	unsaved bool // the state in log is not handed to the committer yet
	unmade  bool // made is not handed to the committer yet
	roomy   bool // something was applied, so there may be room for what waits

	isSettled bool
	leading   bool
	lead      uint64
	election  uint64 // while leading
	owner     uint64 // index of the newest acquisition, 0 when there is none of this leader's
	// last and hash are of the end of the log, of the last batch in it, while leading. What is proposed follows them.
	last uint64
	hash codec.Hash
	// first is the index of the first entry of this leader's.
	first uint64

	published    *pb.ConfState // the last one that others were told of
	changing     uint64        // index of the last change of the group that was proposed, while leading
	handing      uint64        // the node that the lead is being handed to
	handingSince int           // in ticks
	fetching     bool          // a checkpoint
	copied       copied        // what was fetched and is not part of the group yet
	noCopyAt     int           // the tick at which the leader is told that there is no checkpoint, 0: never

	promised   uint64 // up to where the leader has heard that it has the log, once it is known to have lost some of that
	differs    bool   // something else is there, where the leader has heard that it has the log
	complainAt int    // the tick from which on it is said again that the replica has lost something
	heardAt    int    // the tick at which another node was heard of
	expulsion  expulsion
	ticks      int // since the replica was started
	standing   standing
	unstored   int // what was handed to the committer, and is not known to be durable

	// Those who ask whether they still own the partition: those for whom the others are being asked, and those who came since.
	asked, confirming []*confirming
	asking            uint64 // number of the question
	askedAt           int    // the tick at which it was asked

	proposed  []*proposal // in the log, not yet committed, in order
	waiting   []*proposal // Raft has no room for them now
	acquiring []*proposal // wait for the lead
}

func (j *Journal) newGroup(part *partition, id uint64, made codec.Group, state codec.State) *group {
	g := &group{j: j, part: part, id: id, made: made}
	g.log = groupLog{
		j: j, name: part.name, base: made.Base, baseElection: made.BaseElection,
		last: made.Base, lastElection: made.BaseElection, applied: made.Base, state: state, conf: confState(made), floor: made.Base,
	}
	if made.BaseElection > firstElection { // it began with a checkpoint, which has all entries
		g.log.floor = firstBase
	}
	return g
}

// start makes the Raft node, once the log is complete.
func (g *group) start() (err error) {
	defer g.recovered(&err)
	c := &raft.Config{
		ID: g.id, ElectionTick: g.j.config.electionTicks(), HeartbeatTick: 1, Storage: &g.log, Applied: g.log.applied,
		AsyncStorageWrites: true, PreVote: true, CheckQuorum: true, DisableProposalForwarding: true,
		MaxSizePerMsg: maxMessage, MaxInflightMsgs: 256, MaxInflightBytes: maxInflight,
		MaxUncommittedEntriesSize: maxUncommitted, MaxCommittedSizePerReady: maxApplying,
		Logger: raftLog{g.j.log.With("partition", g.part.name.String())},
	}
	g.rn, err = raft.NewRawNode(c)
	return err
}

// begin has the replica do its first round. The only one of its group leads it at once.
func (g *group) begin() {
	g.touch()
	g.ready()
	if g.alone() {
		g.guard(func() { _ = g.rn.Campaign() })
		g.touch()
		return
	}
	g.settle()
}

// settle says that all is visible that was before.
func (g *group) settle() {
	if !g.isSettled {
		g.isSettled = true
		close(g.part.settled)
	}
}

// recovered turns a panic of Raft's, which it has for whatever it finds broken, into an error.
func (g *group) recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("replica of %s: %v: %w", g.part.name, p, journal.ErrCorrupt)
	}
}

// guard ends this replica when Raft panics in f: its state is not to be relied on. All others go on.
func (g *group) guard(f func()) {
	if g.rn == nil {
		return
	}
	var err error
	func() {
		defer g.recovered(&err)
		f()
	}()
	if err != nil {
		g.j.log.Error("replica stopped", "partition", g.part.name.String(), "error", err.Error())
		g.stop(err, err)
	}
}

// stop ends the group, whose reads get err from now on. What may yet be stored gets an error that says so, and the cause.
func (g *group) stop(cause, err error) {
	g.rn = nil
	g.part.lose(err)
	g.settle()
	g.lostLead(fmt.Errorf("%w: %w", journal.ErrUnknown, cause), err)
	for _, p := range g.acquiring {
		p.finish(err)
	}
	g.acquiring = nil
}

// alone reports whether this is the only replica.
func (g *group) alone() bool {
	c := g.log.conf
	return len(c.Voters) == 1 && c.Voters[0] == g.id && len(c.VotersOutgoing) == 0
}

// touch has the loop look what there is to do for g in this round.
func (g *group) touch() {
	if !g.touched {
		g.touched = true
		g.j.touched = append(g.j.touched, g)
	}
}

// ready does what Raft has to have done, and returns when there is nothing more for now.
func (g *group) ready() {
	g.touched = false
	g.guard(func() {
		g.askMajority()
		for g.rn != nil && g.rn.HasReady() {
			g.handle(g.rn.Ready())
			if g.rn != nil {
				g.askMajority()
			}
		}
	})
	if g.roomy && len(g.waiting) > 0 {
		g.roomy = false
		g.retry()
	}
}

func (g *group) handle(rd raft.Ready) {
	for _, m := range rd.Messages {
		switch m.GetTo() {
		case raft.LocalAppendThread:
			g.store(m)
		case raft.LocalApplyThread:
			g.apply(m.GetEntries())
			for _, r := range m.GetResponses() {
				g.step(r)
			}
		default:
			g.j.send(g, m)
		}
	}
	g.confirmed(rd.ReadStates)
	if rd.SoftState != nil {
		g.elected(rd.SoftState)
		if g.leading {
			g.leave()
		}
	}
	g.publish()
}

func (g *group) step(m *pb.Message) {
	if err := g.rn.Step(m); err != nil && !errors.Is(err, raft.ErrProposalDropped) {
		g.j.log.Debug("message not taken", "partition", g.part.name.String(), "error", err.Error())
	}
}

// store hands what must be durable to the committer.
func (g *group) store(m *pb.Message) {
	durable := g.unstored == 0 && len(m.GetEntries()) == 0 && m.GetSnapshot() == nil // all of the log is
	s := &storing{g: g, responses: g.answerEarly(m.GetResponses(), durable), entries: m.GetEntries()}
	if s.votes = slices.ContainsFunc(s.responses, isVote); s.votes {
		g.votes()
	}
	if m.GetSnapshot() != nil {
		s.made, s.copied = g.restored(m.GetSnapshot().GetMetadata()), true
	}
	if len(s.entries) > 0 { // they follow the snapshot, where there is one
		s.cut = s.entries[0].GetIndex() <= g.log.last
		g.log.add(s.entries)
		if g.leading {
			g.last = g.log.last
		}
	}
	if m.GetTerm() != 0 {
		now := codec.State{Election: m.GetTerm(), Vote: m.GetVote(), Commit: m.GetCommit()}
		s.promise = now.Election != g.log.state.Election || now.Vote != g.log.state.Vote
		g.log.state, g.unsaved = now, true
	}
	if len(s.entries) == 0 && !s.promise && s.made == nil && len(s.responses) == 0 {
		return // a commit alone goes with what is written next
	}
	if len(s.entries) > 0 || s.promise || s.made != nil {
		if g.unsaved {
			state := g.log.state
			s.state, g.unsaved = &state, false
		}
		if g.unmade && s.made == nil {
			s.made, g.unmade = g.encodeMade(), false
		}
	}
	g.unstored++
	g.j.storing = append(g.j.storing, s)
}

func (g *group) encodeMade() []byte {
	return codec.AppendGroup(nil, partitionKey(keyPartition, g.part.name), &g.made)
}

// answer takes a response to where it is to go.
func (g *group) answer(r *pb.Message) {
	if r.GetTo() == g.id {
		g.step(r)
	} else {
		g.j.send(g, r)
	}
}

// stored tells Raft that something is durable.
func (g *group) stored(s *storing) {
	if s.drop {
		g.j.dropped(g.part.name)
	} else {
		g.unstored--
	}
	if s.votes {
		g.standing.votes--
	}
	g.guard(func() {
		for _, r := range s.responses {
			g.answer(r)
		}
	})
	g.touch()
}

// elected looks who leads now.
func (g *group) elected(s *raft.SoftState) {
	g.lead = s.Lead
	g.stands(s.RaftState)
	leads := s.RaftState == raft.StateLeader
	if g.leading && (!leads || g.rn.BasicStatus().GetTerm() != g.election) {
		g.leading = false
		g.lostLead(journal.ErrUnknown, journal.ErrFenced)
	}
	if leads && !g.leading {
		g.leading, g.election = true, g.rn.BasicStatus().GetTerm()
		g.j.count.leads.Add(1)
		g.last, g.hash = g.log.last, g.lastHash()
		g.first = g.last
		g.publish() // before anybody owns the partition
		waiting := g.acquiring
		g.acquiring = nil
		for _, p := range waiting {
			g.propose(p)
		}
	}
}

// lostLead ends what waits for this leader: begun is the error of what may yet be stored.
func (g *group) lostLead(begun, waiting error) {
	g.leading, g.owner, g.handing, g.changing = false, 0, 0, 0
	g.expulsion = expulsion{}
	g.part.own(0)
	g.unconfirmed(fmt.Errorf("%w: %w", waiting, journal.ErrUnavailable))
	proposed, dropped := g.proposed, g.waiting
	g.proposed, g.waiting = nil, nil
	for _, p := range proposed {
		g.again(p, begun)
	}
	for _, p := range dropped {
		g.again(p, waiting)
	}
}

// again has an acquisition wait for the lead once more, and ends an append.
func (g *group) again(p *proposal, err error) {
	if p.term == 0 && g.rn != nil {
		g.acquiring = append(g.acquiring, p)
		return
	}
	p.finish(err)
}

// lastHash returns the hash of the last batch in the log, committed or not.
func (g *group) lastHash() codec.Hash {
	for i := len(g.log.entries) - 1; i >= 0 && g.log.entries[i].GetIndex() > g.log.applied; i-- {
		if h, ok := codec.BatchHash(g.log.entries[i].GetData()); ok {
			return h
		}
	}
	g.part.mu.Lock()
	defer g.part.mu.Unlock()
	return g.part.hash
}

func confState(g codec.Group) *pb.ConfState {
	return &pb.ConfState{
		Voters: g.Voters, Learners: g.Learners, VotersOutgoing: g.Outgoing, LearnersNext: g.NextLearners, AutoLeave: new(g.AutoLeave),
	}
}
