package edge_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

// fakeClient is a client on a FakeSocket, and what the protocol promises it.
type fakeClient struct {
	kind   kind
	edge   *edge.Edge
	conn   string
	socket *edge.FakeSocket // of a poll: never used
	bytes  []byte           // that are no whole frame yet
	cursor string           // of a poll: to come back with; of a stream: of its last id line

	welcomed    bool
	rev         uint64 // of the last welcome or event
	commands    uint64 // sent
	acked       uint64
	heard       int  // number of the last message
	undisturbed bool // the link never blocked, so that nothing may be missing
	moved       bool // owners have been lost, and messages with them
	ended       string
}

// world is an edge with fake clients at one entity, under the clock of a synctest bubble.
type world struct {
	edge    *edge.Edge
	owner   *owner
	clients []*fakeClient
	made    int  // clients
	said    int  // messages to everybody
	roomy   bool // rings keep everything
	moving  *moving
	away    bool // there is no owner, or none that is heard
}

type fataler interface{ Fatalf(string, ...any) }

// frames returns the frames that have come as a whole.
func (c *fakeClient) frames(t fataler) []string {
	switch c.kind {
	case events:
		return c.streamed(t)
	case polls:
		return c.polled(t)
	}
	c.bytes = append(c.bytes, c.socket.Got()...)
	var all []string
	for {
		r := &sliceReader{c.bytes}
		h, err := ws.ReadHeader(r)
		if err != nil || int64(len(r.b)) < h.Length {
			return all
		}
		payload := r.b[:h.Length]
		c.bytes = r.b[h.Length:]
		switch h.OpCode {
		case ws.OpText:
			if !json.Valid(payload) {
				t.Fatalf("%s: frame is no JSON: %.200q", c.conn, payload)
			}
			all = append(all, string(payload))
		case ws.OpClose:
			c.ended = fmt.Sprint(binary.BigEndian.Uint16(payload))
		case ws.OpPing, ws.OpPong:
		default:
			t.Fatalf("%s: opcode %x", c.conn, h.OpCode)
		}
	}
}

type sliceReader struct{ b []byte }

func (r *sliceReader) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.b)
	r.b = r.b[n:]
	return n, nil
}

