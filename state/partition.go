package state

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// partition is one ownership of a partition: from acquiring its log until the log is fenced, an append
// fails or the node ends. Nothing of it is used again by the next ownership.
type partition struct {
	node *Node
	// ctx ends with the ownership. A turn has no caller whose context it could take.
	ctx    context.Context
	stop   context.CancelFunc
	meters hopMeters
	id     journal.Partition
	log    *slog.Logger
	// journal is the partition's log in the hands of this ownership.
	journal journal.Log
	number  uint64 // tells it from other ownerships

	filled chan struct{} // holds a token when the open batch has something in it
	// pressing holds a token when a turn waits for the committer.
	pressing chan struct{}
	writes   chan journal.Snapshot
	turns    sync.WaitGroup // goroutines of entities

	deposed     chan struct{} // closed when the lead is lost
	deposeOnce  sync.Once
	releasing   chan struct{} // closed when the partition is to be released, within grace
	releaseOnce sync.Once
	grace       time.Duration
	wanted      int           // how many wait for the release; guarded by the node's mutex
	resting     chan struct{} // closed by the committer when that was asked for and no append is under way, or when it ends
	closedAt    time.Time     // from when on no message was taken because of that; valid once done is closed
	done        chan struct{} // closed when the ownership is over, after result was set
	result      error
	term        uint64 // of the election that made this node lead; guarded by the node's mutex

	broughtAt time.Time // when wakes were brought into the agenda
	lookFrom  int64     // when passivation begins anew with the oldest entity, time passed

	gone atomic.Bool // ended, for whoever does not hold mu

	mu       sync.Mutex
	room     sync.Cond // the open batch was taken, or the ownership has ended
	entities map[turn.Entity]*entity
	streams  map[linkKey]stream
	open     *batch
	used     usage
	agenda   agenda
	running  map[*entity]struct{} // with a goroutine
	waking   int                  // being activated because their time has come
	spare    []*work
	ended    bool          // takes no messages, stores no change
	moved    bool          // ended, and another owner takes what was not begun
	failed   *batch        // that could not be stored
	heads    int           // questions of mirrors that are being answered
	calm     chan struct{} // closed once no entity is running; nil: nobody waits for that

	refusals refusals
	warm     *copies // that a mirror kept until this ownership
	since    int64   // when that began, time passed
}

// linkKey names a link of one edge.
type linkKey struct {
	edge string
	link uint64
}

// stream is how far a link's envelopes have arrived without a gap.
type stream struct {
	entity turn.Entity
	number uint64
	broken bool // a gap was found; nothing more is taken
	sender bool
	// repeats is the highest id of a command that may have been carried out before the link was
	// welcomed: it is not refused as if it had not.
	repeats uint64
}

// newPartition returns the partition for one ownership. What it does ends with p.stop, not with ctx.
func newPartition(ctx context.Context, n *Node, id journal.Partition, l journal.Log) *partition {
	p := &partition{
		node: n, id: id, journal: l, number: rand.Uint64(),
		log:      n.cfg.Logger.With("partition", id.String()),
		meters:   n.meters.hops.of(id.Number),
		filled:   make(chan struct{}, 1),
		pressing: make(chan struct{}, 1),
		writes:   make(chan journal.Snapshot, 64),
		entities: make(map[turn.Entity]*entity),
		streams:  make(map[linkKey]stream),
		running:  make(map[*entity]struct{}),
		open:     &batch{},

		deposed: make(chan struct{}), releasing: make(chan struct{}), done: make(chan struct{}), resting: make(chan struct{}),
	}
	p.ctx, p.stop = context.WithCancel(context.WithoutCancel(ctx))
	p.agenda.changed = make(chan struct{}, 1)
	p.agenda.moments.by, p.agenda.times.by = make(map[turn.Entity]*entry), make(map[turn.Entity]*entry)
	p.room.L = &p.mu
	return p
}

