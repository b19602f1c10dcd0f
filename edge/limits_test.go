package edge_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

func command(id int, data string) string {
	return fmt.Sprintf(`{"type":"command","id":%d,"name":"say","data":%s}`, id, data)
}

func TestUnansweredCommandsAreBounded(t *testing.T) {
	p := start(t, nil)
	p.owner.mu.Lock()
	p.owner.silent[wire.KindCommand] = true
	p.owner.mu.Unlock()
	c := p.dial(t, "1", 1, "&watch=0", "ann")
	c.want(`"welcome"`)
	for id := range 256 {
		c.send(command(id+1, "1"))
	}
	c.send(command(256, "1")) // a repetition takes no further place
	c.send(command(257, "1"))
	c.want(`{"type":"reject","id":257,"code":"overloaded"`)
	if n := len(p.owner.received(wire.KindCommand)); n != 257 {
		t.Errorf("the owner got %d commands, want 257", n)
	}
	// An answer makes room for one more.
	p.owner.tell("room", "1", wire.Envelope{Kind: wire.KindAck, Link: p.owner.linkOf(conn(1)), Command: 3})
	c.want(`{"type":"ack","id":3,`)
	c.send(command(258, "1"), command(259, "1"))
	c.want(`{"type":"reject","id":259,"code":"overloaded"`)
	p.owner.tell("room", "1", wire.Envelope{Kind: wire.KindReject, Link: p.owner.linkOf(conn(1)), Command: 4, Code: "invalid"})
	c.want(`{"type":"reject","id":4,`)
	c.send(command(260, "1"), command(261, "1"))
	c.want(`{"type":"reject","id":261,"code":"overloaded"`)
}

func TestLargeDataIsRejected(t *testing.T) {
	p := start(t, func(c *edge.Config) { c.Limits.CommandData = 100 })
	c := p.dial(t, "1", 1, "", "ann")
	c.want(`"welcome"`)
	big := `"` + strings.Repeat("x", 100) + `"`
	c.send(command(1, big), strings.Replace(command(2, big), "command", "query", 1), command(3, "1"))
	c.want(`{"type":"reject","id":1,"code":"too_large"`, `{"type":"reject","id":2,"code":"too_large"`, `"event"`, `{"type":"ack","id":3,`)
	c.send(`{"type":"signal","name":"typing","data":` + big + `}`)
	c.wantEnd(wire.EndFrameTooLarge, wire.CloseFrameTooLarge)
}

func TestLinkRate(t *testing.T) {
	for name, limits := range map[string]edge.Limits{
		"frames":           {LinkFrames: 10},
		"frames in a line": {LinkFrames: 10},
		"bytes":            {LinkBytes: 500, Frame: 500},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, func(c *edge.Config) { c.Limits = limits })
			other := p.dial(t, "1", 2, "", "ann")
			other.want(`"welcome"`)
			c := p.dial(t, "1", 1, "&watch=0", "ann")
			c.want(`"welcome"`)
			if name == "frames in a line" {
				var all []string
				for id := range 12 {
					all = append(all, command(id+1, "1"))
				}
				c.send(all...)
			} else {
				for id := range 12 {
					c.send(command(id+1, "1"))
				}
			}
			last, code := c.ended()
			if code != wire.CloseRate || !strings.Contains(last, `"rate_limited"`) || !strings.Contains(last, `"reconnect":true,"after":`) {
				t.Errorf("ended with %s, %d, want rate_limited to come back later, and %d", last, code, wire.CloseRate)
			}
			other.want(`"event"`)
		})
	}
}

