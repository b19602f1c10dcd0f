package state

import (
	"errors"
	"strings"
	"time"

	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/wire"
)

// Bounds of the wait before a message that its receiver has not confirmed is sent again, of how many are
// under way to one receiver, and of how many wait to be confirmed: a turn that tells more is rejected.
const (
	minTellWait = time.Second
	maxTellWait = 30 * time.Second
	tellsAtOnce = 64
	maxOutbox   = 1 << 14
)

// tellSoon sends the turn's messages once they are durable, and again until they are confirmed.
func (e *entity) tellSoon() {
	l := e.live
	if l.tellWait == 0 {
		l.tellWait = minTellWait
		l.tellAt = e.part.node.passed() + int64(minTellWait)
		e.part.remind(e, l.tellAt)
	}
	e.sendTells(false)
}

// repeatTells sends again what has not been confirmed for a while.
func (e *entity) repeatTells(now int64) {
	l := e.live
	if len(l.ledger.outbox) == 0 {
		return
	}
	if now < l.tellAt {
		e.part.remind(e, l.tellAt)
		return
	}
	l.tellWait = min(max(2*l.tellWait, minTellWait), maxTellWait)
	l.tellAt = now + int64(l.tellWait)
	e.part.remind(e, l.tellAt)
	if len(l.confirmed) > 0 {
		e.recordConfirmed() // a receiver remembers for a time only what it has taken
	}
	e.sendTells(true)
	e.conclude(nil, nil)
}

// sendTells makes effects of the first messages to each receiver, unless they were sent before and it
// is not again. Each names the one before it to the same receiver, so that a loss on the way is noticed there.
func (e *entity) sendTells(again bool) {
	type queue struct {
		last  uint64 // number
		ahead int
	}
	queues := make(map[turn.Entity]queue)
	for i := range e.live.ledger.outbox {
		t := &e.live.ledger.outbox[i]
		q := queues[t.to]
		queues[t.to] = queue{t.number, q.ahead + 1}
		if q.ahead >= tellsAtOnce || t.sent && !again {
			continue // the rest follows when those ahead are confirmed
		}
		t.sent = true
		cat := e.part.node.categories[t.to.Category]
		if cat == nil {
			continue // this node cannot send it; it stays until one can
		}
		e.out = append(e.out, effect{lane: cat.opt.Lane, to: e.part.node.owner(cat, t.to), env: &wire.Envelope{
			Kind: wire.KindTell, Category: t.to.Category, ID: t.to.ID, From: e.id.String(),
			Number: t.number, Prev: q.last, Name: t.name, Data: t.data,
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
// the entity need not be woken for them, and now and then before.
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
		e.sendTells(false)
		e.conclude(nil, nil)
		return
	}
	l.tellWait = 0
	e.recordConfirmed()
}

// recordConfirmed records which messages need not be sent again.
func (e *entity) recordConfirmed() {
	what := cause{kind: turn.KindTold, name: "confirmed", must: true}
	for to, number := range e.live.confirmed {
		what.notes = appendNote(what.notes, note{kind: noteTold, entity: to, number: number})
	}
	e.live.confirmed = nil
	if r, err := e.decide(&what, nothing); err == nil {
		e.conclude(r, e.snapshot())
	}
}

func parseEntity(s string) (turn.Entity, bool) {
	category, id, ok := strings.Cut(s, "/")
	return turn.Entity{Category: category, ID: id}, ok && wire.ValidCategory(category) && wire.ValidID(id)
}
