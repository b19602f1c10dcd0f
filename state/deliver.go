package state

import (
	"math"
	"strings"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/wire"
)

// deliver takes an envelope from the bus: it checks its place in the link's stream and puts it into
// the mailbox of its entity. It does not block.
func (p *partition) deliver(env *wire.Envelope) {
	arrived := time.Now()
	if env.Kind == wire.KindHead {
		p.head(env)
		return
	}
	cat := p.node.categories[env.Category]
	if cat == nil || !wire.ValidID(env.ID) {
		p.refuse(env, 0, wire.CodeUnavailable, "this node does not serve the category")
		return
	}
	id := turn.Entity{Category: env.Category, ID: env.ID}
	if env.Sent > 0 {
		p.meters.bus.Add(time.Duration(p.node.wall(arrived).UnixMicro()-env.Sent) * time.Microsecond)
	}

	p.mu.Lock()
	if p.ended {
		moved := p.moved
		p.mu.Unlock()
		if env.Kind == wire.KindCall || env.Kind == wire.KindView {
			p.pass(env, moved)
		}
		return
	}
	switch p.inOrder(env) {
	case orderRepeat:
		p.mu.Unlock()
		return
	case orderGap:
		p.mu.Unlock()
		p.cut(cat, env, "a message was lost on the way to the entity")
		return
	}
	switch env.Kind {
	case wire.KindPing:
		if e := p.entities[id]; e != nil && p.streams[linkKey{env.Edge, env.Link}].sender && !e.full(0) {
			break // the answer is for the connection's other link, too
		}
		p.mu.Unlock()
		p.pong(cat, env, arrived)
		return
	case wire.KindBacklog:
		p.turns.Add(1)
		p.mu.Unlock()
		go p.readBacklog(cat, id, env)
		return
	case wire.KindDetach:
		if p.entities[id] == nil {
			p.mu.Unlock()
			return
		}
	}
	e := p.entity(id, cat)
	m := message{env: env, arrived: arrived}
	if env.Kind != wire.KindDetach && e.full(m.bytes()) {
		cut := p.mustNotMiss(env)
		p.mu.Unlock()
		if cut {
			p.cut(cat, env, "too many messages wait for "+id.String())
			return
		}
		p.refuse(env, 0, wire.CodeOverloaded, "too many messages wait for "+id.String())
		return
	}
	p.post(e, m)
	p.mu.Unlock()
}

// order says how an envelope fits into the stream of its link.
type order int

const (
	orderNext   order = iota
	orderRepeat       // it was taken before, or its link has been ended
	orderGap          // one before it is missing: the link is to be ended
)

// inOrder says whether the envelope is the next of its link. The caller holds p.mu, and so sends nothing.
func (p *partition) inOrder(env *wire.Envelope) order {
	if env.Link == 0 || env.Kind == wire.KindQuery && env.Number == 0 {
		return orderNext
	}
	key := linkKey{env.Edge, env.Link}
	s, ok := p.streams[key]
	next := stream{entity: turn.Entity{Category: env.Category, ID: env.ID}, number: env.Number, repeats: s.repeats, sender: s.sender}
	switch {
	case env.Kind == wire.KindDetach && !ok:
		return orderRepeat
	case env.Kind == wire.KindDetach:
		delete(p.streams, key)
		return orderNext
	case env.Kind == wire.KindAttach && !ok:
		next.repeats, next.sender = math.MaxUint64, env.Has(wire.Sender)
		p.streams[key] = next
		return orderNext
	case ok && (s.broken || env.Number <= s.number):
		return orderRepeat
	case ok && env.Number == s.number+1:
		p.streams[key] = next
		return orderNext
	}
	next.broken = true
	p.streams[key] = next
	return orderGap
}

// cut ends the link that an envelope came from. Its edge attaches it anew, or its client comes back.
func (p *partition) cut(cat *category, env *wire.Envelope, why string) {
	p.node.send(cat.opt.Lane, edgeAddress(env.Edge), &wire.Envelope{
		Kind: wire.KindTerminate, Flags: wire.Reconnect | wire.Reattach, Category: env.Category, ID: env.ID,
		Edge: env.Edge, Link: env.Link, Code: wire.EndUnavailable, Message: why,
	})
}

// mustNotMiss reports whether the envelope is one that is neither refused nor dropped: a command that may have been carried out
// before, which nobody may tell its client has changed nothing, or the claims that count from now on. Its link then takes nothing
// more. The caller holds p.mu.
func (p *partition) mustNotMiss(env *wire.Envelope) bool {
	key := linkKey{env.Edge, env.Link}
	s, ok := p.streams[key]
	if !ok || env.Kind != wire.KindClaims && (env.Kind != wire.KindCommand || env.Command > s.repeats) {
		return false
	}
	s.broken = true
	p.streams[key] = s
	return true
}