// serve runs the partition until ctx is done, when it returns nil after storing what was
// decided, or until the log refuses an append.
func (p *partition) serve(ctx context.Context) error {
	// The parts end one after the other when ctx does, so that what was begun is finished.
	agenda, stopAgenda := context.WithCancel(p.ctx)
	defer stopAgenda()
	var waking, parts sync.WaitGroup
	defer parts.Wait()
	defer p.stop()
	waking.Go(func() {
		p.loadWakes(agenda)
		p.keepAgenda(agenda)
	})
	parts.Go(func() { p.writeSnapshots(p.ctx) })

	silence, err := p.node.cfg.Bus.Listen(p.node.address(p.id), p.deliver)
	if err != nil {
		stopAgenda()
		waking.Wait()
		p.end(nil)
		return err
	}
	failed := make(chan error, 1)
	quit := make(chan struct{})
	parts.Go(func() { failed <- p.commitBatches(p.ctx, quit) })
	p.node.serving(p.id)

	select {
	case err = <-failed:
		silence()
		p.end(err)
		stopAgenda()
		waking.Wait()
		p.abandon()
		return err
	case <-p.deposed:
		silence()
		p.end(errDeposed)
		stopAgenda()
		waking.Wait()
		p.abandon()
		close(quit)
		p.endCommitter(failed)
		return errDeposed
	case <-p.releasing:
		grace, over := context.WithTimeout(p.ctx, p.grace)
		defer over()
		p.awaitLast(grace)
		silence()
		return p.leave(grace, func() { stopAgenda(); waking.Wait() }, quit, failed)
	case <-ctx.Done():
	}
	silence()
	stopAgenda()
	waking.Wait()
	p.finishTurns(p.node.cfg.ShutdownGrace)
	close(quit)
	err = <-failed
	p.end(err)
	return err
}

// depose ends the ownership.
func (p *partition) depose() { p.deposeOnce.Do(func() { close(p.deposed) }) }

// endCommitter waits for the append under way, which the journal ends when the lead is lost, and tells those who wait for what
// it did not store.
func (p *partition) endCommitter(failed <-chan error) {
	limit := time.NewTimer(abandonAfter)
	defer limit.Stop()
	select {
	case <-failed:
	case <-limit.C:
		p.stop()
		<-failed
	}
	p.mu.Lock()
	b := p.failed
	p.failed = nil
	p.mu.Unlock()
	if b != nil {
		p.lose(b.effects)
	}
}

// abandon waits for turns under way that count no more: with a replicated journal, which may have this node own the partition
// again at once, beside what comes next.
func (p *partition) abandon() {
	grace := min(p.node.cfg.ShutdownGrace, abandonAfter)
	if p.node.replicated == nil {
		p.finishTurns(grace)
		return
	}
	p.node.leaving.Go(func() { p.finishTurns(grace) })
}

// abandonAfter is how long turns under way are waited for when the ownership has ended without
// warning. Nothing of what they decide counts any more.
const abandonAfter = 200 * time.Millisecond

// finishTurns waits until every entity has taken what waits for it, or for the time given. A
// handler that never returns cannot be ended; its goroutine is left behind.
func (p *partition) finishTurns(grace time.Duration) {
	done := make(chan struct{})
	go func() { // ends with the last turn, which may be a handler that never returns
		p.turns.Wait()
		close(done)
	}()
	limit := time.NewTimer(grace)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
		p.mu.Lock()
		defer p.mu.Unlock()
		for e := range p.running {
			p.log.Error("turn abandoned", "entity", e.id.String())
		}
	}
}

// end gives up everything in memory. Whatever was not durable has not happened: links are to be attached to the next owner or to
// come back, and their edges or clients send what was not answered again. Where the lead was lost and a router says who has it, they
// are told nothing, and what was not begun goes to the next owner.
func (p *partition) end(cause error) {
	moved := cause != nil && p.moves(cause)
	p.mu.Lock()
	p.ended, p.moved = true, moved
	p.gone.Store(true)
	streams, failed, open, unread := p.streams, p.failed, p.open, p.unread()
	p.streams, p.entities, p.open, p.failed = nil, nil, &batch{}, nil
	p.node.memory.Add(-p.used.bytes)
	p.used = usage{}
	p.warm.clear()
	p.room.Broadcast()
	p.mu.Unlock()
	if cause == nil {
		return
	}
	if failed != nil {
		p.lose(failed.effects)
	}
	p.lose(open.effects)
	for _, env := range unread {
		p.pass(env, moved)
	}
	if moved {
		return
	}
	for key, s := range streams {
		p.node.send(p.node.laneOf(s.entity.Category), edgeAddress(key.edge), &wire.Envelope{
			Kind: wire.KindTerminate, Flags: wire.Reconnect | wire.Reattach, Edge: key.edge, Link: key.link,
			Category: s.entity.Category, ID: s.entity.ID,
			Code: wire.EndUnavailable, Message: "the entity's owner has lost its log and begins anew",
		})
	}
}

// over reports whether the ownership has ended.
func (p *partition) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

// writeSnapshots stores snapshots, one at a time and behind the log, until ctx is done.
func (p *partition) writeSnapshots(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-p.writes:
			p.node.meters.saving.Add(1)
			if err := p.save(ctx, s, time.Now()); err != nil && ctx.Err() == nil {
				p.log.Warn("snapshot not stored", "entity", s.Entity.String(), "err", err)
			}
			p.node.meters.saving.Add(-1)
		}
	}
}
