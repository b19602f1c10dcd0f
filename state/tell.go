package state

import (
	"errors"
	"strings"
	"time"

	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/wire"
)

// Bounds of the wait before a message that its receiver has not confirmed is sent again, and how
// many are sent at once.
const (
	minTellWait = time.Second
	maxTellWait = 30 * time.Second
	tellsAtOnce = 256
)

// tellSoon sends the turn's messages once they are durable, and again until they are confirmed.
func (e *entity) tellSoon() {
	l := e.live
	if l.tellWait == 0 {
		l.tellWait = minTellWait
		l.tellAt = time.Now().Add(minTellWait)
		e.part.remind(e, l.tellAt.UnixMilli())
	}
	e.sendTells(l.tellsSent)
}

// repeatTells sends again what has not been confirmed for a while.
func (e *entity) repeatTells(now time.Time) {
	l := e.live
	if len(l.ledger.outbox) == 0 {
		return
	}
	if now.Before(l.tellAt) {
		e.part.remind(e, l.tellAt.UnixMilli()+1)
		return
	}
	l.tellWait = min(max(2*l.tellWait, minTellWait), maxTellWait)
	l.tellAt = now.Add(l.tellWait)
	e.part.remind(e, l.tellAt.UnixMilli())
	e.sendTells(0)
	e.conclude(nil, nil)
}

// sendTells makes effects of the messages after the number given, each naming the one before it to the
// same receiver, so that a loss on the way is noticed there.
func (e *entity) sendTells(after uint64) {
	l := e.live
	before := make(map[turn.Entity]uint64)
	for i, t := range l.ledger.outbox {
		if i >= tellsAtOnce {
			break // the rest follows when these are confirmed
		}
		prev := before[t.to]
		before[t.to] = t.number
		if t.number <= after {
			continue
		}
		l.tellsSent = max(l.tellsSent, t.number)
		cat := e.part.node.categories[t.to.Category]
		if cat == nil {
			continue // this node cannot send it; it stays until one can
		}
		e.out = append(e.out, effect{lane: cat.opt.Lane, to: e.part.node.owner(cat, t.to), env: &wire.Envelope{
			Kind: wire.KindTell, Category: t.to.Category, ID: t.to.ID, From: e.id.String(),
			Number: t.number, Prev: prev, Name: t.name, Data: t.data,
		}})
	}
}

// takeTold takes a message of another entity: once, and recorded as taken whatever its handler says.
func (e *entity) takeTold(m *message) {
	env := m.env
	from, ok := parseEntity(env.From)
	if !ok || e.activate() != nil {
		return // the sender sends it again
	}
	last := e.live.ledger.inbox[from].number
	if env.Number > last {
		if env.Prev > last {
			return // one before it was lost; the sender sends both again
		}
		if !e.takeNew(env, from) {
			return // not logged; the sender sends it again
		}
	}
	cat := e.part.node.categories[from.Category]
	if cat == nil {
		return
	}
	e.out = append(e.out, effect{lane: cat.opt.Lane, to: e.part.node.owner(cat, from), env: &wire.Envelope{
		Kind: wire.KindTold, Category: from.Category, ID: from.ID, From: e.id.String(),
		Number: max(env.Number, last),
	}})
	e.conclude(nil, nil)
}

// takeNew takes a message that was not taken before. It returns false when it could not be logged.
func (e *entity) takeNew(env *wire.Envelope, from turn.Entity) bool {
	receipt := note{kind: noteReceipt, entity: from, number: env.Number}
	what := cause{kind: turn.KindTold, name: env.Name, from: from, must: true, notes: appendNote(nil, receipt)}
	r, err := e.decide(&what, func(t *turn.Turn, state any) error {
		h, ok := e.cat.Commands[env.Name]
		if !ok {
			return &turn.Rejection{Code: wire.CodeUnknownCommand, Message: "no command " + env.Name}
		}
		return h.Handle(t, state, env.Data)
	})
	if err != nil {
		rejection, _ := errors.AsType[*turn.Rejection](err)
		e.part.log.Warn("told message rejected", "entity", e.id.String(), "from", from.String(),
			"name", env.Name, "code", rejection.Code)
		if e.activate() != nil {
			return false
		}
		what.notes = appendNote(nil, receipt)
		if r, err = e.decide(&what, nothing); err != nil {
			return false
		}
	}
	return e.conclude(r, e.snapshot())
}

// takeConfirmation notes that a receiver has logged messages. It is recorded when none is left, so that
// the entity need not be woken for them.
func (e *entity) takeConfirmation(env *wire.Envelope) {
	to, ok := parseEntity(env.From)
	if !ok || e.activate() != nil {
		return
	}
	l := e.live
	if !l.ledger.confirm(to, env.Number) {
		return
	}
	if l.confirmed == nil {
		l.confirmed = make(map[turn.Entity]uint64)
	}
	l.confirmed[to] = max(l.confirmed[to], env.Number)
	l.tellWait = minTellWait
	if len(l.ledger.outbox) > 0 {
		if l.ledger.outbox[0].number > l.tellsSent || len(l.ledger.outbox) > tellsAtOnce/2 {
			e.sendTells(l.tellsSent)
			e.conclude(nil, nil)
		}
		return
	}
	what := cause{kind: turn.KindTold, name: "confirmed", must: true}
	for to, number := range l.confirmed {
		what.notes = appendNote(what.notes, note{kind: noteTold, entity: to, number: number})
	}
	l.confirmed, l.tellWait = nil, 0
	if r, err := e.decide(&what, nothing); err == nil {
		e.conclude(r, e.snapshot())
	}
}

func parseEntity(s string) (turn.Entity, bool) {
	category, id, ok := strings.Cut(s, "/")
	return turn.Entity{Category: category, ID: id}, ok && wire.ValidCategory(category) && wire.ValidID(id)
}
