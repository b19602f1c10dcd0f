package edge_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/edge"
)

// sockets runs a test with fake sockets at one entity, under a clock of its own.
func sockets(t *testing.T, m edge.Memory, test func(t *testing.T, p *platform, open func(i int, query string) *fakeClient)) {
	synctest.Test(t, func(t *testing.T) {
		b := localbus.New()
		e, err := edge.New(edge.Config{
			Bus: b, Verifier: tokens{}, Categories: []edge.Category{{Name: "room"}}, Partitions: partitions,
			Workers: 2, Memory: m,
		})
		if err != nil {
			t.Fatal(err)
		}
		p := &platform{edge: e, owner: newOwner(t, b)}
		done := make(chan struct{})
		go func() { defer close(done); _ = e.Run(t.Context()) }()
		t.Cleanup(func() { <-done })
		synctest.Wait() // until Run listens
		test(t, p, func(i int, query string) *fakeClient {
			c := &fakeClient{conn: conn(i), socket: edge.NewFakeSocket()}
			t.Cleanup(c.socket.Hangup)
			if err := e.Open(t.Context(), "room", "1", c.conn, query, tutti.Claims{Subject: "ann"}, c.socket); err != nil {
				t.Fatal(err)
			}
			return c
		})
	})
}

// TestStalledClientsAreEnded has two clients that take nothing, one of which starts again in time.
func TestStalledClientsAreEnded(t *testing.T) {
	sockets(t, edge.Memory{}, func(t *testing.T, p *platform, open func(int, string) *fakeClient) {
		good, stalled, late := open(1, ""), open(2, ""), open(3, "")
		good.socket.Allow(unlimited)
		for range 90 {
			p.owner.publish("room", "1", 10, `"`+strings.Repeat("x", 100)+`"`)
			time.Sleep(100 * time.Millisecond)
		}
		late.socket.Allow(unlimited)
		time.Sleep(2 * time.Second)
		stalled.socket.Allow(unlimited) // in the moment that it has to take its last frame
		time.Sleep(5 * time.Second)
		count := func(c *fakeClient) (events int, last string) {
			for _, f := range c.frames(t) {
				last = f
				if strings.Contains(f, `"event"`) {
					events++
				}
			}
			return events, last
		}
		if n, last := count(good); n != 900 || good.socket.Closed() {
			t.Errorf("the client that reads got %d events, last %s, want 900", n, last)
		}
		if n, last := count(late); n != 900 || late.socket.Closed() {
			t.Errorf("the client that stalled for 9 s got %d events, last %s, want 900", n, last)
		}
		_, last := count(stalled)
		if !strings.Contains(last, `"slow_consumer"`) || !strings.Contains(last, `"reconnect":true`) || stalled.ended != "4508" || !stalled.socket.Closed() {
			t.Errorf("the client that stalled for 11 s got %s, close code %s, want slow_consumer and 4508", last, stalled.ended)
		}
		if s := p.edge.Stats(); s.SlowConsumers != 1 || s.Links != 2 {
			t.Errorf("Stats() = %+v, want one slow consumer and two links", s)
		}
	})
}

// TestPrivateFramesAreBounded has clients that ask and do not take the answers.
func TestPrivateFramesAreBounded(t *testing.T) {
	for name, m := range map[string]edge.Memory{
		"frames":   {PrivateFrames: 20},
		"bytes":    {LinkPrivate: 20_000},
		"together": {Private: 70_000},
	} {
		t.Run(name, func(t *testing.T) {
			sockets(t, m, func(t *testing.T, p *platform, open func(int, string) *fakeClient) {
				c, good := open(1, "&watch=0"), open(2, "&watch=0")
				good.socket.Allow(unlimited)
				for id := range 100 {
					q := text(fmt.Sprintf(`{"type":"query","id":%d,"name":"get","data":"%s"}`, id+1, strings.Repeat("x", 2000)))
					c.socket.Send(append([]byte(nil), q...))
					good.socket.Send(q)
					synctest.Wait()
				}
				c.socket.Allow(unlimited)
				synctest.Wait()
				frames := c.frames(t)
				if last := frames[len(frames)-1]; !strings.Contains(last, `"slow_consumer"`) || c.ended != "4508" {
					t.Errorf("ended with %.200s, %s, want slow_consumer and 4508", last, c.ended)
				}
				if n := len(good.frames(t)); n != 101 {
					t.Errorf("the client that reads got %d frames, want 101", n)
				}
				c.socket.Hangup()
				synctest.Wait()
				if s := p.edge.Stats(); s.PrivateBytes != 0 {
					t.Errorf("%d private bytes are still counted, want none", s.PrivateBytes)
				}
			})
		})
	}
}

