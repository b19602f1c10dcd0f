package diskjournal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"

	"github.com/tutti-rt/tutti/journal"
)

var errBehind = errors.New("the node does not keep up")

// HandOver has the node given lead p. What the owner here appends meanwhile waits, and is fenced when the lead is given up.
func (j *Journal) HandOver(ctx context.Context, p journal.Partition, to journal.NodeID) error {
	if err := j.handOver(ctx, p, uint64(to)); err != nil {
		return fmt.Errorf("hand %s over to node %d: %w", p, to, err)
	}
	return nil
}

func (j *Journal) handOver(ctx context.Context, p journal.Partition, to uint64) error {
	if err := j.ready(ctx); err != nil {
		return err
	}
	if to == j.node() {
		return nil
	}
	if !j.clustered() {
		return errNoCluster
	}
	var g *group
	begun := false
	for {
		var done bool
		var err error
		askErr := j.ask(ctx, func() {
			if g == nil {
				g = j.partition(p).group
			}
			done, begun, err = g.handTo(to, begun)
		})
		if askErr != nil || done || err != nil {
			if g != nil && !done {
				_ = j.post(func() { g.keep(to) })
			}
			return errors.Join(askErr, err)
		}
		if err := j.pause(ctx); err != nil {
			_ = j.post(func() { g.keep(to) })
			return err
		}
	}
}

// handTo goes on handing over. While what is proposed is not committed it waits, and takes nothing new.
func (g *group) handTo(to uint64, begun bool) (done, begunNow bool, err error) {
	switch {
	case g == nil || g.rn == nil:
		return false, begun, journal.ErrNoReplica
	case !g.leading && begun:
		return true, begun, nil
	case !g.leading:
		return false, begun, journal.ErrNotLeader
	case !begun && !g.keepsUp(to):
		return false, begun, errBehind
	case g.handing != 0 && g.handing != to:
		return false, begun, errors.New("it is being handed over already")
	}
	if g.handing == 0 {
		g.handing, g.handingSince = to, g.ticks
	}
	if g.ticks-g.handingSince > g.handingLimit() {
		return false, begun, errBehind
	}
	if len(g.proposed) > 0 {
		return false, begun, nil
	}
	if !begun {
		g.guard(func() { g.rn.TransferLeader(to) })
		g.touch()
	}
	return false, true, nil
}

// handingLimit is how many ticks a hand-over may take.
func (g *group) handingLimit() int { return 2 * g.j.config.electionTicks() }

// handingLate ends a hand-over that nobody goes on with: until it ends nothing is proposed.
func (g *group) handingLate() {
	if g.handing != 0 && g.ticks-g.handingSince > 2*g.handingLimit() {
		g.keep(g.handing)
	}
}

// keepsUp reports whether a voter was heard of and has nearly all of the log: Raft takes no proposals while it hands over to another.
func (g *group) keepsUp(id uint64) bool {
	if !slices.Contains(g.log.conf.GetVoters(), id) {
		return false
	}
	ok := false
	g.rn.WithProgress(func(n uint64, _ raft.ProgressType, pr tracker.Progress) {
		if n == id {
			ok = pr.RecentActive && pr.State == tracker.StateReplicate && pr.Match+closeEnough >= g.log.last
		}
	})
	return ok
}

// keep goes on leading after a hand-over that came to nothing.
func (g *group) keep(to uint64) {
	if g.handing == to && g.rn != nil {
		g.handing = 0
		g.guard(func() {
			g.rn.TransferLeader(g.id) // to itself: it gives up
			g.retry()
		})
	}
}
