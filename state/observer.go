package state

import (
	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/wire"
)

// An observer is a link that watches without being anybody's connection. It stands for a member of its own that is not
// among those of the entity: nobody is told of it, and no handler runs for it.

// observes reports whether the link is an observer.
func (l *link) observes() bool { return l.member.id == "" }

// observe brings an observer to the entity.
func (e *entity) observe(l *link, env *wire.Envelope, claims turn.Claims) {
	m, err := e.newMember("", claims)
	if err != nil {
		e.memberFailed(l, err)
		return
	}
	if env.Has(wire.Reattach) {
		m.audience = env.Audience
	}
	here := e.attendance()
	e.see(m.audience)
	l.member = m
	here.add(l, e.written.Revision)
	e.welcome(l, env)
}

// takeObserved takes what an observer may send.
func (e *entity) takeObserved(m *message, l *link) {
	switch m.env.Kind {
	case wire.KindCommand:
		e.reject(l, m.env.Command, wire.CodeForbidden, "only a connection sends commands")
		e.conclude(nil, nil)
	case wire.KindQuery:
		e.query(m, l)
	case wire.KindClaims:
		e.refreshClaims(l, m.env.Claims)
	case wire.KindRefresh:
		e.refresh(l, wire.Refresh|wire.Known)
	}
}
