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

var (
	errBehind = errors.New("the node does not keep up")
	errNew    = errors.New("the first entry of this leader is not stored yet")
)

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
	h := &handOver{to: to}
	for {
		var done bool
		var err error
		askErr := j.ask(ctx, func() {
			if h.g == nil {
				h.g = j.partition(p).group
			}
			done, err = h.goOn()
		})
		if askErr != nil || done || err != nil {
			if h.g != nil && !done {
				_ = j.post(func() { h.g.keep(to) })
			}
			return errors.Join(askErr, err)
		}
		if err := j.pause(ctx); err != nil {
			_ = j.post(func() { h.g.keep(to) })
			return err
		}
	}
}

// handOver is a HandOver under way. The loop owns it.
type handOver struct {
	g     *group
	to    uint64
	begun bool // Raft hands over
	isNew bool // the leader's first entry was not stored when it was looked at last
	// waited is how many ticks it has waited for that, or for the node to answer, the last of them tick.
	waited, tick int
}

// goOn goes on handing over. Once the node is known to keep up nothing new is taken, and what is proposed is waited for.
func (h *handOver) goOn() (done bool, err error) {
	g := h.g
	switch {
	case g == nil || g.rn == nil:
		return false, journal.ErrNoReplica
	case !g.leading && h.begun:
		return true, nil
	case !g.leading:
		return false, journal.ErrNotLeader
	case g.handing != 0 && g.handing != h.to:
		return false, errors.New("it is being handed over already")
	}
	if !h.begun {
		switch ok, known := g.keepsUp(h.to); {
		case ok:
		case known:
			return false, errBehind
		default:
			return false, h.await()
		}
	}
	if g.handing == 0 {
		g.handing, g.handingSince = h.to, g.ticks
	}
	if g.ticks-g.handingSince > g.handingLimit() {
		return false, errBehind
	}
	if len(g.proposed) > 0 {
		return false, nil
	}
	if !h.begun {
		h.begun = true
		g.guard(func() { g.rn.TransferLeader(h.to) })
		g.touch()
	}
	return false, nil
}

// await waits for the leader's first entry to be stored, and then for the node to answer: all are asked, once in each tick, and who is there answers at once.
// The error is that this has taken too long. Without ticks, which Run makes, it takes as long as whoever called waits.
func (h *handOver) await() error {
	g := h.g
	if isNew := g.log.applied < g.first; isNew != h.isNew {
		h.isNew, h.waited = isNew, 0
	}
	limit, late := g.j.config.electionTicks(), errBehind
	if h.isNew {
		limit, late = g.handingLimit(), errNew
	}
	switch {
	case h.waited > 0 && g.ticks == h.tick:
		return nil
	case h.waited >= limit:
		return late
	}
	h.waited++
	h.tick = g.ticks
	if !h.isNew {
		g.guard(func() { g.rn.ReadIndex(nil) })
		g.touch()
	}
	return nil
}

// handingLimit is how many ticks a hand-over may take.
func (g *group) handingLimit() int { return 2 * g.j.config.electionTicks() }

// handingLate ends a hand-over that nobody goes on with: until it ends nothing is proposed.
func (g *group) handingLate() {
	if g.handing != 0 && g.ticks-g.handingSince > 2*g.handingLimit() {
		g.keep(g.handing)
	}
}

// keepsUp reports whether a voter was heard of and has nearly all of the log: Raft takes no proposals while it hands over to another. That may not be known:
// of one that has not answered a new leader, or not since something to it was lost, or not since the leader last looked who answers, which it does once in
// an election's time.
func (g *group) keepsUp(id uint64) (ok, known bool) {
	if !slices.Contains(g.log.conf.GetVoters(), id) {
		return false, true
	}
	if g.log.applied < g.first {
		return false, false
	}
	known = true
	g.rn.WithProgress(func(n uint64, _ raft.ProgressType, pr tracker.Progress) {
		if n != id || pr.State == tracker.StateSnapshot {
			return
		}
		near := pr.Match+closeEnough >= g.log.last
		ok = near && pr.RecentActive && pr.State == tracker.StateReplicate
		known = ok || !near && pr.Match > 0
	})
	return ok, known
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
