package state

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// Bounds of the wait before a partition that could not be served is acquired again. One whose lead was lost is acquired at once,
// which waits until this node leads again.
const (
	minHoldWait = 50 * time.Millisecond
	maxHoldWait = 5 * time.Second
)

// maxBrief is how many ownerships in a row, each shorter than minHoldWait, may be followed by the next one at once although the journal
// says that this node leads.
const maxBrief = 3

// releasedFor is how long a partition that was released is left alone while this node still leads it and nobody says what is
// to become of it.
const releasedFor = 10 * time.Second

// errDeposed ends an ownership when the journal says that this node leads the partition no more.
var errDeposed = errors.New("state: another node leads the partition")

// holder owns one partition whenever it can.
type holder struct {
	id   journal.Partition
	stop context.CancelFunc
	// again holds a token when a partition that was released may be acquired again.
	again chan struct{}
	// owned holds a token when the partition has been acquired since a release.
	owned chan struct{}

	// Guarded by the node's mutex.
	leader  journal.NodeID // of a replicated journal
	current *partition     // nil between two ownerships
}

func newHolder(id journal.Partition, stop context.CancelFunc) *holder {
	return &holder{id: id, stop: stop, again: make(chan struct{}, 1), owned: make(chan struct{}, 1)}
}

// resume has a partition that was released acquired again.
func (h *holder) resume() {
	select {
	case h.again <- struct{}{}:
	default:
	}
}

// hold owns a partition for as long as the node runs, again and again if need be.
func (n *Node) hold(ctx context.Context, h *holder) error {
	wait, brief := minHoldWait, 0
	for ctx.Err() == nil {
		began, err := n.own(ctx, h)
		switch {
		case err == nil || ctx.Err() != nil:
			return nil
		case errors.Is(err, errReleased):
			n.cfg.Logger.Info("partition released", "partition", h.id.String())
			if !errors.Is(err, errUnwanted) {
				h.rest(ctx)
			}
			continue
		case errors.Is(err, journal.ErrClosed):
			return fmt.Errorf("state: partition %s: %w", h.id, err)
		}
		lasted := time.Duration(0)
		if !began.IsZero() {
			lasted = time.Since(began)
		}
		if lasted > maxHoldWait {
			wait = minHoldWait
		}
		if lasted >= minHoldWait {
			brief = 0
		}
		if brief++; n.deposed(err) && (brief <= maxBrief || !n.leadsNow(h.id)) {
			n.cfg.Logger.Info("partition lost", "partition", h.id.String(), "why", err)
			wait = minHoldWait
			continue
		}
		level := slog.LevelError
		if errors.Is(err, journal.ErrNoReplica) {
			level = slog.LevelInfo // it is just being dropped
		}
		n.cfg.Logger.Log(ctx, level, "partition not served", "partition", h.id.String(), "again in", wait, "err", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = min(2*wait, maxHoldWait)
	}
	return nil
}

// deposed reports whether an ownership ended with that error because the lead was lost, as it may be at any time.
func (n *Node) deposed(err error) bool {
	return n.replicated != nil && (errors.Is(err, errDeposed) || errors.Is(err, journal.ErrFenced) || errors.Is(err, journal.ErrUnknown))
}

// leadsNow reports whether the journal says that this node leads the partition.
func (n *Node) leadsNow(id journal.Partition) bool {
	s, err := n.replicated.Status(id)
	return err == nil && s.Leader == n.replicated.Node()
}

// rest waits after a release until the partition may be acquired again.
func (h *holder) rest(ctx context.Context) {
	limit := time.NewTimer(releasedFor)
	defer limit.Stop()
	select {
	case <-ctx.Done():
	case <-h.again:
	case <-limit.C:
	}
}

// own acquires the partition and serves it for one ownership. It returns when that began, the zero time when it did not.
func (n *Node) own(ctx context.Context, h *holder) (began time.Time, err error) {
	mirror := n.startMirror(ctx, h.id)
	l, err := n.cfg.Journal.Acquire(ctx, h.id)
	warm := mirror.end()
	if err != nil {
		warm.clear()
		return began, err
	}
	select {
	case <-h.again: // of an earlier release
	default:
	}
	began = time.Now()
	p := newPartition(ctx, n, h.id, l)
	p.warm, p.since = warm, n.passed()
	n.mu.Lock()
	n.serves[h.id], h.current = p, p
	n.mu.Unlock()
	select {
	case h.owned <- struct{}{}:
	default:
	}
	n.lookAt(ctx, h.id) // the lead may be lost by now
	err = p.serve(ctx)
	n.mu.Lock()
	delete(n.serves, h.id)
	h.current = nil
	if errors.Is(err, errReleased) && p.wanted == 0 {
		err = errUnwanted
	}
	n.mu.Unlock()
	p.result = err
	close(p.done)
	return began, err
}

// holdAll holds every partition of the node, which a journal that is not replicated has all of.
func (n *Node) holdAll(ctx context.Context, holders *sync.WaitGroup, failed func(error)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.partitions {
		n.startHolder(ctx, p, holders, failed)
	}
}

// startHolder begins to hold a partition. The caller holds n.mu.
func (n *Node) startHolder(ctx context.Context, id journal.Partition, holders *sync.WaitGroup, failed func(error)) {
	ctx, stop := context.WithCancel(ctx)
	h := newHolder(id, stop)
	n.holders[id] = h
	holders.Go(func() {
		defer stop()
		err := n.hold(ctx, h)
		n.mu.Lock()
		delete(n.holders, id)
		n.mu.Unlock()
		if err != nil {
			failed(err)
		}
		n.note(id) // the replica may have come back
	})
}