// TestConflation has a client that falls far behind, and gets a fresh state instead of all it has
// missed.
func TestConflation(t *testing.T) {
	sockets(t, edge.Memory{Behind: 10_000}, func(t *testing.T, p *platform, open func(int, string) *fakeClient) {
		c := open(1, "")
		c.socket.Allow(400)
		synctest.Wait()
		c.socket.Send(text(command(1, "1")))
		synctest.Wait()
		p.owner.publish("room", "1", 1000, `"`+strings.Repeat("x", 100)+`"`)
		synctest.Wait()
		c.socket.Allow(unlimited)
		synctest.Wait()
		p.owner.publish("room", "1", 1, `"end"`)
		synctest.Wait()
		frames := c.frames(t)
		var welcomes, acks, after int
		for _, f := range frames {
			switch {
			case strings.Contains(f, `"welcome"`):
				welcomes++
				after = 0
			case strings.Contains(f, `"ack"`):
				acks++
			case strings.Contains(f, `"event"`):
				after++
			}
		}
		if last := frames[len(frames)-1]; welcomes != 2 || acks != 1 || after != 1 || !strings.Contains(last, `"end"`) {
			t.Errorf("%d welcomes, %d acks, %d events after the last welcome, last frame %s, want 2, 1, 1 and the end", welcomes, acks, after, last)
		}
		if s := p.edge.Stats(); s.Conflations != 1 {
			t.Errorf("%d conflations, want 1", s.Conflations)
		}
	})
}

// TestLargeWelcome gives one link a state of 8 MiB that it takes slowly, while others get events.
func TestLargeWelcome(t *testing.T) {
	sockets(t, edge.Memory{}, func(t *testing.T, p *platform, open func(int, string) *fakeClient) {
		good := open(1, "")
		good.socket.Allow(unlimited)
		p.owner.mu.Lock()
		p.owner.state = []byte(`{"n":0,"big":"` + strings.Repeat("x", 8<<20) + `"}`)
		p.owner.mu.Unlock()
		big := open(2, "")
		synctest.Wait()
		for i := range 100 {
			big.socket.Allow(50_000)
			p.owner.publish("room", "1", 1, "1")
			synctest.Wait()
			if n := len(good.frames(t)); n != 1 && i > 0 {
				t.Fatalf("the other link got %d frames of event %d, want 1", n, i+1)
			}
		}
		if got := big.frames(t); len(got) != 0 {
			t.Errorf("got %d frames of 5 of 8 MiB", len(got))
		}
		big.socket.Allow(unlimited)
		synctest.Wait()
		if got := big.frames(t); len(got) != 101 || len(got[0]) < 8<<20 || !strings.Contains(got[100], `"rev":100`) {
			t.Errorf("got %d frames, want the state and 100 events", len(got))
		}
		if s := p.edge.Stats(); s.Conflations != 0 {
			t.Errorf("%d conflations of a link that is behind by less than its state, want none", s.Conflations)
		}
	})
}

// TestManyStalledClients lets 2 % of the links stall over real sockets while the others get every
// event.
func TestManyStalledClients(t *testing.T) { both(t, testManyStalledClients) }

func testManyStalledClients(t *testing.T, start starter) {
	p := start(t, func(c *edge.Config) {
		c.Timing.Drained, c.Timing.Close = 500*time.Millisecond, 200*time.Millisecond
		c.Memory.Ring, c.Memory.Behind = 256<<10, 64<<10
	})
	var good []*client
	for i := range 10 {
		good = append(good, p.dial(t, "1", i, "", "ann"))
		good[i].want(`"welcome"`)
	}
	for i := range 3 {
		r := p.raw(t, 100+i, "")
		if err := r.tcp.SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
	}
	data := `"` + strings.Repeat("x", 40_000) + `"`
	for i := range 60 {
		p.owner.publish("room", "1", 1, data)
		for _, c := range good {
			c.want(fmt.Sprintf(`"rev":%d,`, i+1))
		}
	}
	waitFor(t, func() bool { return p.edge.Stats().SlowConsumers == 3 })
	waitFor(t, func() bool { return p.edge.Stats().Links == 10 })
	if s := p.edge.Stats(); s.RingBytes > 1<<20 || s.PrivateBytes != 0 {
		t.Errorf("Stats() = %+v, want about 256 KiB of rings", s)
	}
}

// TestSlowWelcome gives one client a state of 1 MiB that it takes in small bites over a real socket, while
// another gets events.
func TestSlowWelcome(t *testing.T) { both(t, testSlowWelcome) }

func testSlowWelcome(t *testing.T, start starter) {
	p := start(t, nil)
	good := p.dial(t, "1", 1, "", "ann")
	good.want(`"welcome"`)
	big := strings.Repeat("0123456789abcdef", 1<<16)
	p.owner.mu.Lock()
	p.owner.state = []byte(`{"n":0,"big":"` + big + `"}`)
	p.owner.mu.Unlock()
	slow := p.raw(t, 2, "")
	if err := slow.tcp.SetReadBuffer(32 << 10); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return p.edge.Stats().Blocked > 0 })
	for i := range 20 {
		p.owner.publish("room", "1", 1, "1")
		good.want(fmt.Sprintf(`"rev":%d,`, i+1))
	}
	op, welcome, err := slow.next()
	if err != nil || op != ws.OpText || !strings.Contains(welcome, big) {
		t.Fatalf("got %v of %d bytes, %v, want the welcome with the whole state", op, len(welcome), err)
	}
	for i := range 20 {
		slow.wantText(fmt.Sprintf(`"rev":%d,`, i+1))
	}
	// Both sides close, in order.
	slow.write(masked(ws.OpText, true, `{"type":"leave"}`))
	if _, code := slow.end(); code != 1000 {
		t.Errorf("close code = %d, want 1000", code)
	}
	waitFor(t, func() bool { return p.edge.Stats().Links == 1 })
}
