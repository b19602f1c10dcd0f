package state

import (
	"context"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// commit adds a change to the open batch, and waits while that is full. It returns false when the ownership
// has ended: then the change has not happened.
func (p *partition) commit(c *change) bool {
	p.mu.Lock()
	for p.open.full() && !p.ended {
		p.awaitCommitter()
	}
	if p.ended {
		p.mu.Unlock()
		return false
	}
	p.open.add(c)
	p.mu.Unlock()
	select {
	case p.filled <- struct{}{}:
	default: // the committer knows
	}
	return true
}

// awaitCommitter waits until the committer has taken or stored something, or the ownership has ended. The caller holds p.mu.
func (p *partition) awaitCommitter() {
	select {
	case p.pressing <- struct{}{}:
	default:
	}
	p.room.Wait()
}

// relieve has those look again who wait for the committer. The caller holds p.mu.
func (p *partition) relieve() {
	select {
	case <-p.pressing:
	default:
	}
	p.room.Broadcast()
}

// commitBatches appends the open batch whenever there is something in it, until quit is closed and
// it is empty, or until an append fails. When the partition is to be released it closes resting between two appends, and waits a moment for the turns under way,
// so that one append stores what is left.
func (p *partition) commitBatches(ctx context.Context, quit <-chan struct{}) error {
	spare, releasing := &batch{}, p.releasing
	defer func() {
		if releasing != nil {
			close(p.resting)
		}
	}()
	for {
		select {
		case <-p.filled:
		case <-releasing:
		case <-quit:
			quit = nil
		}
		select {
		case <-releasing:
			releasing = nil
			close(p.resting)
			if quit != nil && p.rest(quit) {
				quit = nil
			}
		default:
		}
		p.mu.Lock()
		b := p.open
		p.open = spare
		p.relieve()
		p.mu.Unlock()
		if !b.empty() {
			if err := p.store(ctx, b); err != nil {
				p.mu.Lock()
				p.failed = b
				p.mu.Unlock()
				return err
			}
			p.settle(b)
		}
		b.reset()
		spare = b
		if quit == nil {
			return nil
		}
	}
}

// store makes b durable. ctx is not that of any caller and lives as long as the ownership: an append that
// has begun is not cancelled, since nobody would know its outcome.
func (p *partition) store(ctx context.Context, b *batch) error {
	if len(b.records) == 0 {
		return p.journal.Confirm(ctx)
	}
	if _, err := p.journal.Append(ctx, journal.Batch{Records: b.records}); err != nil {
		return err
	}
	p.node.batches.Add(1)
	p.node.records.Add(int64(len(b.records)))
	return nil
}

// settle lets the effects of a durable batch leave, in order.
func (p *partition) settle(b *batch) {
	p.mu.Lock()
	for i, e := range b.changed {
		e.durable = b.records[i].Mark()
	}
	if len(b.changed) > 0 {
		p.relieve()
	}
	p.mu.Unlock()
	for _, s := range b.snapshots {
		select {
		case p.writes <- s:
		default: // the disk is behind; the entity makes another one later
		}
	}
	now := time.Now()
	sent := p.node.wall(now).UnixMicro()
	for _, decided := range b.decided {
		p.meters.journal.Add(now.Sub(decided))
	}
	for i := range b.effects {
		f := &b.effects[i]
		f.env.Sent = sent
		if !f.decided.IsZero() {
			f.env.Hops.Journal = now.Sub(f.decided).Microseconds()
		}
		if f.env.Kind == wire.KindHeadIs {
			f.env.Until = uint64(p.journal.End())
		}
		p.node.send(f.lane, f.to, f.env)
	}
}

// awaitDurable waits until everything that the entity has written is durable. It returns false when
// the ownership has ended.
func (p *partition) awaitDurable(e *entity) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for e.durable != e.written && !p.ended {
		p.awaitCommitter()
	}
	return !p.ended
}
