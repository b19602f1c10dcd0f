package edge_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/internal/latency"
	"github.com/tutti-rt/tutti/wire"
)

func (c *pipeClient) setLag(lag time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lag = lag
}

func wantHop(t *testing.T, name string, got latency.Distribution, count uint64, sum time.Duration) {
	t.Helper()
	if got.Count != count || got.Sum != sum {
		t.Errorf("%s = %d times, %v together, want %d and %v", name, got.Count, got.Sum, count, sum)
	}
}

func TestRoundTripOfHeartbeats(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, dial dialer) {
		c := dial(1, "", "ann")
		synctest.Wait()
		c.setLag(30 * time.Millisecond)
		_, _ = c.conn.Write(masked(ws.OpPong, true, "")) // of no ping: does not count
		time.Sleep(60 * time.Second)
		// The first frame was being waited for before there was a lag.
		wantHop(t, "RoundTrip", p.edge.Stats().RoundTrip, 2, 30*time.Millisecond)
	})
}

func TestPingReportsAndPongTells(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, dial dialer) {
		c := dial(1, "", "ann")
		time.Sleep(time.Second)
		sent := time.Now()
		_, _ = c.conn.Write(masked(ws.OpText, true, `{"type":"ping","t":1,"up":7000,"down":60000000}`))
		synctest.Wait()
		last, _, _ := c.last()
		var pong struct {
			Type string
			At   int64
		}
		if err := json.Unmarshal([]byte(last), &pong); err != nil || pong.Type != "pong" || pong.At != sent.UnixMicro() {
			t.Errorf("a ping is answered with %s, want a pong with at %d", last, sent.UnixMicro())
		}
		s := p.edge.Stats()
		wantHop(t, "ClientEdge", s.Hops.ClientEdge, 1, 7*time.Millisecond)
		wantHop(t, "EdgeClient", s.Hops.EdgeClient, 1, time.Minute)
		wantHop(t, "Edge", s.Hops.Edge, 1, 0)

		_, _ = c.conn.Write(masked(ws.OpText, true, `{"type":"ping","t":1,"up":60000001}`))
		time.Sleep(3 * time.Second)
		c.wantEnd("bad_frame", wire.CloseBadFrame, 0, time.Minute)
		wantHop(t, "ClientEdge", p.edge.Stats().Hops.ClientEdge, 1, 7*time.Millisecond)
	})
}

// TestFanoutEndsAtTheSocket: what an effect took from its owner to the edge counts, and so does waiting for a client that
// does not read; what a link catches up on does not.
func TestFanoutEndsAtTheSocket(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, dial dialer) {
		c := dial(1, "", "ann")
		synctest.Wait()
		say := func(ago time.Duration) {
			p.owner.tell("room", "1", wire.Envelope{
				Kind: wire.KindMessage, Name: "said", Data: []byte("1"), Sent: time.Now().Add(-ago).UnixMicro(),
			})
		}
		say(20 * time.Millisecond)
		time.Sleep(time.Second)
		wantHop(t, "Fanout", p.edge.Stats().Hops.Fanout, 1, 20*time.Millisecond)

		c.setLag(50 * time.Millisecond)
		say(0) // its header is being waited for
		say(0) // is written when the first has been read, and after that lag
		time.Sleep(time.Second)
		s := p.edge.Stats().Hops.Fanout
		if s.Count < 2 || s.Max < 50*time.Millisecond || s.Max > 60*time.Millisecond {
			t.Errorf("a client that reads after 50 ms makes Fanout %d times, %v at most", s.Count, s.Max)
		}

		c.setLag(0)
		p.owner.publish("room", "1", 3, "1")
		time.Sleep(time.Second)
		before := p.edge.Stats().Hops.Fanout
		again := dial(2, fmt.Sprintf("&cursor=%s:0", epochOf(c)), "bob")
		time.Sleep(time.Second)
		if last, _, _ := again.last(); !strings.Contains(last, `"rev":3`) {
			t.Fatalf("who comes back has %s, want event 3", last)
		}
		wantHop(t, "Fanout after a replay", p.edge.Stats().Hops.Fanout, before.Count, before.Sum)
	})
}

// TestFanoutOverSockets: each link's write counts, also where workers write themselves.
func TestFanoutOverSockets(t *testing.T) {
	both(t, func(t *testing.T, start starter) {
		p := start(t, nil)
		const links, ago = 100, 300 * time.Millisecond
		var clients []*client
		for i := range links {
			clients = append(clients, p.dial(t, "1", i, "", "ann"))
			clients[i].want(`"welcome"`)
		}
		p.owner.tell("room", "1", wire.Envelope{
			Kind: wire.KindMessage, Name: "said", Data: []byte("1"), Sent: time.Now().Add(-ago).UnixMicro(),
		})
		for _, c := range clients {
			c.want(`"message"`)
		}
		waitFor(t, func() bool { return p.edge.Stats().Hops.Fanout.Count == links })
		if d := p.edge.Stats().Hops.Fanout; d.Sum < links*ago {
			t.Errorf("Fanout = %d times, %v together, want %d of %v at least", d.Count, d.Sum, links, ago)
		}
	})
}

func epochOf(c *pipeClient) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var welcome struct{ Epoch string }
	_ = json.Unmarshal([]byte(c.texts[0]), &welcome) // an epoch that is missing fails later
	return welcome.Epoch
}
