package state

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// maxQuestions is how many questions a mirror answers at once. Further ones go to the owner.
const maxQuestions = 256

// mirrorPatience is how long a mirror waits at most until it may answer, before the question goes to the owner.
const mirrorPatience = 100 * time.Millisecond

// Mirror returns where this node answers for entities of a partition that another node owns, and false when it does not.
func (n *Node) Mirror(pool string, partition int) (bus.Address, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.mirrors[journal.Partition{Pool: pool, Number: partition}]
	if m == nil || m.address == "" {
		return "", false
	}
	return m.address, true
}

// listen takes questions for the mirror, where the node has a name.
func (m *mirror) listen(ctx context.Context) {
	n, id := m.part.node, m.part.id
	m.silence = func() {}
	if n.cfg.Name == "" {
		return
	}
	at := bus.Mirror(n.cfg.Name, id.Pool, id.Number)
	silence, err := n.cfg.Bus.Listen(at, func(env *wire.Envelope) { m.take(ctx, env) })
	if err != nil {
		m.part.log.Warn("mirror answers nobody", "err", err)
		return
	}
	m.silence, m.address = silence, at
}

// take takes an envelope from the bus.
func (m *mirror) take(ctx context.Context, env *wire.Envelope) {
	switch env.Kind {
	case wire.KindHeadIs:
		m.headIs(env)
		return
	case wire.KindQuery, wire.KindView:
	default:
		return
	}
	cat := m.part.node.categories[env.Category]
	if cat == nil || !wire.ValidID(env.ID) || env.Kind == wire.KindQuery && env.Number != 0 {
		m.part.refuse(env, 0, wire.CodeUnavailable, "this node does not serve the category")
		return
	}
	if cat.opt.Ephemeral || !cat.allows(env) || m.asking.Add(1) > maxQuestions {
		m.pass(cat, env)
		return
	}
	m.answers.Go(func() {
		defer m.asking.Add(-1)
		answer := m.answer(ctx, cat, env)
		if answer == nil {
			m.pass(cat, env)
			return
		}
		m.part.node.meters.answered.Add(1)
		m.part.node.send(cat.opt.Lane, edgeAddress(env.Edge), answer)
	})
}

// allows reports whether a mirror may answer, as far as the category says.
func (c *category) allows(env *wire.Envelope) bool {
	weakest := c.opt.ViewConsistency
	if env.Kind == wire.KindQuery {
		weakest = c.Queries[env.Name].Consistency
	}
	if env.Has(wire.Stale) {
		return weakest >= turn.Eventual
	}
	return weakest >= turn.Session
}

// pass gives a question to the owner.
func (m *mirror) pass(cat *category, env *wire.Envelope) {
	n := m.part.node
	n.meters.passed.Add(1)
	if n.cfg.Bus.Send(cat.opt.Lane, n.address(m.part.id), env) != nil {
		m.part.refuse(env, 0, wire.CodeUnavailable, "the entity's owner cannot be reached")
	}
}

// answer answers a question, nil when the mirror may not.
func (m *mirror) answer(ctx context.Context, cat *category, env *wire.Envelope) *wire.Envelope {
	ctx, cancel := context.WithTimeout(ctx, mirrorPatience)
	defer cancel()
	oldest := int64(0)
	if limit := time.Duration(env.Until) * time.Millisecond; env.Has(wire.Stale) && limit > 0 && limit < time.Hour {
		oldest = m.part.node.passed() - int64(limit)
	}
	if !m.freshen(ctx, oldest) {
		return nil
	}
	id := turn.Entity{Category: env.Category, ID: env.ID}
	c := m.copies.find(id)
	if c == nil {
		if c = m.make(ctx, cat, id, false); c == nil {
			return nil
		}
	}
	if !m.awaitRevision(ctx, c, env) {
		return nil
	}
	defer c.release()
	age, _ := m.age()
	if !m.copies.has(c) {
		return nil // it was let go of while it was in use, and has not been followed since
	}
	answer := c.e.beside(env)
	m.copies.weighAgain(c)
	if answer.Kind == wire.KindAnswer || answer.Kind == wire.KindSight && !answer.Has(wire.Refused) {
		answer.Flags |= wire.Mirrored
		answer.Spent = age.Microseconds()
	}
	return answer
}

