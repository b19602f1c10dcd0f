package edge_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

func TestHeartbeat(t *testing.T) {
	bubble(t, nil, func(t *testing.T, _ *platform, dial dialer) {
		good, deaf := dial(1, "", "ann"), dial(2, "", "bob")
		deaf.mu.Lock()
		deaf.deaf = true
		deaf.mu.Unlock()
		time.Sleep(110 * time.Second)
		deaf.wantEnd(`"code":"heartbeat_missed"`, wire.CloseHeartbeat, 75*time.Second, 78*time.Second)
		if last, _, ended := good.last(); !strings.Contains(last, "welcome") || ended != 0 {
			t.Errorf("the client that answers ended after %v with %s", ended, last)
		}
		good.mu.Lock()
		defer good.mu.Unlock()
		if len(good.pings) != 4 {
			t.Errorf("pings at %v, want 4 in 110 s", good.pings)
		}
	})
}

// TestDeadLinksAreForgotten: a link that has ended does not wait in memory for its token to expire.
func TestDeadLinksAreForgotten(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, dial dialer) {
		stays := dial(0, "", "ann;red;3600s")
		for i := range 1000 {
			c := dial(1+i, "", "bob;red;3600s")
			synctest.Wait()
			_ = c.conn.Close()
		}
		time.Sleep(time.Second)
		if _, _, ended := stays.last(); ended != 0 {
			t.Errorf("the link that stays ended after %v", ended)
		}
		p.stop()
		if n := p.edge.Deadlines(); n < 2 || n > 2*4*64 {
			t.Errorf("after 1,000 links have come and gone there are %d deadlines, want some for the one that stays and few beside", n)
		}
	})
}

// TestOneDeadlineForTokens: a link whose tokens expire now and then does not have another deadline for each of them.
func TestOneDeadlineForTokens(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, dial dialer) {
		c := dial(1, "", "ann;red;3600s")
		for i := range 200 {
			time.Sleep(2 * time.Second)
			_, _ = c.conn.Write(text([]string{`{"type":"auth","token":"ann;red"}`, `{"type":"auth","token":"ann;red;3600s"}`}[i%2]))
		}
		time.Sleep(time.Second)
		if last, _, ended := c.last(); ended != 0 {
			t.Errorf("the link ended after %v with %s", ended, last)
		}
		p.stop()
		if n := p.edge.Deadlines(); n > 3 {
			t.Errorf("there are %d deadlines of one link, want 3 at most", n)
		}
	})
}

func TestTokenExpires(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, dial dialer) {
		a, b := dial(1, "", "ann;red;60s"), dial(2, "", "bob;red;60s")
		c := dial(3, "", "cid;red;60s")
		time.Sleep(30 * time.Second)
		_, _ = b.conn.Write(text(`{"type":"auth","token":"bob;red;60s"}`))
		_, _ = c.conn.Write(text(`{"type":"auth","token":"cid;red;2s"}`)) // an earlier end is seen at the next heartbeat
		time.Sleep(29 * time.Second)
		if _, _, ended := a.last(); ended != 0 {
			t.Fatalf("ended after %v, before the token expires", ended)
		}
		time.Sleep(time.Minute)
		a.wantEnd(`"code":"token_expired","message":"the token has expired","reconnect":true`, wire.CloseToken, 60*time.Second, 63*time.Second)
		b.wantEnd(`"code":"token_expired"`, wire.CloseToken, 90*time.Second, 93*time.Second)
		c.wantEnd(`"code":"token_expired"`, wire.CloseToken, 32*time.Second, 53*time.Second)
		if n := len(p.owner.received(wire.KindClaims)); n != 2 {
			t.Errorf("the owner got fresh claims %d times, want 2", n)
		}
	})
}

