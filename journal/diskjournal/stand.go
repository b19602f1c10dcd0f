package diskjournal

import (
	"math/rand/v2"
	"slices"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// A replica stands when it has not heard of its leader for an election's time, as Raft has it, or as soon as the connection to that
// breaks. What is here has it stand again before another such time is over: where two stood at once, each has its own vote and nobody a
// majority, and where one stood while the other still believed in the leader, it was not answered.

// standing is what a replica knows of its standing for the lead. The loop owns it.
type standing struct {
	soon      bool     // it will stand in a moment
	votes     int      // of its own, for itself or another, that are not durable yet
	voteUntil int      // the tick until which a vote may be on its way
	answered  []uint64 // the nodes that have answered since it stood last
	refusals  int      // of votes for it
}

// orphaned has the replica stand soon if the node given leads it.
func (g *group) orphaned(node uint64) {
	g.lookUp()
	if g.lead != node || g.leading || g.rn == nil || !slices.Contains(g.log.conf.GetVoters(), g.id) {
		return
	}
	g.guard(func() { _ = g.rn.ForgetLeader() })
	g.touch()
	g.standSoon()
}

// lookUp has the group know what the messages before in this round have made of it.
func (g *group) lookUp() {
	if g.touched {
		g.ready()
	}
}

// standSoon has the replica stand after a moment that differs from one to the other, and again while there is no leader, for an election's time.
func (g *group) standSoon() { g.standUntil(g.ticks + g.j.config.electionTicks()) }

func (g *group) standUntil(tick int) {
	if g.standing.soon {
		return
	}
	g.standing.soon = true
	time.AfterFunc(5*time.Millisecond+rand.N(50*time.Millisecond), func() {
		_ = g.j.post(func() {
			g.lookUp()
			if g.rn != nil && g.lead == raft.None && !g.forgetful() && g.standing.votes == 0 && g.ticks >= g.standing.voteUntil {
				g.guard(func() { _ = g.rn.Campaign() })
				g.touch()
				g.lookUp()
			}
			g.standing.soon = false
			if g.rn != nil && g.lead == raft.None && !g.forgetful() && g.ticks < tick {
				g.standUntil(tick)
			}
		})
	})
}

// stands takes note of how the replica stands, if it does.
func (g *group) stands(s raft.StateType) {
	if s == raft.StatePreCandidate {
		g.standing.answered = g.standing.answered[:0]
		g.standSoon()
	}
}

// votes takes note that the replica gives its vote, to itself or to another, once that is durable: it does not stand again, and give the vote up, before
// it may have been counted.
func (g *group) votes() {
	n := g.j.config.electionTicks()
	g.standing.votes++
	g.standing.voteUntil, g.standing.refusals = g.ticks+n+rand.N(n), 0
}

// answers takes note of what a node says to the replica that stands. When those that answer cannot elect it any more it does not wait for others, one of which
// is the leader that is gone.
func (g *group) answers(from uint64, m *pb.Message) {
	switch m.GetType() {
	case pb.MsgPreVoteResp, pb.MsgVoteResp:
	default:
		return
	}
	s := &g.standing
	if !slices.Contains(s.answered, from) {
		s.answered = append(s.answered, from)
	}
	if m.GetType() != pb.MsgVoteResp || !m.GetReject() || g.lead != raft.None || m.GetTerm() != g.log.state.Election {
		return
	}
	s.refusals++
	if 1+len(s.answered)-s.refusals <= len(g.log.conf.GetVoters())/2 {
		s.voteUntil = 0
		g.standSoon()
	}
}

// isVote reports whether a message is a vote.
func isVote(m *pb.Message) bool { return m.GetType() == pb.MsgVoteResp && !m.GetReject() }

// early reports whether a response need not wait until something is durable: the answer to who asks whether it would be elected promises nothing,
// whatever becomes of it (Ongaro, "Consensus: Bridging Theory and Practice", 9.6). That of the replica to itself has it ask for votes with the end of its log, which
// has to be durable by then.
func (g *group) early(m *pb.Message, durable bool) bool {
	return m.GetType() == pb.MsgPreVoteResp && (m.GetTo() != g.id || durable)
}

// answerEarly sends what need not wait, and returns the rest.
func (g *group) answerEarly(responses []*pb.Message, durable bool) []*pb.Message {
	if !slices.ContainsFunc(responses, func(r *pb.Message) bool { return g.early(r, durable) }) {
		return responses
	}
	var later []*pb.Message
	for _, r := range responses {
		if g.early(r, durable) {
			g.answer(r)
		} else {
			later = append(later, r)
		}
	}
	return later
}