// look checks what came for the client against what is promised.
func (c *fakeClient) look(t *rapid.T) {
	for _, text := range c.frames(t) {
		f, err := wire.DecodeServerFrame([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v: %.200s", c.conn, err, text)
		}
		switch f.Type {
		case "welcome":
			if !f.Resumed {
				var s struct{ N uint64 }
				if err := json.Unmarshal(f.Data, &s); err != nil || s.N != f.Revision {
					t.Fatalf("%s: state %s of revision %d", c.conn, f.Data, f.Revision)
				}
			} else if f.Revision != c.rev {
				t.Fatalf("%s: resumed at %d, want %d", c.conn, f.Revision, c.rev)
			}
			if c.welcomed && c.undisturbed {
				t.Fatalf("%s: a second welcome for a link that never blocked", c.conn)
			}
			if f.Revision < c.rev {
				t.Fatalf("%s: welcome at %d after revision %d", c.conn, f.Revision, c.rev)
			}
			c.welcomed, c.rev = true, f.Revision
		case "event":
			if !c.welcomed || f.Revision != c.rev+1 {
				t.Fatalf("%s: event %d after revision %d (welcomed %t)", c.conn, f.Revision, c.rev, c.welcomed)
			}
			c.rev = f.Revision
		case "ack":
			if f.ID != c.acked+1 || f.Revision > c.rev {
				t.Fatalf("%s: ack of %d at %d, want one of %d, and the client is at %d", c.conn, f.ID, f.Revision, c.acked+1, c.rev)
			}
			c.acked = f.ID
		case "message":
			var m struct {
				N   int
				Rev uint64
			}
			if err := json.Unmarshal(f.Data, &m); err != nil {
				t.Fatal(err)
			}
			switch {
			case f.By == "m-"+c.conn[:8]:
				t.Fatalf("%s: got its own signal", c.conn)
			case f.By != "":
			case m.N <= c.heard || (c.undisturbed && !c.moved && c.heard > 0 && m.N != c.heard+1):
				t.Fatalf("%s: message %d after %d", c.conn, m.N, c.heard)
			case c.undisturbed && m.Rev != c.rev:
				t.Fatalf("%s: message sent at %d comes at %d", c.conn, m.Rev, c.rev)
			default:
				c.heard = m.N
			}
		case "terminate":
			c.ended = f.Code
		}
	}
	if c.welcomed && c.kind != socket && c.cursor != fmt.Sprintf("e1:%d", c.rev) {
		t.Fatalf("%s: the cursor is %s at revision %d", c.conn, c.cursor, c.rev)
	}
}

func (w *world) join(t *rapid.T, query string, rev uint64, room int) {
	if w.away {
		t.Skip("nobody answers")
	}
	w.made++
	c := &fakeClient{
		kind: rapid.SampledFrom([]kind{socket, socket, events, polls}).Draw(t, "kind"),
		edge: w.edge, conn: conn(w.made), socket: edge.NewFakeSocket(), rev: rev, heard: w.said,
	}
	c.undisturbed = room == unlimited && w.roomy && c.kind != polls
	c.moved = w.moving != nil
	c.socket.Allow(room)
	if err := c.open(t.Context(), query); err != nil {
		t.Fatal(err)
	}
	w.clients = append(w.clients, c)
}

const unlimited = 1 << 40

func (w *world) pick(t *rapid.T) *fakeClient {
	if len(w.clients) == 0 {
		t.Skip("no clients")
	}
	return rapid.SampledFrom(w.clients).Draw(t, "client")
}

// text returns a client's masked text message.
func text(frames string) []byte {
	f := ws.MaskFrameInPlace(ws.NewTextFrame([]byte(frames)))
	b, err := ws.CompileFrame(f)
	if err != nil {
		panic(err)
	}
	return b
}

// TestLinksGetWhatIsPromised drives links at random: events, messages, signals and commands come
// while sockets block, links join, resume and leave, and rings lose their entries. Every link gets
// every event after the revision it knows, in order and once, or a fresh state, its own
// acknowledgements after the events they cover, and messages in their place.
func TestLinksGetWhatIsPromised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(bubbled{t}, func(t *rapid.T) { drive(t, nil) })
	})
}

// TestLinksNoticeNoChangeOfOwner does so while owners are lost with what they did last, and others come.
func TestLinksNoticeNoChangeOfOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(bubbled{t}, func(t *rapid.T) { drive(t, &moving{}) })
	})
}

// bubbled hides from rapid that there is a deadline, which nobody may ask for in a bubble.
type bubbled struct{ *testing.T }

func drive(t *rapid.T, m *moving) {
	b := localbus.New()
	ring := rapid.SampledFrom([]int{2 << 10, 16 << 10, 16 << 20}).Draw(t, "ring")
	config := edge.Config{
		Bus: b, Verifier: tokens{}, Categories: []edge.Category{{Name: "room"}}, Partitions: partitions, Workers: 2,
		Memory: edge.Memory{
			Ring:   ring,
			Behind: rapid.SampledFrom([]int{1 << 10, 8 << 10, 1 << 20}).Draw(t, "behind"),
		},
	}
	if m != nil {
		routed(m)(&config)
		config.Timing.Owner, config.Timing.Welcome = time.Hour, time.Hour
	}
	e, err := edge.New(config)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{edge: e, owner: newOwner(t, b), roomy: ring == 16<<20, moving: m}
	if m != nil {
		m.owner, w.owner.ledger = w.owner, true
	}
	w.owner.tooFar = rapid.Bool().Draw(t, "too far")
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() { defer close(done); _ = e.Run(ctx) }()
	defer func() { cancel(); <-done }()
	synctest.Wait()
	t.Repeat(w.actions())
	if m != nil {
		m.move()
		w.away = false
		time.Sleep(5 * time.Second) // of the bubble
	}
	for _, c := range w.clients {
		c.socket.Allow(unlimited)
	}
	synctest.Wait()
	w.owner.mu.Lock()
	head := uint64(len(w.owner.entity("room", "1").events))
	w.owner.mu.Unlock()
	for _, c := range w.clients {
		c.look(t)
		if c.ended != "" || c.rev != head || c.acked != c.commands {
			t.Fatalf("%s: at the end at revision %d of %d, %d of %d commands acknowledged, ended %q", c.conn, c.rev, head, c.acked, c.commands, c.ended)
		}
	}
}

