package state

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// presenceWait is how long changes of who is here, and signals beyond their budget, are gathered before they are told. It is
// that much longer for every crowd of those who are told.
const (
	presenceWait = 50 * time.Millisecond
	crowd        = 500
)

// tellingBudget is how many bytes a second, of all deliveries to clients together, one entity spends at most on who is here, and as
// many on relayed signals. A delivery costs its bytes and deliveryBytes.
const (
	tellingBudget = 32 << 20
	deliveryBytes = 64
)

// gathering returns how long to gather for so many clients.
func gathering(clients int) int64 { return int64(presenceWait) * int64(crowd+clients) / crowd }

// costs returns how long the budget has to save for so many bytes to each of so many clients.
func costs(n, clients int) int64 {
	return int64(n+deliveryBytes) * int64(clients) * int64(time.Second) / tellingBudget
}

// setPresence takes a connection's presence data.
func (e *entity) setPresence(l *link, data []byte) {
	if len(data) > wire.MaxPresenceBytes || !json.Valid(data) {
		return // the edge refuses it before
	}
	if string(data) == "null" {
		data = nil
	}
	m := l.member
	if !e.shows(m, data) {
		return
	}
	e.announceSoon()
	if l.sender {
		e.linksOf(m.id, func(other *link) {
			if !other.sender {
				e.send(other, &wire.Envelope{Kind: wire.KindShows, Data: data})
			}
		})
		e.conclude(nil, nil)
	}
}

// shows takes a member's presence data, and reports whether it is new.
func (e *entity) shows(m *member, data []byte) bool {
	if bytes.Equal(m.data, data) {
		return false
	}
	m.data = bytes.Clone(data) // an envelope's memory may be larger
	e.here.update(m)
	return true
}

// announceSoon sees that changes of who is here are told to those who want to know.
func (e *entity) announceSoon() {
	here := e.here
	if here.listeners == 0 {
		here.settled()
	}
	if here.roster.at != 0 || !here.untold() {
		return
	}
	now := e.part.node.passed()
	here.roster.at = max(now+gathering(here.listeners), here.roster.paid)
	e.part.remind(e, here.roster.at)
}

// announce tells what has changed, once for each edge. What does not fit waits for the next time.
func (e *entity) announce(now int64) {
	here := e.here
	r := &here.roster
	if r.at == 0 {
		return
	}
	if now < r.at {
		e.part.remind(e, r.at)
		return
	}
	r.at = 0
	if here.listeners > 0 && here.untold() {
		data := here.takeChanges()
		r.paid = now + costs(len(data), here.listeners)
		for addr := range here.told {
			e.tellPresence(addr, 0, data)
		}
	}
	e.announceSoon()
	e.conclude(nil, nil)
}

func (e *entity) tellPresence(addr bus.Address, flags wire.Flags, data []byte) {
	e.out = append(e.out, effect{lane: e.cat.opt.Lane, to: addr, env: &wire.Envelope{
		Kind: wire.KindPresenceChange, Flags: flags, Category: e.id.Category, ID: e.id.ID, Data: data,
	}})
}

// listMembers tells a link who is here.
func (e *entity) listMembers(l *link) {
	e.send(l, &wire.Envelope{Kind: wire.KindPresenceChange, Data: e.here.everybody()})
	if e.here.listeners == 1 {
		e.here.settled()
	}
}

// everybody returns the frame that says who is here: the roster, and how many there are.
func (a *attendance) everybody() []byte {
	members := a.rostered()
	data := append(make([]byte, 0, len(members)+48), `{"count":`...)
	data = strconv.AppendInt(data, int64(a.count()), 10)
	if len(members) > 0 {
		data = append(append(append(data, `,"joined":[`...), members...), ']')
	}
	return append(data, '}')
}
