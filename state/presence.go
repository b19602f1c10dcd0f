package state

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// presenceWait is how long changes of who is here are gathered before they are told; it grows
// with the number of members, so that many coming at once cost no more than a few lists.
const presenceWait = 50 * time.Millisecond

// presenceChanges are changes of who is here that have not been told yet, by member.
type presenceChanges struct {
	joined, updated map[string]*member
	left            map[string]bool
	at              int64 // when they are told, time passed; 0 when there are none
}

func (c *presenceChanges) join(m *member) {
	if c.joined == nil {
		c.joined = make(map[string]*member)
	}
	c.joined[m.id] = m
	delete(c.left, m.id)
}

// replace has fresh stand for the same member, who has attached again.
func (c *presenceChanges) replace(old, fresh *member) {
	if c.joined[old.id] != nil {
		c.joined[old.id] = fresh
	} else if c.updated[old.id] != nil || !bytes.Equal(old.who, fresh.who) {
		c.update(fresh)
	}
}

func (c *presenceChanges) leave(m *member) {
	delete(c.updated, m.id)
	if c.joined[m.id] != nil {
		delete(c.joined, m.id)
	}
	if c.left == nil {
		c.left = make(map[string]bool)
	}
	c.left[m.id] = true
}

func (c *presenceChanges) update(m *member) {
	if c.joined[m.id] != nil {
		return // its data goes out with its arrival
	}
	if c.updated == nil {
		c.updated = make(map[string]*member)
	}
	c.updated[m.id] = m
}

func (c *presenceChanges) empty() bool { return len(c.joined)+len(c.updated)+len(c.left) == 0 }

// presenceFrame is what a presence frame says, beside its type.
type presenceFrame struct {
	Count   int             `json:"count"`
	Joined  []presentMember `json:"joined,omitempty"`
	Left    []string        `json:"left,omitempty"`
	Updated []presentMember `json:"updated,omitempty"`
}

type presentMember struct {
	Member string          `json:"member"`
	Who    json.RawMessage `json:"who,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
}

func present(m *member) presentMember { return presentMember{m.id, m.who, m.data} }

// setPresence takes a connection's presence data.
func (e *entity) setPresence(l *link, data []byte) {
	if len(data) > wire.MaxPresenceBytes {
		return // the edge refuses it before
	}
	if string(data) == "null" {
		data = nil
	}
	l.member.data = data
	e.here.changes.update(l.member)
	e.announceSoon()
}

// announceSoon sees that changes of who is here are told to those who want to know.
func (e *entity) announceSoon() {
	c := &e.here.changes
	if len(e.here.told) == 0 {
		*c = presenceChanges{}
	}
	if c.empty() || c.at != 0 {
		return
	}
	c.at = e.part.node.passed() + int64(presenceWait)*int64(1+len(e.here.members)/500)
	e.part.remind(e, c.at)
}

// announce tells who has come, gone or changed, once for each edge and in frames of as many members as the
// first one lists.
func (e *entity) announce(now int64) {
	here := e.here
	if here.changes.at == 0 {
		return
	}
	if now < here.changes.at {
		e.part.remind(e, here.changes.at)
		return
	}
	frame := presenceFrame{Count: e.count()}
	room := func() {
		if len(frame.Joined)+len(frame.Updated)+len(frame.Left) == wire.MaxMembers {
			e.tellPresence(&frame)
			frame.Joined, frame.Updated, frame.Left = nil, nil, nil
		}
	}
	for _, m := range here.changes.joined {
		room()
		frame.Joined = append(frame.Joined, present(m))
	}
	for _, m := range here.changes.updated {
		room()
		frame.Updated = append(frame.Updated, present(m))
	}
	for id := range here.changes.left {
		room()
		frame.Left = append(frame.Left, id)
	}
	here.changes = presenceChanges{}
	e.tellPresence(&frame)
	e.conclude(nil, nil)
}

// tellPresence sends a frame to each edge that has links to tell.
func (e *entity) tellPresence(frame *presenceFrame) {
	data, err := json.Marshal(frame)
	if err != nil {
		e.part.log.Error("presence not told", "entity", e.id.String(), "err", err)
		return
	}
	for addr := range e.here.told {
		e.out = append(e.out, effect{lane: e.cat.opt.Lane, to: addr, env: &wire.Envelope{
			Kind: wire.KindPresenceChange, Category: e.id.Category, ID: e.id.ID, Data: data,
		}})
	}
}

// listMembers tells a link who is here, 200 of them at most.
func (e *entity) listMembers(l *link) {
	frame := presenceFrame{Count: e.count()}
	for _, m := range e.here.members {
		if len(frame.Joined) == wire.MaxMembers {
			break
		}
		if !m.unseen {
			frame.Joined = append(frame.Joined, present(m))
		}
	}
	data, err := json.Marshal(frame)
	if err != nil {
		e.part.log.Error("presence not told", "entity", e.id.String(), "err", err)
		return
	}
	e.send(l, &wire.Envelope{Kind: wire.KindPresenceChange, Data: data})
}

// count returns how many members are here.
func (e *entity) count() int {
	n := 0
	for _, m := range e.here.members {
		if !m.unseen {
			n++
		}
	}
	return n
}
