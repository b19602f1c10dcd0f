package state

import (
	"errors"
	"fmt"
	"time"

	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/wire"
)

// command takes a command of a link's client: once, whatever crashes and however often it comes.
func (e *entity) command(m *message, l *link) {
	env := m.env
	if err := e.activate(); err != nil {
		// Whether it was carried out before cannot be told just now, so it is not rejected.
		e.cut(l)
		e.conclude(nil, nil)
		return
	}
	c := e.live.ledger.conn(l.member.id)
	if env.Command <= c.highest {
		e.repeat(l, c, env.Command)
		e.conclude(nil, nil)
		return
	}
	var hops *wire.Hops
	started := e.waited(m)
	if env.Has(wire.Trace) {
		hops = &wire.Hops{
			Edge:    env.Spent,
			Bus:     max(0, e.part.node.wall(started).Add(-started.Sub(m.arrived)).UnixMicro()-env.Sent),
			Mailbox: started.Sub(m.arrived).Microseconds(),
			At:      env.Sent - env.Spent,
		}
	}
	what := cause{
		kind: turn.KindCommand, name: env.Name, by: l.member.id, command: env.Command,
		claims: l.bearer(), sentAt: time.UnixMicro(env.Sent), began: started,
	}
	if c.sub == "" {
		what.notes = appendNote(nil, note{kind: noteSub, name: l.member.sub})
	}
	r, err := e.decide(&what, func(t *turn.Turn, state any) error { return e.handle(t, state, env, l.member.audience) })
	if err != nil {
		rejection, _ := errors.AsType[*turn.Rejection](err)
		e.remember(l.member, outcome{id: env.Command, rejected: true, code: rejection.Code, message: rejection.Message})
		e.reject(l, env.Command, rejection.Code, rejection.Message)
		e.conclude(nil, nil)
		return
	}
	if r == nil && c.highest < env.Command {
		e.remember(l.member, outcome{id: env.Command, revision: e.written.Revision, reply: what.reply})
	}
	ack := &wire.Envelope{Kind: wire.KindAck, Command: env.Command, Revision: e.written.Revision, Data: what.reply, Hops: hops}
	at := len(e.out)
	e.answer(l, ack)
	if hops != nil {
		hops.Handler = e.decided.Sub(started).Microseconds()
		e.out[at].decided = e.decided
	}
	e.conclude(r, e.snapshot())
}

// handle runs the handler of a command, of somebody in that audience.
func (e *entity) handle(t *turn.Turn, state any, env *wire.Envelope, audience string) error {
	if err := e.expected(env, audience); err != nil {
		return err
	}
	h, ok := e.cat.Commands[env.Name]
	if !ok {
		return &turn.Rejection{Code: wire.CodeUnknownCommand, Message: fmt.Sprintf(
			"category %s has no command %q", e.id.Category, env.Name)}
	}
	return h.Handle(t, state, env.Data)
}

// waited counts how long the message waited for the entity, and returns the time.
func (e *entity) waited(m *message) time.Time {
	now := time.Now()
	e.part.meters.mailbox.Add(now.Sub(m.arrived))
	return now
}

// remember keeps the outcome of a command without a record, for as long as the entity is in memory.
func (e *entity) remember(m *member, o outcome) {
	if e.live == nil {
		return // a failure took the entity out of memory
	}
	c := e.live.ledger.conn(m.id)
	if c.sub == "" && c.seen == 0 {
		c.seen = e.part.node.today()
	}
	c.highest = max(c.highest, o.id)
	e.live.ledger.keep(c, o)
}

// repeat answers a command that was processed before as it was answered then.
func (e *entity) repeat(l *link, c *conn, id uint64) {
	o, ok := c.find(id)
	switch {
	case !ok && id <= c.trimmed:
		// Nobody knows any more what became of it. A client asks only for commands without an answer,
		// and has at most as many as outcomes are kept, so this one does not keep to the protocol.
		e.lose(l)
		e.refuse(l, 0, wire.EndBadFrame, fmt.Sprintf(
			"command %d was answered long ago: the outcomes of the last %d commands are kept", id, keptOutcomes))
	case !ok:
		e.reject(l, id, wire.CodeForgotten, fmt.Sprintf(
			"command %d was not carried out, and command %d of this connection was processed since", id, c.highest))
	case o.rejected:
		e.reject(l, id, o.code, o.message)
	default:
		e.answer(l, &wire.Envelope{Kind: wire.KindAck, Command: id, Revision: o.revision, Data: o.reply})
	}
}

// expected checks a command's expectation.
func (e *entity) expected(env *wire.Envelope, audience string) error {
	if !env.Has(wire.HasExpect) {
		return nil
	}
	at := e.live.mark.Revision
	last := at // revision of the last event that the sender can see
	if e.cat.hides {
		e.see(audience)
		last = e.live.ledger.visible[audience]
	}
	if env.Expect <= at && env.Expect >= last {
		return nil
	}
	return &turn.Rejection{Code: wire.CodeConflict, Message: fmt.Sprintf(
		"revision %d was expected, the entity is at %d", env.Expect, at)}
}

func (e *entity) reject(l *link, id uint64, code, message string) {
	e.answer(l, &wire.Envelope{Kind: wire.KindReject, Command: id, Code: code, Message: message})
}

// query answers a query: a turn that changes nothing. The answer waits for what it depends on.
func (e *entity) query(m *message, l *link) {
	env := m.env
	defer e.conclude(nil, nil)
	if err := e.activate(); err != nil {
		e.reject(l, env.Command, wire.CodeUnavailable, "the entity cannot be read just now")
		return
	}
	what := cause{
		kind: turn.KindQuery, name: env.Name, by: l.member.id,
		claims: l.bearer(), sentAt: time.UnixMicro(env.Sent), began: e.waited(m),
	}
	var answer []byte
	_, err := e.decide(&what, func(t *turn.Turn, state any) (err error) {
		q, ok := e.cat.Queries[env.Name]
		if !ok {
			return &turn.Rejection{Code: wire.CodeUnknownCommand, Message: fmt.Sprintf(
				"category %s has no query %q", e.id.Category, env.Name)}
		}
		answer, err = q.Handle(t, state, env.Data)
		return err
	})
	if err != nil {
		rejection, _ := errors.AsType[*turn.Rejection](err)
		e.reject(l, env.Command, rejection.Code, rejection.Message)
		return
	}
	e.answer(l, &wire.Envelope{Kind: wire.KindAnswer, Command: env.Command, Revision: e.written.Revision, Data: answer})
}

// signal hands an ephemeral message to the others at the entity, or to the category's handler. Signals are
// not answered: one that is not allowed is dropped.
func (e *entity) signal(m *message, l *link) {
	env := m.env
	s, ok := e.cat.Signals[env.Name]
	if !ok {
		return
	}
	defer e.conclude(nil, nil)
	if s.Handle == nil {
		e.relaySignal(l.member, env)
		return
	}
	if err := e.activate(); err != nil {
		return
	}
	what := cause{
		kind: turn.KindSignal, name: env.Name, by: l.member.id,
		claims: l.bearer(), sentAt: time.UnixMicro(env.Sent), began: e.waited(m),
	}
	_, _ = e.decide(&what, func(t *turn.Turn, state any) error { return s.Handle(t, state, env.Data) })
}
