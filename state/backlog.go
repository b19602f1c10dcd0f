package state

import (
	"context"
	"errors"
	"fmt"

	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// backlogPartBytes is how much of a backlog goes into one envelope.
const backlogPartBytes = 128 << 10

// errTooFar ends the reading of a backlog that is longer than a fresh state is worth.
var errTooFar = errors.New("state: backlog too long")

// readBacklog answers a link that asks for the events after the last that its client has. It
// reads the journal, outside of turns; how many do so at once is bounded by the node, and how many wait by
// the number of links, which ask for one backlog at a time.
func (p *partition) readBacklog(cat *category, id turn.Entity, env *wire.Envelope) {
	defer p.turns.Done()
	p.node.reading <- struct{}{}
	defer func() { <-p.node.reading }()
	b := backlog{p: p, cat: cat, id: id, ask: env, last: env.Revision}
	err := errTooFar
	if !cat.opt.Ephemeral && env.Until-min(env.Until, env.Revision) <= uint64(cat.opt.BacklogEvents) {
		err = b.read(p.ctx)
	}
	switch {
	case err == nil:
		b.send(&wire.Envelope{Revision: env.Until})
		return
	case !errors.Is(err, errTooFar) && p.ctx.Err() == nil:
		p.log.Error("backlog not read", "entity", id.String(), "err", err)
	}
	b.send(&wire.Envelope{Flags: wire.TooFar, Revision: env.Until})
}

// backlog is one backlog being read.
type backlog struct {
	p    *partition
	cat  *category
	id   turn.Entity
	ask  *wire.Envelope
	last uint64 // revision of the visible event before the next one

	data  []byte
	bytes int
}

func (b *backlog) read(ctx context.Context) error {
	for r, err := range b.p.journal.Records(ctx, b.id, journal.Mark{Revision: b.ask.Revision}) {
		if err != nil {
			return fmt.Errorf("read %s after revision %d: %w", b.id, b.ask.Revision, err)
		}
		for i := range r.Events {
			if at := r.RevisionOf(i); at > b.ask.Revision && at <= b.ask.Until {
				if err := b.add(&r, i); err != nil {
					return err
				}
			}
		}
		if r.Revision >= b.ask.Until {
			return nil
		}
	}
	return nil
}

func (b *backlog) add(r *journal.Record, i int) error {
	at := r.RevisionOf(i)
	name, data, ok, err := viewEvent(b.cat, r.Events[i].Name, r.Events[i].Data, b.ask.Audience)
	if err != nil {
		return fmt.Errorf("event %q of %s, revision %d: %w", r.Events[i].Name, b.id, at, err)
	}
	if !ok {
		return nil
	}
	ev := wire.Envelope{Revision: at, Name: name, Data: data, At: r.At, Member: r.By, Command: r.Command}
	if b.last != at-1 {
		ev.Prev, ev.Flags = b.last, wire.HasPrev
	}
	b.last = at
	before := len(b.data)
	b.data = wire.AppendBacklogEvent(b.data, &ev)
	if b.bytes += len(b.data) - before; b.bytes > b.cat.opt.BacklogBytes {
		return errTooFar
	}
	if len(b.data) >= backlogPartBytes {
		b.send(&wire.Envelope{Flags: wire.More, Revision: at})
	}
	return nil
}

// send sends what has gathered with the envelope.
func (b *backlog) send(env *wire.Envelope) {
	env.Kind, env.Category, env.ID = wire.KindBacklogPart, b.id.Category, b.id.ID
	env.Edge, env.Link, env.Audience, env.Command = b.ask.Edge, b.ask.Link, b.ask.Audience, b.ask.Command
	if !env.Has(wire.TooFar) {
		env.Data = b.data
	}
	b.data = nil
	b.p.node.send(b.cat.opt.Lane, edgeAddress(b.ask.Edge), env)
}
