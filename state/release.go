package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/journal"
)

// ErrNotOwned means that this node does not own the partition.
var ErrNotOwned = errors.New("state: the partition is not owned here")

// errReleased ends an ownership that was given up on request, and errUnwanted one of those when nobody waits for that any more.
var (
	errReleased = errors.New("state: partition released")
	errUnwanted = fmt.Errorf("%w for nobody", errReleased)
)

// Release gives up a partition: the node takes messages for it until the append under way is done and then no more, finishes the turns under
// way and stores what they decided, and lets its effects leave. When Release returns nil the lead may be given to another node. Messages are
// taken and turns waited for as long as ShutdownGrace at most, or half of the time that ctx leaves: turns that take longer have not happened. An append that has begun is
// waited for until ctx is done; the partition is released all the same when it is over.
//
// The node owns the partition again once it has lost the lead and leads again, or if it still leads after ten seconds; at once, when nobody has waited for
// the end of the release.
func (n *Node) Release(ctx context.Context, id journal.Partition) error {
	_, err := n.release(ctx, id)
	return err
}

// release is Release, and returns since when nothing more was taken.
func (n *Node) release(ctx context.Context, id journal.Partition) (closed time.Time, err error) {
	n.mu.Lock()
	p := n.serves[id]
	if p != nil {
		p.wanted++
	}
	n.mu.Unlock()
	if p == nil {
		return closed, fmt.Errorf("release %s: %w", id, ErrNotOwned)
	}
	p.giveUp(ctx)
	select {
	case <-p.done:
	case <-ctx.Done():
		if n.lets(p) {
			return closed, fmt.Errorf("release %s: %w", id, ctx.Err())
		}
		<-p.done // which is being closed
	}
	if !errors.Is(p.result, errReleased) {
		return closed, fmt.Errorf("release %s: %w", id, cmp.Or(p.result, ErrNotOwned))
	}
	return p.closedAt, nil
}

// lets takes back that somebody waits for the release of p. It reports false when that is over.
func (n *Node) lets(p *partition) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.serves[p.id] != p {
		return false
	}
	p.wanted--
	return true
}

// HandOver releases a partition and has the node given lead it, and returns when the next owner takes messages, as far as the bus tells of
// that. When the journal refuses, this node owns the partition again before HandOver returns, unless the lead was lost; when the release takes
// longer than ctx, as soon as that is over.
func (n *Node) HandOver(ctx context.Context, id journal.Partition, to journal.NodeID) error {
	if n.replicated == nil {
		return fmt.Errorf("hand %s over: partitions are not placed", id)
	}
	s, err := n.replicated.Status(id)
	switch {
	case err != nil:
		return fmt.Errorf("hand %s over: %w", id, err)
	case to == n.replicated.Node() || !slices.Contains(s.Voters, to):
		return fmt.Errorf("hand %s over: node %d is not another voter", id, to)
	}
	n.mu.Lock()
	h := n.holders[id]
	n.mu.Unlock()
	if h == nil {
		return fmt.Errorf("hand %s over: %w", id, ErrNotOwned)
	}
	select {
	case <-h.owned:
	default:
	}
	next, stop := n.nextOwner(id)
	defer stop()
	closed, err := n.release(ctx, id)
	if err != nil {
		return err
	}
	err = n.replicated.HandOver(ctx, id, to)
	h.resume()
	if err != nil {
		h.awaitOwned(ctx)
		return fmt.Errorf("hand %s over to node %d: %w", id, to, err)
	}
	n.meters.handOvers.Since(closed)
	if next == nil {
		return nil
	}
	limit := time.NewTimer(ownerTime)
	defer limit.Stop()
	select {
	case <-next:
		n.meters.pauses.Since(closed)
	case <-limit.C: // who needs the owner waits for it elsewhere
	case <-ctx.Done():
	}
	return nil
}

// ownerTime is how long a hand-over waits for the next owner: others would only slow that down.
const ownerTime = 200 * time.Millisecond

// nextOwner returns what is closed when an owner comes to the partition, nil where nobody tells.
func (n *Node) nextOwner(id journal.Partition) (came <-chan struct{}, stop func()) {
	r, ok := n.cfg.Bus.(bus.Router)
	if !ok {
		return nil, func() {}
	}
	c := make(chan struct{})
	var once sync.Once
	return c, r.Owners(func(at bus.Address) {
		if at == n.address(id) {
			once.Do(func() { close(c) })
		}
	})
}

// awaitOwned waits until a partition that still is led here is owned again.
func (h *holder) awaitOwned(ctx context.Context) {
	limit := time.NewTimer(minHoldWait)
	defer limit.Stop()
	select {
	case <-h.owned:
	case <-limit.C: // somebody else leads
	case <-ctx.Done():
	}
}

// giveUp asks for a release that is done when ctx is, at the latest.
func (p *partition) giveUp(ctx context.Context) {
	p.releaseOnce.Do(func() {
		p.grace = p.node.cfg.ShutdownGrace
		if by, ok := ctx.Deadline(); ok {
			p.grace = min(p.grace, time.Until(by)/2)
		}
		close(p.releasing)
	})
}

// awaitLast has messages taken until the append under way is done, or grace is: what was decided until then is the last batch but for the turns that are under way.
func (p *partition) awaitLast(grace context.Context) {
	select {
	case <-p.resting:
	case <-p.deposed:
	case <-grace.Done():
	}
	p.closedAt = time.Now()
}

// restFor is how long the committer waits for the turns under way before it stores what was decided without them.
const restFor = 5 * time.Millisecond

// rest waits until the last turn is done, which quit says, but not for long, and not while a turn waits for the committer. It reports whether that was so.
func (p *partition) rest(quit <-chan struct{}) bool {
	limit := time.NewTimer(restFor)
	defer limit.Stop()
	select {
	case <-quit:
		return true
	case <-p.pressing:
		return false
	case <-limit.C:
		return false
	}
}

// leave ends the ownership on request, with everything stored that was decided until grace is done. stopAgenda has nothing begun any more.
func (p *partition) leave(grace context.Context, stopAgenda func(), quit chan<- struct{}, failed <-chan error) error {
	stopAgenda()
	p.mu.Lock()
	calm := make(chan struct{})
	if len(p.running) == 0 {
		close(calm)
	} else {
		p.calm = calm
	}
	p.mu.Unlock()
	var err error
	stopped := false // the committer
	select {
	case <-calm:
	case err = <-failed:
		stopped = true
	case <-p.deposed:
		err = errDeposed
	case <-grace.Done():
		select {
		case <-calm:
		default:
			p.log.Warn("released with turns under way")
		}
	}
	if err == nil {
		close(quit)
		err = <-failed
		stopped = true
	}
	if err == nil {
		err = errReleased
	}
	p.end(err)
	if !stopped {
		close(quit)
		p.endCommitter(failed)
	}
	p.abandon()
	return err
}