// awaitRevision has the caller use the copy once it has the revision that is asked for, and reports whether it does.
func (m *mirror) awaitRevision(ctx context.Context, c *mirrored, env *wire.Envelope) bool {
	for {
		m.mu.Lock()
		changed := m.changed
		m.mu.Unlock()
		select {
		case c.busy <- struct{}{}:
		case <-ctx.Done():
			return false
		}
		if env.Has(wire.Stale) || c.e.live.mark.Revision >= env.Revision {
			return true
		}
		c.release()
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// queryBeside answers a query that is outside of the stream of its link.
func (e *entity) queryBeside(env *wire.Envelope) {
	defer e.conclude(nil, nil)
	if err := e.activate(); err != nil {
		e.part.refuse(env, 0, wire.CodeUnavailable, "the entity cannot be read just now")
		return
	}
	answer := e.beside(env)
	e.out = append(e.out, effect{lane: e.cat.opt.Lane, to: edgeAddress(env.Edge), env: answer})
}

// beside returns the answer to a query outside of its link's stream, or to a question for the view. It changes nothing, and is what
// a mirror has its copies do.
func (e *entity) beside(env *wire.Envelope) *wire.Envelope {
	answer := &wire.Envelope{Category: e.id.Category, ID: e.id.ID, Edge: env.Edge, Link: env.Link, Command: env.Command}
	c, denied := e.caller(env)
	if env.Kind == wire.KindView {
		answer.Kind = wire.KindSight
		e.viewBeside(answer, env, c, denied)
		return answer
	}
	answer.Kind = wire.KindReject
	if denied != nil {
		answer.Code, answer.Message = denied.Code, denied.Message
		return answer
	}
	by := e.part.node.ids.caller(e.id, c.claims.Subject)
	if env.Conn != "" {
		by = e.part.node.ids.member(e.id, env.Conn)
	}
	what := cause{kind: turn.KindQuery, name: env.Name, by: by, claims: c.claims, sentAt: time.UnixMicro(env.Sent)}
	_, err := e.decide(&what, func(t *turn.Turn, state any) (err error) {
		q, ok := e.cat.Queries[env.Name]
		if !ok {
			return &turn.Rejection{Code: wire.CodeUnknownCommand, Message: fmt.Sprintf(
				"category %s has no query %q", e.id.Category, env.Name)}
		}
		answer.Data, err = q.Handle(t, state, env.Data)
		return err
	})
	if err != nil {
		rejection, _ := errors.AsType[*turn.Rejection](err)
		answer.Code, answer.Message, answer.Data = rejection.Code, rejection.Message, nil
		return answer
	}
	answer.Kind, answer.Revision = wire.KindAnswer, e.live.mark.Revision
	return answer
}

func (e *entity) viewBeside(answer, env *wire.Envelope, c caller, denied *turn.Rejection) {
	if denied != nil {
		answer.Flags, answer.Code, answer.Message = wire.Refused|wire.Denied, denied.Code, denied.Message
		return
	}
	answer.Audience, answer.Epoch, answer.Revision = c.audience, e.epoch(c.audience), e.live.mark.Revision
	if hasView(env, answer) {
		answer.Flags = wire.Resumed
		return
	}
	data, err := e.live.view(c.audience)
	if err != nil {
		e.part.log.Error("view failed", "entity", e.id.String(), "audience", c.audience, "err", err)
		answer.Flags, answer.Code, answer.Message = wire.Refused, wire.CodeInternal, "the entity failed to show its state"
		return
	}
	answer.Data = data
}