// TestTokenExpiresByTheClock sets the clock while links are up.
func TestTokenExpiresByTheClock(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			var by atomic.Int64
			clock := func() time.Time { return time.Now().Round(0).Add(time.Duration(by.Load())) }
			bubble(t, func(c *edge.Config) { c.Clock = clock }, func(t *testing.T, p *platform, dial dialer) {
				short, long, lasting := dial(1, "", "ann;red;30m"), dial(2, "", "bob;red;90m"), dial(3, "", "cid")
				time.Sleep(10 * time.Second)
				by.Store(int64(step))
				time.Sleep(45 * time.Second) // a heartbeat and more
				_, _, ended := short.last()
				if (ended != 0) != (step > 0) {
					t.Errorf("after a step of %v the token for 30 min ended its link after %v", step, ended)
				}
				time.Sleep(85 * time.Minute)
				if step < 0 {
					if _, _, ended := short.last(); ended != 0 {
						t.Errorf("a link ended after %v, before its token", ended)
					}
					time.Sleep(6 * time.Minute)
					short.wantEnd(`"code":"token_expired"`, wire.CloseToken, 90*time.Minute, 91*time.Minute)
					time.Sleep(time.Hour)
					long.wantEnd(`"code":"token_expired"`, wire.CloseToken, 150*time.Minute, 151*time.Minute)
				} else {
					long.wantEnd(`"code":"token_expired"`, wire.CloseToken, 30*time.Minute, 31*time.Minute)
				}
				if last, _, ended := lasting.last(); ended != 0 {
					t.Errorf("the link whose token does not expire ended after %v with %s", ended, last)
				}
			})
		})
	}
}

// TestSilentEntity has an owner that says nothing: the upgrade does not wait for it for long, the
// link does.
func TestSilentEntity(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, dial dialer) {
		p.owner.mu.Lock()
		p.owner.silent[wire.KindAttach] = true
		p.owner.mu.Unlock()
		c := dial(1, "", "ann")
		time.Sleep(30 * time.Second)
		c.mu.Lock()
		pings := len(c.pings)
		c.mu.Unlock()
		if pings == 0 {
			t.Error("no ping within 30 s: the connection was not upgraded")
		}
		time.Sleep(time.Minute)
		c.wantEnd(`"code":"unavailable"`, wire.CloseDraining, time.Minute, 80*time.Second)
	})
}

// TestCloseIsBounded ends a link whose client never answers the close frame, and one whose client does.
func TestCloseIsBounded(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, dial dialer) {
		c, polite := dial(1, "", "ann"), dial(2, "", "bob")
		polite.mu.Lock()
		polite.polite = true
		polite.mu.Unlock()
		synctest.Wait()
		p.owner.tell("room", "1", wire.Envelope{Kind: wire.KindTerminate, Code: wire.EndGone})
		time.Sleep(5 * time.Second)
		c.wantEnd(`"code":"gone"`, wire.CloseGone, 2*time.Second, 2*time.Second)
		polite.wantEnd(`"code":"gone"`, wire.CloseGone, 0, time.Millisecond)
		synctest.Wait()
		if s := p.edge.Stats(); s.Links != 0 {
			t.Errorf("%d links left, want none", s.Links)
		}
	})
}

// TestDrainIsSpread tells all clients at once to come back, each after a time of its own.
func TestDrainIsSpread(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, dial dialer) {
		var clients []*pipeClient
		for i := range 40 {
			clients = append(clients, dial(i, "", "ann"))
		}
		synctest.Wait()
		start := time.Now()
		p.stop()
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("Run returned %v after it was told to stop, want 3 s at most", took)
		}
		least, most := time.Hour, time.Duration(0)
		for _, c := range clients {
			last, code, _ := c.last()
			f, err := wire.DecodeServerFrame([]byte(last))
			if err != nil || f.Code != wire.EndDraining || !f.Reconnect || code != wire.CloseDraining {
				t.Fatalf("last frame %s, close code %d, want draining", last, code)
			}
			after := time.Duration(f.After) * time.Millisecond
			least, most = min(least, after), max(most, after)
		}
		if least == most || most > 5*time.Second || most < 2*time.Second {
			t.Errorf("clients come back after %v to %v, want them spread over 5 s", least, most)
		}
	})
}