func (w *world) actions() map[string]func(*rapid.T) {
	all := map[string]func(*rapid.T){
		"publish": func(t *rapid.T) {
			size := rapid.SampledFrom([]int{1, 100, 3000}).Draw(t, "size")
			w.owner.publish("room", "1", rapid.IntRange(1, 30).Draw(t, "count"), `"`+string(filler(size))+`"`)
		},
		"message": func(*rapid.T) {
			w.said++
			w.owner.mu.Lock()
			rev := len(w.owner.entity("room", "1").events)
			w.owner.mu.Unlock()
			w.owner.tell("room", "1", wire.Envelope{
				Kind: wire.KindMessage, Name: "note", Data: fmt.Appendf(nil, `{"n":%d,"rev":%d}`, w.said, rev),
			})
		},
		"command": func(t *rapid.T) {
			c := w.pick(t)
			if c.kind != socket {
				t.Skip("says nothing")
			}
			for range rapid.IntRange(1, 5).Draw(t, "count") {
				c.commands++
				c.socket.Send(text(fmt.Sprintf(`{"type":"command","id":%d,"name":"say","data":1}`, c.commands)))
			}
			synctest.Wait()
		},
		"signal": func(t *rapid.T) {
			c := w.pick(t)
			if c.kind != socket {
				t.Skip("says nothing")
			}
			c.socket.Send(text(`{"type":"signal","name":"typing","data":{}}`))
			synctest.Wait()
		},
		"join": func(t *rapid.T) { w.join(t, "", 0, unlimited) },
		"join slowly": func(t *rapid.T) {
			w.join(t, "", 0, rapid.IntRange(0, 300).Draw(t, "room"))
		},
		"resume": func(t *rapid.T) {
			w.owner.mu.Lock()
			head := uint64(len(w.owner.entity("room", "1").events))
			w.owner.mu.Unlock()
			rev := rapid.Uint64Range(0, head).Draw(t, "rev")
			w.join(t, fmt.Sprintf("&cursor=e1:%d", rev), rev, 0)
		},
		"leave": func(t *rapid.T) {
			c := w.pick(t)
			c.socket.Hangup()
			for i := range w.clients {
				if w.clients[i] == c {
					w.clients = append(w.clients[:i], w.clients[i+1:]...)
					break
				}
			}
		},
		"block": func(t *rapid.T) {
			c := w.pick(t)
			c.undisturbed = false
			c.socket.Block()
		},
		"allow": func(t *rapid.T) {
			w.pick(t).socket.Allow(rapid.SampledFrom([]int{1, 10, 200, 5000, 1 << 30}).Draw(t, "bytes"))
		},
		"regroup": func(t *rapid.T) {
			c := w.pick(t)
			c.undisturbed = false
			w.owner.regroup("room", "1", c.conn, rapid.SampledFrom([]string{"", "red", "blue"}).Draw(t, "audience"))
		},
		"age": func(*rapid.T) {
			synctest.Wait()
			w.edge.Age(2)
		},
		"wait": func(*rapid.T) {
			time.Sleep(100 * time.Millisecond) // of the bubble
			synctest.Wait()
		},
		"": func(t *rapid.T) {
			if rapid.Bool().Draw(t, "settle") {
				synctest.Wait()
			}
			for _, c := range w.clients {
				if c.kind != polls || !w.away { // whom nobody answers
					c.look(t)
				}
			}
		},
	}
	if w.moving != nil {
		maps.Copy(all, w.movingActions())
	}
	return all
}

func filler(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'x'
	}
	return b
}
