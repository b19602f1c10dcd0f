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
// majority, and where one stood while the other still believed in the leader, it was not answered. A vote that has been given, and may be on
// its way to or from a disk, is waited for.

// orphaned has the replica stand soon if the node given leads it.
func (g *group) orphaned(node uint64) {
	if g.lead != node || g.leading || g.rn == nil || !slices.Contains(g.log.conf.GetVoters(), g.id) {
		return
	}
	g.guard(func() { _ = g.rn.ForgetLeader() })
	g.touch()
	g.standSoon()
}

// standSoon has the replica stand after a moment that differs from one to the other, and again while there is no leader, as often as fits
// into an election's time.
func (g *group) standSoon() { g.standIn(2 * g.j.config.electionTicks()) }

func (g *group) standIn(tries int) {
	if g.standing || tries == 0 {
		return
	}
	g.standing = true
	time.AfterFunc(5*time.Millisecond+rand.N(50*time.Millisecond), func() {
		_ = g.j.post(func() {
			g.standing = false
			if g.rn == nil || g.lead != raft.None || g.forgetful() {
				return
			}
			if g.ticks >= g.voteUntil {
				g.guard(func() { _ = g.rn.Campaign() })
				g.touch()
			}
			g.standIn(tries - 1)
		})
	})
}

// stands takes note of how the replica stands, if it does.
func (g *group) stands(s raft.StateType) {
	if s == raft.StatePreCandidate {
		g.standSoon()
	}
}

// voted takes note that the replica gives its vote, to itself or to another: until that is counted it does not stand again, and give the vote up.
func (g *group) voted() { g.voteUntil = g.ticks + g.j.config.electionTicks() }

// refused takes note that a node does not vote for this one: without that vote it would wait for those who are gone.
func (g *group) refused(m *pb.Message) {
	if m.GetType() == pb.MsgVoteResp && m.GetReject() && g.lead == raft.None && m.GetTerm() == g.log.state.Election {
		g.voteUntil = 0
		g.standSoon()
	}
}

// isVote reports whether a message is a vote.
func isVote(m *pb.Message) bool { return m.GetType() == pb.MsgVoteResp && !m.GetReject() }

// asksOnly reports whether a message is an answer to who asks whether it would be elected. Nobody is bound by that, whatever becomes of it
// (Ongaro, "Consensus: Bridging Theory and Practice", 9.6), so that it waits for no write.
func asksOnly(m *pb.Message) bool { return m.GetType() == pb.MsgPreVoteResp }