func TestSubjectRate(t *testing.T) {
	p := start(t, func(c *edge.Config) { c.Limits.SubFrames = 4 })
	a := p.dial(t, "1", 1, "&watch=0", "ann")
	a.want(`"welcome"`)
	b := p.dial(t, "1", 2, "&watch=0", "ann")
	b.want(`"welcome"`)
	a.send(command(1, "1"), command(2, "1"), command(3, "1"))
	a.want(`{"type":"ack","id":1,`, `{"type":"ack","id":2,`, `{"type":"ack","id":3,`)
	b.send(command(1, "1"))
	b.want(`{"type":"ack","id":1,`)
	b.send(command(2, "1"), `{"type":"signal","name":"x","data":1}`, `{"type":"query","id":3,"name":"x"}`)
	b.want(`{"type":"reject","id":2,"code":"rate_limited"`, `{"type":"reject","id":3,"code":"rate_limited"`)
	if n := len(p.owner.received(wire.KindSignal)); n != 0 {
		t.Errorf("the owner got %d signals beyond the rate, want none", n)
	}
	c := p.dial(t, "1", 3, "&watch=0", "bob")
	c.want(`"welcome"`)
	c.send(command(1, "1"))
	c.want(`"ack"`)
}

func TestLinksAreBounded(t *testing.T) {
	refused := func(t *testing.T, p *platform, i int, token string, status int) {
		t.Helper()
		_, resp, err := p.tryDial(t, "1", conn(i), "", token)
		if err == nil || resp == nil || resp.StatusCode != status || resp.Header.Get("Retry-After") == "" {
			t.Errorf("dial = %v, %v, want %d with Retry-After", resp, err, status)
		}
	}
	t.Run("subject", func(t *testing.T) {
		p := start(t, func(c *edge.Config) { c.Limits.SubLinks = 2 })
		p.dial(t, "1", 1, "", "ann")
		gone := p.dial(t, "2", 2, "", "ann")
		refused(t, p, 3, "ann", http.StatusTooManyRequests)
		p.dial(t, "1", 4, "", "bob")
		gone.send(`{"type":"leave"}`)
		gone.ended()
		waitFor(t, func() bool { return p.edge.Stats().Links == 2 })
		p.dial(t, "1", 5, "", "ann")
	})
	t.Run("edge", func(t *testing.T) {
		p := start(t, func(c *edge.Config) { c.Limits.Links = 1 })
		p.dial(t, "1", 1, "", "ann")
		refused(t, p, 2, "bob", http.StatusServiceUnavailable)
	})
	t.Run("handshakes", func(t *testing.T) {
		p := start(t, func(c *edge.Config) { c.Limits.Handshakes = 1 })
		p.dial(t, "1", 1, "", "ann")
		refused(t, p, 2, "bob", http.StatusTooManyRequests)
	})
	t.Run("handshakes without a token take none from others", func(t *testing.T) {
		p := start(t, func(c *edge.Config) { c.Limits.Handshakes = 1 })
		for range 10 {
			if _, resp, err := p.tryDial(t, "1", conn(1), "", "bad"); err == nil || resp == nil || resp.StatusCode != http.StatusUnauthorized {
				t.Fatalf("dial with a bad token = %v, %v, want 401", resp, err)
			}
		}
		p.dial(t, "1", 1, "", "ann")
	})
	t.Run("handshakes that a subject may not take from others", func(t *testing.T) {
		p := start(t, func(c *edge.Config) {
			c.Limits.Handshakes, c.Limits.SubHandshakes, c.Limits.SubLinks = 4, 2, 2
		})
		for i := range 10 {
			_, _, _ = p.tryDial(t, "1", conn(i), "", "ann") // most of them are refused
		}
		p.dial(t, "1", 10, "", "bob")
	})
	t.Run("handshakes of a subject", func(t *testing.T) {
		p := start(t, func(c *edge.Config) { c.Limits.SubHandshakes, c.Limits.SubLinks = 1, 1 })
		c := p.dial(t, "1", 1, "", "ann")
		c.send(`{"type":"leave"}`)
		c.ended()
		waitFor(t, func() bool { return p.edge.Stats().Links == 0 })
		refused(t, p, 2, "ann", http.StatusTooManyRequests)
		p.dial(t, "1", 3, "", "bob")
	})
}

