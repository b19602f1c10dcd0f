package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// caller is somebody who asks something of an entity without being connected to it.
type caller struct {
	claims   turn.Claims
	audience string
}

// caller reads who an envelope is from, and asks the category whether it admits them.
func (e *entity) caller(env *wire.Envelope) (c caller, denied *turn.Rejection) {
	if err := json.Unmarshal(env.Claims, &c.claims); err != nil {
		return c, &turn.Rejection{Code: wire.CodeForbidden, Message: "the claims cannot be read"}
	}
	if denied := e.admit(c.claims); denied != nil {
		return c, brief(denied)
	}
	err := guard(func() error {
		c.audience = e.cat.audience(c.claims)
		return nil
	})
	if err != nil {
		e.part.log.Error("audience not found", "entity", e.id.String(), "err", err)
		return c, &turn.Rejection{Code: wire.CodeInternal, Message: "the category failed to look at the claims"}
	}
	return c, nil
}

// call takes a command of somebody without a connection. One with a key is carried out once, however often it comes
// and whatever crashes: its record has the key, and whoever comes later with it gets what that record says.
func (e *entity) call(m *message) {
	r := e.carryOutCall(m)
	e.conclude(r, e.snapshot())
}

// carryOutCall returns the call's record, nil when there is none.
func (e *entity) carryOutCall(m *message) *journal.Record {
	env := m.env
	c, denied := e.caller(env)
	if denied != nil {
		e.result(env, &wire.Envelope{Flags: wire.Refused | wire.Denied, Code: denied.Code, Message: denied.Message})
		return nil
	}
	if err := e.activate(); err != nil {
		e.refuseCall(env, &turn.Rejection{Code: wire.CodeUnavailable, Message: "the entity cannot be read just now"})
		return nil
	}
	by := e.part.node.ids.caller(e.id, c.claims.Subject)
	what := cause{
		kind: turn.KindCommand, name: env.Name, by: by, claims: c.claims, sentAt: time.UnixMicro(env.Sent),
		must: env.Key != "", key: env.Key != "", began: e.waited(m),
	}
	var key keyID
	var digest callDigest
	if what.key {
		key, digest = newKeyID(env.Key), newCallDigest(env)
		if e.repeatCall(env, by, key, digest) {
			return nil
		}
	}
	what.notes = appendNote(nil, callNote(key, digest, what.key))
	r, err := e.decide(&what, func(t *turn.Turn, state any) error { return e.handle(t, state, env, c.audience) })
	if err != nil {
		rejection, _ := errors.AsType[*turn.Rejection](err)
		if what.key && !passing(rejection) {
			e.part.refusals.add(by, key, digest, rejection)
		}
		e.refuseCall(env, rejection)
		return nil
	}
	if what.key && e.cat.opt.Ephemeral {
		e.live.ledger.keys.hold(by, key, what.reply)
	}
	e.result(env, &wire.Envelope{Revision: e.written.Revision, Data: what.reply})
	return r
}

// passing reports whether a rejection says that the same may be asked again. It is not remembered.
func passing(r *turn.Rejection) bool {
	return r.Code == wire.CodeOverloaded || r.Code == wire.CodeUnavailable || r.Code == wire.CodeRateLimited
}

// repeatCall answers a call whose key was used before, and reports whether it was.
func (e *entity) repeatCall(ask *wire.Envelope, by string, key keyID, digest callDigest) bool {
	before, found := e.live.ledger.keys.find(by, key)
	was, why := before.digest, (*turn.Rejection)(nil)
	if !found {
		if was, why = e.part.refusals.find(by, key); why == nil {
			return false
		}
	}
	switch {
	case was != digest:
		e.refuseCall(ask, &turn.Rejection{Code: wire.CodeKeyReused, Message: "the key belongs to another command"})
	case why != nil:
		e.refuseCall(ask, why)
	case before.replied && !e.cat.opt.Ephemeral:
		e.readReply(ask, before)
	default:
		e.result(ask, &wire.Envelope{Revision: before.revision, Data: before.reply})
	}
	return true
}

// readReply answers a call with the reply that a record has, beside the turns. How many do so at once is bounded by the node, and
// how many wait by what edges have under way.
func (e *entity) readReply(ask *wire.Envelope, before keyed) {
	p, id, lane := e.part, e.id, e.cat.opt.Lane
	if !p.awaitDurable(e) {
		e.result(ask, &wire.Envelope{Flags: wire.Refused, Code: wire.CodeUnknown, Message: lostMessage})
		return // it does not leave, and who asks is told so
	}
	p.turns.Go(func() {
		p.node.reading <- struct{}{}
		reply, err := p.replyOf(id, before)
		<-p.node.reading
		answer := &wire.Envelope{Revision: before.revision, Data: reply}
		if err != nil {
			if p.ctx.Err() == nil {
				p.log.Error("reply not read", "entity", id.String(), "err", err)
			}
			answer = &wire.Envelope{Flags: wire.Refused, Code: wire.CodeUnknown, Message: "the command was carried out, and its reply cannot be read just now"}
		}
		answer = answered(wire.KindResult, ask, answer)
		p.node.send(lane, edgeAddress(ask.Edge), answer)
	})
}

// replyOf reads the reply to a call.
func (p *partition) replyOf(id journal.Entity, call keyed) (reply []byte, err error) {
	for r, err := range p.journal.Records(p.ctx, id, journal.Mark{Seq: call.seq - 1, Revision: call.revision}) {
		if err != nil {
			return nil, err
		}
		if r.Seq != call.seq {
			break
		}
		err := readNotes(r.Notes, func(n *note) {
			if n.kind == noteReply {
				reply = slices.Clone(n.data)
			}
		})
		return reply, err
	}
	return nil, fmt.Errorf("record %d of %s: %w", call.seq, id, journal.ErrCorrupt)
}

// result makes an effect of what answers a call.
func (e *entity) result(ask, env *wire.Envelope) {
	e.out = append(e.out, effect{lane: e.cat.opt.Lane, to: edgeAddress(ask.Edge), env: answered(wire.KindResult, ask, env)})
}

func (e *entity) refuseCall(ask *wire.Envelope, why *turn.Rejection) {
	e.result(ask, &wire.Envelope{Flags: wire.Refused, Code: why.Code, Message: why.Message})
}

// answered makes env the answer to an envelope that is of no link.
func answered(kind wire.Kind, ask, env *wire.Envelope) *wire.Envelope {
	env.Kind, env.Category, env.ID, env.Edge, env.Command = kind, ask.Category, ask.ID, ask.Edge, ask.Command
	return env
}
