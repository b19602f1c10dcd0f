package client_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/wire"
)

const ms = time.Millisecond

// edgeNow returns a clock that is an hour ahead of the client's.
func edgeNow() int64 { return time.Now().Add(time.Hour).UnixMicro() }

// ping has the client ping over a network that takes so long each way, and returns what it sent and what it got.
func ping(t *testing.T, c *client.Client, l *serverLink, up, down time.Duration) (wire.ClientFrame, client.Latency) {
	t.Helper()
	sent := make(chan wire.ClientFrame, 1)
	go func() {
		f := l.frame()
		sent <- f
		time.Sleep(up)
		at := edgeNow()
		time.Sleep(2*ms + down)
		l.send(`{"type":"pong","t":"of another","edge_us":1,"state_us":1,"at":1}`,
			fmt.Sprintf(`{"type":"pong","t":%s,"edge_us":1500,"state_us":500,"at":%d}`, f.T, at))
	}()
	got, err := c.Latency(t.Context())
	if err != nil {
		t.Fatalf("Latency = %v", err)
	}
	return <-sent, got
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(5, "{}"))
		for _, step := range []struct {
			up, down         time.Duration
			tells            bool
			toldUp, toldDown int64
			wantUp, wantDown time.Duration
		}{
			{up: 30 * ms, down: 10 * ms, wantUp: 20 * ms, wantDown: 20 * ms}, // nothing is known yet: halves
			{up: 5 * ms, down: 5 * ms, tells: true, toldUp: 20_000, toldDown: 20_000, wantUp: 5 * ms, wantDown: 5 * ms},
			{up: 55 * ms, down: 5 * ms, tells: true, toldUp: 5_000, toldDown: 5_000, wantUp: 55 * ms, wantDown: 5 * ms},
			{up: 5 * ms, down: 61 * time.Second, tells: true, toldUp: 55_000, toldDown: 5_000, wantUp: 5 * ms, wantDown: 61 * time.Second},
			{up: 5 * ms, down: 6 * ms, tells: true, toldUp: 5_000, toldDown: -1, wantUp: 5 * ms, wantDown: 6 * ms},
		} {
			f, got := ping(t, c, l, step.up, step.down)
			if f.HasUp != step.tells || f.HasDown != (step.tells && step.toldDown >= 0) || f.HasUp && f.Up != step.toldUp || f.HasDown && f.Down != step.toldDown {
				t.Errorf("%v up and %v down: the ping says %d %t, %d %t", step.up, step.down, f.Up, f.HasUp, f.Down, f.HasDown)
			}
			want := client.Latency{
				RoundTrip: step.up + step.down + 2*ms, ClientEdge: step.wantUp, EdgeClient: step.wantDown,
				Edge: 1500 * time.Microsecond, State: 500 * time.Microsecond,
			}
			if got != want {
				t.Errorf("%v up and %v down: Latency = %+v, want %+v", step.up, step.down, got, want)
			}
		}

		go func() {
			l.frame()
			l.drop()
		}()
		if _, err := c.Latency(t.Context()); !errors.Is(err, client.ErrOffline) {
			t.Errorf("Latency over a link that breaks = %v, want ErrOffline", err)
		}
		again := s.link()
		again.send(welcome(5, "{}"))
		synctest.Wait()
		// The next link may be at another edge, with another clock.
		if f, got := ping(t, c, again, 30*ms, 10*ms); f.HasUp || f.HasDown || got.ClientEdge != 20*ms {
			t.Errorf("over a new link the ping is %+v and Latency = %+v, want it to know nothing", f, got)
		}
	})
}

func TestLatencyOfCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(5, "{}"))
		ping(t, c, l, 4*ms, 4*ms)
		go func() {
			f := l.frame()
			time.Sleep(7 * ms)
			at := edgeNow()
			time.Sleep(21*ms + 33*ms)
			l.send(fmt.Sprintf(`{"type":"ack","id":%d,"rev":6,"trace":{"edge":1000,"bus":2000,"mailbox":3000,"handler":4000,"journal":5000,"fanout":6000,"at":%d}}`, f.ID, at))
		}()
		ack, err := c.Do(t.Context(), client.Command{Name: "say", Trace: true})
		want := client.Latency{
			RoundTrip: 61 * ms, ClientEdge: 7 * ms, Edge: ms, Bus: 2 * ms, Mailbox: 3 * ms, Handler: 4 * ms, Journal: 5 * ms,
			Fanout: 6 * ms, EdgeClient: 33 * ms,
		}
		if err != nil || ack.Latency != want {
			t.Errorf("Do = %+v, %v, want the latency %+v", ack, err, want)
		}
		if f, _ := ping(t, c, l, 4*ms, 4*ms); f.Up != 7_000 || f.Down != 33_000 {
			t.Errorf("the ping after it says %d up and %d down, want 7000 and 33000", f.Up, f.Down)
		}
	})
}
