package state

import (
	"encoding/json"
	"errors"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/wire"
)

// attach brings a link to the entity, and its connection if that is not here yet.
func (e *entity) attach(m *message) {
	env := m.env
	l := &link{
		key: linkKey{env.Edge, env.Link}, addr: bus.Edge(env.Edge),
		watch: env.Has(wire.Watch), presence: env.Has(wire.Watch | wire.Presence), sender: env.Has(wire.Sender), made: env.At,
		attempt: env.Command,
	}
	if l.sender {
		l.watch, l.presence = false, false
	}
	defer e.conclude(nil, nil)
	var claims turn.Claims
	if err := json.Unmarshal(env.Claims, &claims); err != nil {
		e.refuse(l, 0, wire.EndRefused, "the claims cannot be read")
		return
	}
	if err := e.admit(claims); err != nil {
		e.refuse(l, wire.Refused, endCode(err), err.Message)
		return
	}
	if err := e.activate(); err != nil {
		e.refuse(l, wire.Reconnect, wire.EndUnavailable, "the entity cannot be read just now")
		return
	}
	if e.live.ledger.crowded() {
		e.forgetConns()
	}
	if env.Has(wire.Observer) {
		e.observe(l, env, claims)
		return
	}
	id := e.part.node.ids.member(e.id, env.Conn)
	here := e.attendance()
	known := here.members[id]
	if known != nil && !known.unseen && known.sub != claims.Subject || e.live.ledger.find(id).belongsToOther(claims.Subject) {
		e.refuse(l, wire.Foreign, wire.EndRefused, "the connection id belongs to somebody else")
		e.leaveEmpty()
		return
	}
	if known != nil && !l.sender && env.Command != 0 && env.Command < known.attempt {
		// A request that its client has given up since, and that was long on its way.
		e.refuse(l, wire.Reconnect, wire.EndReplaced, "a later link of this connection has come before")
		return
	}
	if again := here.hasAgain(id, l); again || env.Has(wire.Reattach) && here.hasLater(id, l) {
		flags := wire.Reconnect // clocks may be wrong about which came last
		if again {
			flags = 0
		}
		e.refuse(l, flags, wire.EndReplaced, "another link of this connection has come")
		return
	}
	fresh, err := e.newMember(id, claims)
	if err != nil {
		e.memberFailed(l, err)
		return
	}
	if env.Has(wire.Reattach) {
		fresh.audience = env.Audience // fresh claims do not change what a link sees
	}
	e.replace(id, l, known != nil && env.Command != 0 && env.Command == known.attempt)
	switch {
	case known == nil:
		if err := e.connect(fresh); err != nil {
			e.refuse(l, wire.Refused, endCode(err), err.Message)
			e.leaveEmpty()
			return
		}
		known = fresh
		here.enter(known)
	case !l.sender || known.links == 0:
		here.renew(known, fresh)
		if known.unseen {
			here.enter(known)
		}
	}
	if l.sender {
		l.own = &fresh.claims
	} else {
		known.attempt = max(known.attempt, env.Command)
	}
	if env.Has(wire.Reattach) {
		e.comesBack(known, env)
	}
	e.see(known.audience)
	l.member = known
	e.stays(known)
	here.add(l, e.written.Revision)
	e.welcome(l, env)
	e.announceSoon()
}

// memberFailed refuses a link of whose claims no member can be made.
func (e *entity) memberFailed(l *link, err error) {
	e.part.log.Error("member not made", "entity", e.id.String(), "err", err)
	e.refuse(l, wire.Reconnect, wire.CodeInternal, "the entity failed to look at the claims")
	e.leaveEmpty()
}

// belongsToOther reports whether c is known to be another subject's.
func (c *conn) belongsToOther(sub string) bool { return c != nil && c.sub != "" && c.sub != sub }

// admit asks the category, before anything is activated.
func (e *entity) admit(claims turn.Claims) *turn.Rejection {
	if e.cat.Admit == nil {
		return nil
	}
	err := guard(func() error { return e.cat.Admit(claims, e.id.ID) })
	if err == nil {
		return nil
	}
	if rejection, ok := errors.AsType[*turn.Rejection](err); ok {
		return rejection
	}
	if _, ok := errors.AsType[*panicked](err); ok {
		e.part.log.Error("admit failed", "entity", e.id.String(), "err", err)
		return &turn.Rejection{Code: wire.CodeInternal, Message: "the category failed to look at the claims"}
	}
	return &turn.Rejection{Code: wire.CodeForbidden, Message: err.Error()}
}

// endCode is the code of the terminate frame for a refusal.
func endCode(r *turn.Rejection) string {
	if r.Code == "" || r.Code == wire.CodeForbidden {
		return wire.EndRefused
	}
	return r.Code
}

// connect runs OnConnect, when the category declares one, and records that the member has come, so that
// whoever owns the entity when it has gone knows that OnDisconnect is to be run.
func (e *entity) connect(m *member) *turn.Rejection {
	if e.cat.Connect == nil && e.cat.Disconnect == nil {
		return nil
	}
	if c := e.live.ledger.find(m.id); c != nil && c.connected {
		return nil // recorded by an owner before this one
	}
	what := cause{
		kind: turn.KindConnect, name: "connect", by: m.id, claims: m.claims, must: true,
		notes: appendNote(appendNote(nil, note{kind: noteSub, name: m.sub}), note{kind: noteConnected}),
	}
	handle := e.cat.Connect
	if handle == nil {
		handle = nothing
	}
	r, err := e.decide(&what, handle)
	if err != nil {
		rejection, _ := errors.AsType[*turn.Rejection](err)
		return rejection
	}
	e.conclude(r, e.snapshot())
	return nil
}