func TestGoodbyes(t *testing.T) {
	p := start(t, nil)
	for i, c := range []struct {
		name  string
		leave func(*client)
		want  bool
	}{
		{"leave", func(c *client) { c.send(`{"type":"leave"}`); c.ended() }, true},
		{"close", func(c *client) { _ = c.ws.Close(1000, "") }, false},
		{"broken", func(c *client) { _ = c.ws.CloseNow() }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := p.dial(t, "1", i, "", "ann")
			k.want(`"welcome"`)
			c.leave(k)
			waitFor(t, func() bool { return len(p.owner.received(wire.KindDetach)) == i+1 })
			if got := p.owner.received(wire.KindDetach)[i].Has(wire.Leave); got != c.want {
				t.Errorf("Leave = %t, want %t", got, c.want)
			}
		})
	}
}

func TestPresenceAndAudiences(t *testing.T) {
	p := start(t, nil)
	a := p.dial(t, "1", 1, "&presence=1", "ann;red")
	a.want(`"welcome"`, `{"type":"presence","count":1}`)
	b := p.dial(t, "1", 2, "", "bob;blue")
	b.want(`"welcome"`)
	c := p.dial(t, "1", 3, "&watch=0", "cid;red")
	c.want(`"welcome"`)
	tell := func(e wire.Envelope) { p.owner.tell("room", "1", e) }
	tell(wire.Envelope{Kind: wire.KindPresenceChange, Data: []byte(`{"count":2}`)})
	tell(wire.Envelope{Kind: wire.KindMessage, Name: "to-red", Audience: "red", Flags: wire.ToGroup})
	tell(wire.Envelope{Kind: wire.KindMessage, Name: "to-all"})
	tell(wire.Envelope{Kind: wire.KindMessage, Name: "to-bob", Link: p.owner.linkOf(conn(2))})
	tell(wire.Envelope{Kind: wire.KindStatus, Code: wire.StatusRecovering})
	a.want(`"count":2`, "to-red", "to-all", "recovering")
	b.want("to-all", "to-bob", "recovering")
	c.want("recovering")
	a.send(`{"type":"presence","data": {"x": 1} }`)
	waitFor(t, func() bool { return len(p.owner.received(wire.KindPresence)) == 1 })
	if got := string(p.owner.received(wire.KindPresence)[0].Data); got != `{"x":1}` {
		t.Errorf("presence data = %s, want it compact", got)
	}
	tell(wire.Envelope{Kind: wire.KindTerminate, Code: wire.EndGone})
	a.wantEnd(`"gone"`, wire.CloseGone)
	b.wantEnd(`"gone"`, wire.CloseGone)
	c.wantEnd(`"gone"`, wire.CloseGone)
}

// TestTrace wants every hop of a traced command, and the sender's clock on every envelope.
func TestTrace(t *testing.T) {
	p := start(t, nil)
	c := p.dial(t, "1", 1, "", "ann")
	c.want(`"welcome"`)
	c.send(`{"type":"command","id":1,"name":"say","trace":true,"expect":7}`)
	c.want(`"event"`, `"ack"`)
	e := p.owner.received(wire.KindCommand)[0]
	if !e.Has(wire.Trace|wire.HasExpect) || e.Expect != 7 || e.Sent == 0 {
		t.Errorf("command = %+v, want Trace, Expect 7 and Sent", e)
	}
	p.owner.tell("room", "1", wire.Envelope{
		Kind: wire.KindAck, Link: p.owner.linkOf(conn(1)), Command: 1, Sent: e.Sent - 1000,
		Hops: &wire.Hops{Edge: 1, Bus: 2, Mailbox: 3, Handler: 4, Journal: 5},
	})
	f, err := wire.DecodeServerFrame([]byte(c.next()))
	if err != nil || f.Hops == nil {
		t.Fatalf("ack = %+v, %v, want hops", f, err)
	}
	if f.Hops.Fanout < 1000 || f.Hops.Journal != 5 {
		t.Errorf("hops = %+v, want a fan-out of 1,000 µs and more", *f.Hops)
	}
}
