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

// telling is an entity's effort to have its messages confirmed.
type telling struct {
	wait      time.Duration          // between sending again
	at        int64                  // when they are sent again, time passed
	confirmed map[turn.Entity]uint64 // by receiver, not recorded yet
}

// tellSoon sends the turn's messages once they are durable, and again until they are confirmed.
func (e *entity) tellSoon(tells []turn.Tell) {
	l := e.live
	if l.telling == nil {
		l.telling = &telling{wait: minTellWait, at: e.part.node.passed() + int64(minTellWait)}
		e.part.remind(e, l.telling.at)
	}
	for i := range tells {
		e.sendTells(tells[i].To, false)
	}
}

// repeatTells sends again what has not been confirmed for a while.
func (e *entity) repeatTells(now int64) {
	l := e.live
	if l.ledger.outbox.len() == 0 {
		return
	}
	if l.telling == nil { // the entity was activated meanwhile
		l.telling = &telling{at: now}
	}
	t := l.telling
	if now < t.at {
		e.part.remind(e, t.at)
		return
	}
	t.wait = min(max(2*t.wait, minTellWait), maxTellWait)
	t.at = now + int64(t.wait)
	e.part.remind(e, t.at)
	if len(t.confirmed) > 0 {
		e.recordConfirmed() // a receiver remembers for a time only what it has taken
	}
	for _, to := range l.ledger.outbox.receivers() {
		e.sendTells(to, true)
	}
	e.conclude(nil, nil)
}

// sendTells makes effects of the first messages to a receiver, unless they were sent before and it
// is not again. Each names the one before it to the same receiver, so that a loss on the way is noticed there.
func (e *entity) sendTells(to turn.Entity, again bool) {
	queue := e.live.ledger.outbox.to(to)
	cat := e.part.node.categories[to.Category]
	if cat == nil {
		return // this node cannot send them; they stay until one can
	}
	owner, from := e.part.node.owner(cat, to), e.id.String()
	var last uint64                                       // number
	for i := range queue[:min(len(queue), tellsAtOnce)] { // the rest follows when those ahead are confirmed
		t := &queue[i]
		if !t.sent || again {
			t.sent = true
			e.out = append(e.out, effect{lane: cat.opt.Lane, to: owner, env: &wire.Envelope{
				Kind: wire.KindTell, Category: to.Category, ID: to.ID, From: from,
				Number: t.number, Prev: last, Name: t.name, Data: t.data,
			}})
		}
		last = t.number
	}
}

// takeTold takes a message of another entity: once, and recorded as taken whatever its handler says.
func (e *entity) takeTold(m *message) {
	env := m.env
	from, ok := parseEntity(env.From)
	if !ok || e.activate() != nil {
		return // the sender sends it again
	}
	taken, _ := e.live.ledger.inbox.get(from)
	last := taken.number
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
	if e.cat.opt.Ephemeral && env.Number > l.ledger.told {
		// The clock was ahead when an earlier activation counted: none of this one's messages has been taken.
		l.ledger.renumber(to, env.Number)
		e.sendTells(to, false)
		e.conclude(nil, nil)
		return
	}
	if !l.ledger.confirm(to, env.Number) {
		return
	}
	if l.telling == nil {
		l.telling = &telling{}
	}
	t := l.telling
	if t.confirmed == nil {
		t.confirmed = make(map[turn.Entity]uint64)
	}
	t.confirmed[to] = max(t.confirmed[to], env.Number)
	t.wait = minTellWait
	if l.ledger.outbox.len() > 0 {
		e.sendTells(to, false)
		e.conclude(nil, nil)
		return
	}
	e.recordConfirmed()
	if e.live == l {
		l.telling = nil
	}
}

// recordConfirmed records which messages need not be sent again.
func (e *entity) recordConfirmed() {
	what := cause{kind: turn.KindTold, name: "confirmed", must: true}
	t := e.live.telling
	for to, number := range t.confirmed {
		what.notes = appendNote(what.notes, note{kind: noteTold, entity: to, number: number})
	}
	t.confirmed = nil
	if r, err := e.decide(&what, nothing); err == nil {
		e.conclude(r, e.snapshot())
	}
}

func parseEntity(s string) (turn.Entity, bool) {
	category, id, ok := strings.Cut(s, "/")
	return turn.Entity{Category: category, ID: id}, ok && wire.ValidCategory(category) && wire.ValidID(id)
}