// welcomed notes which commands of a link may be repeats.
func (p *partition) welcomed(l *link, acked uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, ok := p.streams[l.key]; ok {
		s.repeats = acked
		p.streams[l.key] = s
	}
}

// entity returns the entity of that id, new if need be. The caller holds p.mu.
func (p *partition) entity(id turn.Entity, cat *category) *entity {
	e := p.entities[id]
	if e == nil {
		// The id may be part of a longer string.
		id = turn.Entity{Category: cat.Name, ID: strings.Clone(id.ID)}
		e = &entity{id: id, cat: cat, part: p}
		p.entities[id] = e
		p.used.add(e, p.node.passed())
		p.node.memory.Add(e.place.bytes)
	}
	return e
}

// full reports whether the mailbox has no room for a message of n bytes more. The caller holds p.mu.
func (e *entity) full(n int) bool {
	if !e.active() {
		return n > e.part.node.cfg.MailboxBytes
	}
	return len(e.mail) >= e.cat.opt.Mailbox || e.mailBytes+n > e.part.node.cfg.MailboxBytes
}

// post puts a message into the entity's mailbox and sees that somebody takes it. The caller holds p.mu.
func (p *partition) post(e *entity, m message) {
	idle := !e.active()
	if idle {
		p.employ(e)
	}
	e.mail = append(e.mail, m)
	e.mailBytes += m.bytes()
	if idle {
		p.running[e] = struct{}{}
		p.turns.Add(1)
		p.node.runners.run(e)
	}
}

// retire ends the goroutine of an entity. The caller holds p.mu and is that goroutine.
func (p *partition) retire(e *entity) {
	delete(p.running, e)
	if p.calm != nil && len(p.running) == 0 {
		close(p.calm)
		p.calm = nil
	}
	if p.ended {
		e.work = nil
		return
	}
	p.dismiss(e)
	if e.spent() {
		p.remove(e)
		return
	}
	before := e.place.bytes
	p.used.touch(e, e.weight(), p.node.passed())
	if p.node.memory.Add(e.place.bytes-before) > p.node.cfg.MemoryBudget {
		select {
		case p.node.short <- struct{}{}:
		default: // it is known
		}
	}
}

// spent reports whether there is nothing to keep of the entity.
func (e *entity) spent() bool {
	return !e.active() && e.live == nil && e.here == nil && e.shadows == 0 && (e.cat.opt.Ephemeral || e.durable == e.written)
}

// remove takes an entity out of memory. The caller holds p.mu.
func (p *partition) remove(e *entity) {
	delete(p.entities, e.id)
	p.node.memory.Add(-e.place.bytes)
	p.used.remove(e)
}

// beginsAnew is what is said to those whom an owner has not answered that has ended.
const beginsAnew = "the entity's owner begins anew"

// refuse answers a message that is not taken.
func (p *partition) refuse(env *wire.Envelope, flags wire.Flags, code, message string) {
	answer := &wire.Envelope{
		Flags: flags, Category: env.Category, ID: env.ID, Edge: env.Edge, Link: env.Link,
		Command: env.Command, Code: code, Message: message,
	}
	switch env.Kind {
	case wire.KindCommand, wire.KindQuery:
		answer.Kind = wire.KindReject
	case wire.KindAttach, wire.KindRefresh:
		answer.Kind = wire.KindTerminate
		answer.Flags |= wire.Reconnect | env.Flags&wire.Reattach
	case wire.KindCall:
		answer.Kind = wire.KindResult
		answer.Flags |= wire.Refused
	case wire.KindView:
		answer.Kind = wire.KindSight
		answer.Flags |= wire.Refused
	default:
		return // a signal may be lost, and a tell is sent again
	}
	p.node.send(p.node.laneOf(env.Category), edgeAddress(env.Edge), answer)
}

// laneOf returns the lane of a category: all that is said of one of its entities comes in order.
func (n *Node) laneOf(category string) string {
	if cat := n.categories[category]; cat != nil {
		return cat.opt.Lane
	}
	return "default"
}

// pong answers a ping for the state node.
func (p *partition) pong(cat *category, env *wire.Envelope, arrived time.Time) {
	now := time.Now()
	p.node.send(cat.opt.Lane, edgeAddress(env.Edge), &wire.Envelope{
		Kind: wire.KindPong, Category: env.Category, ID: env.ID, Edge: env.Edge, Link: env.Link,
		Command: env.Command, Data: env.Data, Sent: p.node.wall(now).UnixMicro(), Spent: now.Sub(arrived).Microseconds(),
	})
}

func edgeAddress(name string) bus.Address { return bus.Edge(name) }
