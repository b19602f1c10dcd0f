package edge_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/bustest"
	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

// What the owner of tests does so that another one can take its place: the events and what became of commands stay, and the links go.

// beside sends what answers a frame that was posted to the connection's stream, too.
func (o *owner) beside(n *entity, a *attached, reply *wire.Envelope) {
	if !a.sender || !o.ledger {
		return
	}
	for _, other := range n.links {
		if other.conn == a.conn && !other.sender {
			again := *reply
			again.Link = other.link
			o.send(n, other.edge, &again)
		}
	}
}

func commandOf(e *wire.Envelope) string { return fmt.Sprintf("%s %d", e.Conn, e.Command) }

// carryOut does what a command asks for, once.
func (o *owner) carryOut(n *entity, a *attached, e *wire.Envelope) {
	if _, done := n.done[commandOf(e)]; done && o.ledger {
		return
	}
	o.emit(n, e.Name, e.Data, a.member, e.Command)
	n.done[commandOf(e)] = uint64(len(n.events))
}

// stranger answers what is of no link, and tells a link that is not attached here.
func (o *owner) stranger(n *entity, e *wire.Envelope) {
	switch {
	case !o.ledger || e.Kind == wire.KindDetach:
	case e.Kind == wire.KindCall:
		key := "key " + e.Key
		at, done := n.done[key]
		if !done || e.Key == "" {
			o.emit(n, e.Name, e.Data, "", 0)
			at = uint64(len(n.events))
			n.done[key] = at
		}
		o.send(n, e.Edge, &wire.Envelope{Kind: wire.KindResult, Command: e.Command, Revision: at})
	case e.Kind == wire.KindView:
		o.send(n, e.Edge, &wire.Envelope{Kind: wire.KindSight, Command: e.Command, Epoch: o.epoch, Revision: uint64(len(n.events)), Data: []byte(`{}`)})
	default:
		o.send(n, e.Edge, &wire.Envelope{
			Kind: wire.KindTerminate, Link: e.Link, Code: wire.EndUnavailable, Flags: wire.Reconnect | wire.Reattach,
		})
	}
}

// fill sends the edge of a link what it has not been sent of what happened before this owner.
func (o *owner) fill(n *entity, a *attached, e *wire.Envelope) {
	if !a.watch {
		return
	}
	k := a.edge + "/" + a.audience
	since, ok := n.since[k]
	if !ok {
		since = uint64(len(n.events))
	}
	if e.Has(wire.Reattach) && e.Epoch == o.epoch {
		for at := e.Revision; at < since; at++ {
			event := *n.events[at]
			event.Audience = a.audience
			o.send(n, a.edge, &event)
		}
		since = min(since, e.Revision)
	}
	n.since[k] = since
}

// crash has the owner forget its links, and what it has not looked at.
func (o *owner) crash() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue, o.muted = nil, false
	o.number++
	for _, n := range o.entities {
		clear(n.links)
		clear(n.since)
	}
}

// mute has what the owner does from now on reach nobody.
func (o *owner) mute() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.muted = true
}

// unmute ends that.
func (o *owner) unmute() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.muted = false
}

// moving is a bus on which a test changes owners.
type moving struct {
	*bustest.Router
	owner *owner
}

// lose has no owner be there; err says what becomes of envelopes.
func (m *moving) lose(err error) {
	for i := range partitions {
		m.Lose(bus.Owner("default", i), err)
	}
	m.owner.crash()
}

// find has the owner be reached again, without a word.
func (m *moving) find() {
	for i := range partitions {
		m.Find(bus.Owner("default", i))
	}
}

// move has another owner come.
func (m *moving) move() {
	m.owner.crash()
	for i := range partitions {
		m.Move(bus.Owner("default", i))
	}
}

// routed adds a router to an edge's configuration. Its owner is set once the platform is there.
func routed(m *moving) func(*edge.Config) {
	return func(c *edge.Config) {
		m.Router = bustest.NewRouter(c.Bus)
		c.Bus = m.Router
	}
}

// onMoving runs a test with links whose owner changes, of each transport.
func onMoving(t *testing.T, change func(*edge.Config), test func(t *testing.T, p *platform, m *moving, open func(i int, query string) *fakeClient)) {
	for kind, name := range map[kind]string{socket: "websocket", events: "events", polls: "polls"} {
		t.Run(name, func(t *testing.T) {
			m := &moving{}
			bubble(t, func(c *edge.Config) {
				routed(m)(c)
				if change != nil {
					change(c)
				}
			}, func(t *testing.T, p *platform, _ func(int, string, string) *pipeClient) {
				m.owner, p.owner.ledger = p.owner, true
				test(t, p, m, func(i int, query string) *fakeClient {
					t.Helper()
					synctest.Wait()
					c := &fakeClient{kind: kind, edge: p.edge, conn: conn(i), socket: edge.NewFakeSocket()}
					t.Cleanup(c.socket.Hangup)
					c.socket.Allow(unlimited)
					if err := c.open(t.Context(), query); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
					c.frames(t)
					return c
				})
			})
		})
	}
}

// say has the client send a command, over its socket or by POST.
func (c *fakeClient) say(p *platform, id int, data string) {
	frame := fmt.Sprintf(`{"type":"command","id":%d,"name":"say","data":%s}`, id, data)
	if c.kind == socket {
		c.socket.Send(text(frame))
		return
	}
	p.asked(http.MethodPost, commandsOf1+"?conn="+c.conn, "ann", frame)
}

// want wants the frames that have come to have these texts in them, in this order.
func (c *fakeClient) want(t *testing.T, parts ...string) {
	t.Helper()
	synctest.Wait()
	frames := c.frames(t)
	ok := len(frames) == len(parts)
	for i := 0; ok && i < len(parts); i++ {
		ok = strings.Contains(frames[i], parts[i])
	}
	if !ok {
		t.Errorf("frames are %s, want %s", strings.Join(frames, "\n"), strings.Join(parts, "\n"))
	}
}

// movingActions are those of the model that change owners.
func (w *world) movingActions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"mute": func(*rapid.T) {
			w.owner.mute()
			w.away = true
		},
		"lose": func(t *rapid.T) {
			w.moving.lose(rapid.SampledFrom([]error{nil, bus.ErrNobody}).Draw(t, "error"))
			w.away = true
		},
		"move": func(t *rapid.T) {
			w.moving.move()
			w.away = false
			if rapid.Bool().Draw(t, "settle") {
				synctest.Wait()
			}
		},
	}
}