// cut ends a link whose messages cannot be taken just now. Its client comes back with them.
func (e *entity) cut(l *link) {
	e.refuse(l, wire.Reconnect, wire.EndUnavailable, "the entity cannot be read just now")
	e.lose(l)
}

// lose takes a link away. If it was the last one of its connection, that has its grace period from now on.
func (e *entity) lose(l *link) {
	e.here.drop(l)
	if l.member.links == 0 && !l.observes() {
		e.here.miss(l.member, e.part.node.passed())
		e.part.remind(e, l.member.away+int64(e.cat.opt.Grace))
	}
}

// refuse ends a link that has not been welcomed.
func (e *entity) refuse(l *link, flags wire.Flags, code, message string) {
	e.send(l, &wire.Envelope{Kind: wire.KindTerminate, Flags: flags, Code: code, Message: message})
}

// detach takes a link away. The connection stays for its grace period, unless its client said that it leaves.
func (e *entity) detach(env *wire.Envelope) {
	l := e.link(env)
	if l == nil {
		return
	}
	e.here.drop(l)
	if l.observes() {
		e.leaveEmpty()
		return
	}
	if env.Has(wire.Leave) {
		e.partWith(l.member)
	}
	if l.member.links > 0 {
		return
	}
	e.here.miss(l.member, e.part.node.passed())
	if e.live != nil && e.live.broken() == nil {
		if c := e.live.ledger.find(l.member.id); c != nil {
			c.seen = max(c.seen, e.part.node.today())
		}
	}
	if env.Has(wire.Leave) {
		e.disconnect(l.member)
		e.leaveEmpty()
		return
	}
	e.part.remind(e, l.member.away+int64(e.cat.opt.Grace))
}

// disconnect ends a connection whose client has left or stayed away.
func (e *entity) disconnect(m *member) {
	logged := e.cat.Disconnect != nil || e.cat.Connect != nil
	var err error
	if logged {
		err = e.activate() // while it is a member still, or it would be awaited
	}
	e.here.remove(m)
	e.announceSoon()
	if !logged || err != nil {
		return // an error was logged; the journal still has it as connected, and the next activation tries again
	}
	if c := e.live.ledger.find(m.id); c == nil || !c.connected {
		return
	}
	what := cause{
		kind: turn.KindDisconnect, name: "disconnect", by: m.id, claims: m.claims, must: true,
		notes: appendNote(nil, note{kind: noteDisconnected}),
	}
	handle := func(t *turn.Turn, state any) error {
		if e.cat.Disconnect == nil {
			return nil
		}
		return e.cat.Disconnect(t, state)
	}
	r, err := e.decide(&what, handle)
	if err != nil && e.activate() == nil {
		// Nobody can refuse that somebody has gone: it is recorded without what the handler wanted.
		if awaited := e.here.members[m.id]; awaited != nil {
			e.here.remove(awaited)
		}
		what.notes = appendNote(nil, note{kind: noteDisconnected})
		r, _ = e.decide(&what, func(*turn.Turn, any) error { return nil })
	}
	e.conclude(r, e.snapshot())
}

// awaitMembers gives connections that the journal has as connected, and that are not here, their grace
// period to come back.
func (e *entity) awaitMembers() {
	if e.live.ledger.present == 0 {
		return
	}
	here := e.attendance()
	now := e.part.node.passed()
	for id, c := range e.live.ledger.conns.all() {
		if c.connected && here.members[id] == nil {
			m, err := e.newMember(id, turn.Claims{Subject: c.sub})
			if err != nil {
				m = &member{id: id, sub: c.sub, claims: turn.Claims{Subject: c.sub}}
			}
			here.await(m, now)
		}
	}
	e.part.remind(e, now+int64(e.cat.opt.Grace))
}

// leaveEmpty lets go of an attendance with nobody in it.
func (e *entity) leaveEmpty() {
	if e.here != nil && len(e.here.links)+len(e.here.members) == 0 {
		e.here = nil
	}
}

// attend does what the entity has to do now: grace periods that have ended, timers, messages to
// repeat.
func (e *entity) attend() {
	now := e.part.node.passed()
	if e.here != nil {
		e.endIdle(now)
		e.endGraces(now)
		e.endRecovery(now)
		e.announce(now)
		e.flushSignals(now)
		e.leaveEmpty()
	}
	if e.live == nil && (e.cat.opt.Ephemeral || e.sleeps()) {
		return
	}
	if e.activate() == nil {
		e.fireTimers()
	}
	if e.live != nil && e.live.broken() == nil {
		e.repeatTells(now)
		return
	}
	e.part.remind(e, now+int64(retryAfter)) // it could not be read
}

// gracesAtOnce bounds how many connections are ended in one turn, so that others at the entity need not wait for all of them.
const gracesAtOnce = 256

// endGraces ends the connections that have been away for too long: those that have been away for longest stand first.
func (e *entity) endGraces(now int64) {
	for range gracesAtOnce {
		m := e.here.absences.first
		if m == nil {
			return
		}
		if end := m.away + int64(e.cat.opt.Grace); end > now {
			e.part.remind(e, end)
			return
		}
		e.disconnect(m)
	}
	e.part.remind(e, now)
}

// sleeps reports whether the entity is passivated and has nothing to do yet.
func (e *entity) sleeps() bool {
	e.part.mu.Lock()
	asleep, wake := e.asleep, e.wake
	e.part.mu.Unlock()
	if !asleep || wake != 0 && wake <= e.part.node.today() {
		return false
	}
	e.part.remindAt(e, wake)
	return true
}
