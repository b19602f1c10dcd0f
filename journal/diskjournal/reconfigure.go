package diskjournal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"

	"github.com/tutti-rt/tutti/journal"
)

// closeEnough is how many entries a new replica may miss when it becomes a voter.
const closeEnough = 64

// pollEvery is how often a change that is under way is looked at.
const pollEvery = 5 * time.Millisecond

// Reconfigure makes exactly these nodes the voters of p. New ones get the log first, as learners; then all change at once.
func (j *Journal) Reconfigure(ctx context.Context, p journal.Partition, voters []journal.NodeID) error {
	if err := j.reconfigure(ctx, p, voters); err != nil {
		return fmt.Errorf("reconfigure %s: %w", p, err)
	}
	return nil
}

func (j *Journal) reconfigure(ctx context.Context, p journal.Partition, voters []journal.NodeID) error {
	if !j.clustered() {
		return errNoCluster
	}
	var target []uint64
	for _, v := range voters {
		target = append(target, uint64(v))
	}
	slices.Sort(target)
	if len(target) == 0 || target[0] == 0 || len(slices.Compact(slices.Clone(target))) != len(target) {
		return fmt.Errorf("the voters %v are not distinct nodes", voters)
	}
	if err := j.ready(ctx); err != nil {
		return err
	}
	last := false // the change that leads to the target is proposed
	for {
		var done bool
		var err error
		if askErr := j.ask(ctx, func() { done, last, err = j.plan(p, target, last) }); askErr != nil {
			return askErr
		}
		if done || err != nil {
			return err
		}
		if err := j.pause(ctx); err != nil {
			return err
		}
	}
}

// pause waits a moment.
func (j *Journal) pause(ctx context.Context) error {
	t := time.NewTimer(pollEvery)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-j.closing:
		return j.stopped()
	}
}

// plan proposes the next change on the way to the voters given, if there is one to propose now.
func (j *Journal) plan(p journal.Partition, target []uint64, last bool) (done, lastNow bool, err error) {
	g := j.partition(p).group
	if g == nil || g.rn == nil {
		if last && !slices.Contains(target, j.node()) {
			return true, last, nil // this replica is gone, as was asked
		}
		return false, last, journal.ErrNoReplica
	}
	conf := g.log.conf
	voters := slices.Sorted(slices.Values(conf.GetVoters()))
	joint := len(conf.GetVotersOutgoing()) > 0
	if !joint && slices.Equal(voters, target) && len(conf.GetLearners()) == 0 {
		// A leader that is left out hands over before.
		return !g.leading || slices.Contains(target, g.id), last, nil
	}
	if !g.leading {
		return false, last, journal.ErrNotLeader
	}
	if joint || g.log.applied < g.first || g.log.applied < g.changing {
		return false, last, nil
	}
	change := nextChange(conf, target, g.caughtUp)
	if change == nil {
		return false, last, nil
	}
	final := len(change.GetChanges()) > 1 || change.GetChanges()[0].GetType() != pb.ConfChangeAddLearnerNode
	g.guard(func() { err = g.change(change) })
	if errors.Is(err, raft.ErrProposalDropped) {
		return false, last, nil
	}
	return false, final || last, err
}

// nextChange returns the next change on the way from conf to the target, nil while a new replica is not ready for it.
func nextChange(conf *pb.ConfState, target []uint64, caughtUp func(uint64) bool) *pb.ConfChangeV2 {
	c := new(pb.ConfChangeV2)
	add := func(t pb.ConfChangeType, id uint64) {
		c.Changes = append(c.Changes, &pb.ConfChangeSingle{Type: t.Enum(), NodeId: new(id)})
	}
	ready := true
	for _, id := range target {
		switch {
		case slices.Contains(conf.GetVoters(), id):
		case !slices.Contains(conf.GetLearners(), id):
			c.Changes = nil
			add(pb.ConfChangeAddLearnerNode, id)
			return c
		default:
			ready = ready && caughtUp(id)
			add(pb.ConfChangeAddNode, id)
		}
	}
	if !ready {
		return nil
	}
	for _, id := range slices.Concat(conf.GetVoters(), conf.GetLearners()) {
		if !slices.Contains(target, id) {
			add(pb.ConfChangeRemoveNode, id)
		}
	}
	return c
}

// change proposes a change of the group.
func (g *group) change(c *pb.ConfChangeV2) error {
	if g.rn.HasReady() {
		g.ready()
	}
	if g.rn == nil || !g.leading {
		return journal.ErrNotLeader
	}
	err := g.rn.ProposeConfChange(c)
	g.touch()
	if err == nil {
		g.last++
		g.changing = g.last
	}
	return err
}

// caughtUp reports whether a replica has nearly all of the log.
func (g *group) caughtUp(id uint64) bool {
	ok := false
	g.rn.WithProgress(func(n uint64, _ raft.ProgressType, pr tracker.Progress) {
		if n == id {
			ok = pr.RecentActive && pr.State == tracker.StateReplicate && pr.Match+closeEnough >= g.log.last
		}
	})
	return ok
}

// members returns all nodes that have a replica as of a configuration.
func members(c *pb.ConfState) []uint64 {
	all := slices.Concat(c.GetVoters(), c.GetLearners(), c.GetVotersOutgoing(), c.GetLearnersNext())
	slices.Sort(all)
	return slices.Compact(all)
}

// dropped says that what was stored of a replica is removed.
func (j *Journal) dropped(p journal.Partition) {
	if j.dropping[p]--; j.dropping[p] <= 0 {
		delete(j.dropping, p)
	}
}

// drop ends the replica, and has all that is stored of it removed. Until it is, none is made anew: what a checkpoint brings is not written
// by the committer, and would be removed with it.
func (g *group) drop() {
	j, p := g.j, g.part
	g.stop(journal.ErrNoReplica, journal.ErrNoReplica)
	j.groups = slices.DeleteFunc(j.groups, func(o *group) bool { return o == g })
	p.group = nil
	j.mu.Lock()
	delete(j.partitions, p.name)
	j.mu.Unlock()
	j.dropping[p.name]++
	j.storing = append(j.storing, &storing{g: g, drop: true})
	j.changed(p.name)
}