// TestPortablePath sends a large state and many events through sockets that only know net.Conn.
func TestPortablePath(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, dial dialer) {
		p.owner.mu.Lock()
		p.owner.state = []byte(`{"n":0,"big":"` + strings.Repeat("x", 3<<20) + `"}`)
		p.owner.mu.Unlock()
		c := dial(1, "", "ann")
		synctest.Wait()
		for range 50 {
			p.owner.publish("room", "1", 20, `"`+strings.Repeat("y", 500)+`"`)
		}
		_, _ = c.conn.Write(text(command(1, "1")))
		synctest.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.texts) != 1003 || !strings.Contains(c.texts[1000], `"rev":1000`) || !strings.Contains(c.texts[1002], `"ack"`) {
			t.Fatalf("%d frames, want a welcome, 1,001 events and an ack", len(c.texts))
		}
		if len(c.texts[0]) < 3<<20 {
			t.Errorf("welcome of %d bytes, want the whole state", len(c.texts[0]))
		}
	})
}

// TestLinksMoveElsewhere tells clients one after the other to come back at once, and serves each until it is its turn.
func TestLinksMoveElsewhere(t *testing.T) {
	const many = 400
	bubble(t, func(c *edge.Config) {
		c.Elsewhere, c.Timing.Drain = func() bool { return true }, 3*time.Second
	}, func(t *testing.T, p *platform, dial dialer) {
		var clients []*pipeClient
		for i := range many {
			clients = append(clients, dial(i, "", "ann"))
		}
		synctest.Wait()
		start := time.Now()
		stopped := make(chan struct{})
		go func() { defer close(stopped); p.stop() }()
		time.Sleep(4 * time.Second) // of 5
		synctest.Wait()
		left := 0
		for _, c := range clients {
			if _, code, _ := c.last(); code == 0 {
				left++
				_, _ = c.conn.Write(text(command(1, "1")))
			}
		}
		if left < many/10 || left > many*3/10 {
			t.Errorf("%d links of %d after 4 s, want about a fifth", left, many)
		}
		synctest.Wait()
		acked := 0
		for _, c := range clients {
			c.mu.Lock()
			if slices.ContainsFunc(c.texts, func(s string) bool { return strings.Contains(s, `"ack"`) }) {
				acked++
			}
			c.mu.Unlock()
		}
		if acked != left {
			t.Errorf("%d links are served, want the %d that are left", acked, left)
		}
		if problem := p.refusedPipe(t, many); !strings.Contains(problem, "503") || !strings.Contains(problem, "Retry-After: 0") ||
			!strings.Contains(problem, "Connection: close") {
			t.Errorf("a new link is answered %q, want 503 without a delay, and no more over that connection", problem)
		}
		<-stopped
		if took := time.Since(start); took < 6*time.Second+time.Second/2 || took > 7*time.Second+time.Second/2 {
			t.Errorf("Run returned %v after it was told to stop, want 5 s, and 2 s for clients that do not close", took)
		}
		for _, c := range clients {
			last, code, _ := c.last()
			if code != wire.CloseDraining || !strings.Contains(last, `"reconnect":true,"after":0`) {
				t.Fatalf("last frame %s, close code %d, want to come back at once", last, code)
			}
		}
	})
}

// refusedPipe asks for a link and returns the head of the answer.
func (p *platform) refusedPipe(t *testing.T, i int) string {
	t.Helper()
	r, _ := p.pipe(t, "GET /v1/room/1?conn="+conn(i)+" HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"+
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+
		"Sec-WebSocket-Protocol: tutti.v1\r\nAuthorization: Bearer ann\r\n\r\n")
	head := ""
	for {
		line, err := r.ReadString('\n')
		if head += line; err != nil || line == "\r\n" {
			return head
		}
	}
}
