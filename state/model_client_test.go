package state_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// client is a client of the model together with its link at the edge.
type client struct {
	m        *model
	id, conn string
	link     uint64 // 0 for none; guarded by m.mu, as is got
	got      []*wire.Envelope

	number   uint64 // of the link's last envelope
	welcomed bool
	flowing  bool             // sends commands; those without an answer were sent again
	filling  bool             // waits for a backlog, and with it what came after the welcome
	held     []*wire.Envelope // of events before the welcome, and of everything while filling
	member   string
	epoch    string
	at       uint64 // the last revision seen; valid with epoch
	commands uint64
	sent     map[uint64]*sent
	seen     map[uint64]string // tokens by revision
	views    []view
}

// sent is a command or query.
type sent struct {
	kind, token string
	asked       uint64 // for a query: the highest revision that anybody had been told before
	answer      string
	revision    uint64
	lost        bool // a query that is not asked again
}

// view is a state that was shown as of a revision.
type view struct {
	revision uint64
	data     string
}

func (c *client) String() string { return fmt.Sprintf("client %s at %s", c.conn, c.id) }

func (c *client) waiting() []uint64 {
	var ids []uint64
	for _, id := range slices.Sorted(maps.Keys(c.sent)) {
		if s := c.sent[id]; s.answer == "" && !s.lost {
			ids = append(ids, id)
		}
	}
	return ids
}

func (c *client) attach(cursor, early bool) {
	c.m.mu.Lock()
	c.m.next++
	c.link, c.got = c.m.next, nil
	c.m.mu.Unlock()
	c.number, c.welcomed, c.filling, c.held = 0, false, false, nil
	for _, s := range c.sent {
		s.lost = s.lost || s.kind == "query" && s.answer == ""
	}
	claims, err := json.Marshal(tutti.Claims{Subject: c.conn})
	if err != nil {
		c.m.t.Fatal(err)
	}
	e := &wire.Envelope{Kind: wire.KindAttach, Flags: wire.Watch, Claims: claims}
	if cursor && c.epoch != "" {
		e.Flags |= wire.HasCursor
		e.Epoch, e.Revision = c.epoch, c.at
	}
	c.pass(e)
	if c.flowing = early; early {
		c.resend()
	}
}

func (c *client) resend() {
	if !c.flowing {
		return
	}
	for _, id := range c.waiting() {
		c.passCommand(id)
	}
}

func (c *client) detach(flags wire.Flags) {
	c.pass(&wire.Envelope{Kind: wire.KindDetach, Flags: flags})
	c.drop()
}

func (c *client) drop() {
	c.m.mu.Lock()
	c.link, c.got = 0, nil
	c.m.mu.Unlock()
	c.flowing = false
}

func (c *client) pass(e *wire.Envelope) {
	if c.link == 0 {
		return
	}
	c.number++
	e.Category, e.ID, e.Edge, e.Link, e.Number, e.Conn = "tape", c.id, edgeName, c.link, c.number, c.conn
	e.Sent = time.Now().UnixMicro()
	// One that finds no owner is lost, as any may be.
	_ = c.m.node.bus.Send("default", bus.Owner("default", wire.Partition("tape", c.id, 2)), e)
}

func (c *client) command(kind string) {
	c.commands++
	c.sent[c.commands] = &sent{kind: kind, token: fmt.Sprintf("%s/%s/%d", c.id, c.conn, c.commands)}
	if c.flowing {
		c.passCommand(c.commands)
	}
}

func (c *client) passCommand(id uint64) {
	s := c.sent[id]
	if s.kind == "query" {
		return
	}
	other := "0"
	if c.id == other {
		other = "1"
	}
	data, err := json.Marshal(put{Token: s.token, To: other})
	if err != nil {
		c.m.t.Fatal(err)
	}
	c.pass(&wire.Envelope{Kind: wire.KindCommand, Command: id, Name: s.kind, Data: data})
}

func (c *client) query() {
	if c.link == 0 {
		return
	}
	c.m.pump()
	c.commands++
	c.sent[c.commands] = &sent{kind: "query", asked: c.m.acked[c.id]}
	c.pass(&wire.Envelope{Kind: wire.KindQuery, Command: c.commands, Name: "read_all", Data: []byte("null")})
}

// take takes an envelope as edge and client do.
func (c *client) take(e *wire.Envelope) {
	switch {
	case e.Kind == wire.KindBacklogPart:
		c.backlog(e)
		return
	case e.Kind == wire.KindWelcome:
		c.welcome(e)
		return
	case e.Kind == wire.KindTerminate:
		if !e.Has(wire.Reconnect) {
			c.m.mistake("%s: %s without reconnect", c, brief(e))
		}
		c.detach(0)
		return
	case c.filling || !c.welcomed && e.Kind == wire.KindEvent:
		c.held = append(c.held, e)
		return
	}
	c.frame(e)
}

