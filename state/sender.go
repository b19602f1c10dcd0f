package state

import (
	"encoding/json"
	"time"

	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/wire"
)

// A sender is a link that brings frames of a connection which may have another link, that it does not replace: what is
// posted beside a stream. The newest one of a connection takes over.

// bearer returns the claims of whoever sends over the link.
func (l *link) bearer() turn.Claims {
	if l.own != nil {
		return *l.own
	}
	return l.member.claims
}

// replace ends the links of the member that l takes over from. again means that they are of the same attempt of the same client, which polls
// now at another edge: should it come to theirs once more, it is told to go on.
func (e *entity) replace(member string, l *link, again bool) {
	e.linksOf(member, func(old *link) {
		if old.sender != l.sender {
			return
		}
		var flags wire.Flags
		if again && old.key.edge != l.key.edge {
			flags = wire.Reconnect
		}
		e.here.drop(old)
		e.send(old, &wire.Envelope{
			Kind: wire.KindTerminate, Code: wire.EndReplaced, Flags: flags,
			Message: "another link of this connection has come",
		})
	})
}

// answer sends what answers a frame of the link's client. What answers a sender's goes to the connection's other link, too.
func (e *entity) answer(l *link, env *wire.Envelope) {
	e.send(l, env)
	if !l.sender {
		return
	}
	e.linksOf(l.member.id, func(other *link) {
		if other.sender || env.Kind == wire.KindPong && other.addr != l.addr {
			return // another edge cannot tell how long the ping took
		}
		again := *env
		again.Hops = nil // which are completed on the way of one
		e.send(other, &again)
	})
}

// pong answers the ping of a sender, which the partition leaves to the entity.
func (e *entity) pong(m *message, l *link) {
	env := m.env
	e.answer(l, &wire.Envelope{
		Kind: wire.KindPong, Command: env.Command, Data: env.Data, Sent: env.Sent, Spent: time.Since(m.arrived).Microseconds(),
	})
	e.conclude(nil, nil)
}

// refreshClaims takes the claims of a fresh token. What the member sees stays as it was when it
// attached: another audience takes a new link. A sender's token is that of the connection's other link, too.
func (e *entity) refreshClaims(l *link, data []byte) {
	var claims turn.Claims
	if err := json.Unmarshal(data, &claims); err != nil || claims.Subject != l.member.sub {
		return // the edge has verified it; this is another edge's defect
	}
	l.member.claims, l.own = claims, nil
	if !l.sender {
		return
	}
	e.linksOf(l.member.id, func(other *link) {
		if !other.sender {
			e.send(other, &wire.Envelope{Kind: wire.KindExpires, Claims: data})
		}
	})
	e.conclude(nil, nil)
}

// partWith ends the links that a connection which leaves has beside the one that said so.
func (e *entity) partWith(m *member) {
	e.linksOf(m.id, func(l *link) {
		e.here.drop(l)
		e.send(l, &wire.Envelope{Kind: wire.KindTerminate, Code: wire.EndLeft, Message: "the connection has left"})
	})
	e.conclude(nil, nil)
}