func (c *client) welcome(w *wire.Envelope) {
	again := c.welcomed
	if again != w.Has(wire.Refresh) {
		c.m.mistake("%s: %s, welcomed before: %t", c, brief(w), again)
	}
	if c.member != "" && c.member != w.Member {
		c.m.mistake("%s was member %s and is %s", c, c.member, w.Member)
	}
	if !w.Has(wire.Known) {
		c.m.mistake("%s is not known", c)
	}
	for id, s := range c.sent {
		if id <= w.Acked && s.answer == "" && (s.kind == "put" || s.kind == "twice") {
			s.revision = max(s.revision, 1) // it is in the journal, and never rejected
		}
	}
	c.welcomed, c.member = true, w.Member
	if !c.flowing {
		c.flowing = true
		c.resend()
	}
	if w.Has(wire.Resumed) {
		if w.Revision != c.at || w.Epoch != c.epoch {
			c.m.mistake("%s resumes at %d of %s, asked for %d of %s", c, w.Revision, w.Epoch, c.at, c.epoch)
		}
		if c.filling = w.Until > w.Revision; c.filling {
			c.pass(&wire.Envelope{Kind: wire.KindBacklog, Audience: w.Audience, Revision: w.Revision, Until: w.Until})
		}
	} else {
		if w.Epoch == c.epoch && w.Revision < c.at {
			c.m.mistake("%s has seen %d and gets a state of %d", c, c.at, w.Revision)
		}
		c.views = append(c.views, view{w.Revision, string(w.Data)})
		c.at, c.epoch, c.filling = w.Revision, w.Epoch, false
	}
	held := c.held
	c.held = nil
	for _, e := range held {
		if e.Kind != wire.KindEvent || e.Revision > w.Until {
			c.take(e)
		}
	}
}

func (c *client) backlog(e *wire.Envelope) {
	if !c.filling {
		return
	}
	if e.Has(wire.TooFar) {
		c.detach(0) // it could not be read
		return
	}
	for ev, err := range wire.DecodeBacklog(e.Data) {
		if err != nil {
			c.m.mistake("%s: backlog: %v", c, err)
			return
		}
		ev.Kind = wire.KindEvent
		c.frame(ev)
	}
	if e.Has(wire.More) {
		return
	}
	if e.Revision != c.at {
		c.m.mistake("%s: backlog up to %d ends at %d", c, e.Revision, c.at)
	}
	c.filling = false
	held := c.held
	c.held = nil
	for _, e := range held {
		c.take(e)
	}
}

// frame takes what the client sees.
func (c *client) frame(e *wire.Envelope) {
	switch e.Kind {
	case wire.KindEvent:
		if e.Revision != c.at+1 || e.Has(wire.HasPrev) {
			c.m.mistake("%s: %s after revision %d", c, brief(e), c.at)
		}
		var p putted
		if err := json.Unmarshal(e.Data, &p); err != nil {
			c.m.mistake("%s: %s: %v", c, brief(e), err)
		}
		if before, ok := c.seen[e.Revision]; ok && before != p.Token {
			c.m.mistake("%s: revision %d was %s and is %s", c, e.Revision, before, p.Token)
		}
		c.seen[e.Revision], c.at = p.Token, e.Revision
		c.m.acked[c.id] = max(c.m.acked[c.id], e.Revision)
	case wire.KindAck:
		if e.Revision > c.at {
			c.m.mistake("%s: %s before its events, at %d", c, brief(e), c.at)
		}
		c.m.acked[c.id] = max(c.m.acked[c.id], e.Revision)
		c.answer(e, "ack", e.Revision)
	case wire.KindReject:
		c.answer(e, "reject "+e.Code, 0)
	case wire.KindAnswer:
		if s := c.sent[e.Command]; e.Revision < s.asked {
			c.m.mistake("%s: %s, and %d had been told before it was asked", c, brief(e), s.asked)
		}
		c.views = append(c.views, view{e.Revision, string(e.Data)})
		c.answer(e, "answer", e.Revision)
	}
}

func (c *client) answer(e *wire.Envelope, answer string, revision uint64) {
	s := c.sent[e.Command]
	if s == nil {
		c.m.mistake("%s: %s, which was not sent", c, brief(e))
		return
	}
	if s.answer == "ack" && answer != "ack" || s.answer != "" && s.answer != "ack" && answer == "ack" {
		c.m.mistake("%s: command %d (%s) got %s and then %s", c, e.Command, s.kind, s.answer, answer)
	}
	if s.answer == "ack" && s.revision > 1 && revision != s.revision && len(tokensOf(s.kind, s.token)) > 0 {
		c.m.mistake("%s: command %d acknowledged at %d and at %d", c, e.Command, s.revision, revision)
	}
	if s.answer == "" && answer != "ack" && s.revision > 0 {
		c.m.mistake("%s: command %d was acknowledged by a welcome and got %s", c, e.Command, answer)
	}
	s.answer, s.revision = answer, revision
}
