package edge_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

// TestPace has ten links whose writes take a millisecond each, and an event every millisecond. The
// first goes out at once, the others share sweeps.
func TestPace(t *testing.T) {
	sockets(t, edge.Memory{}, func(t *testing.T, p *platform, open func(int, string) *fakeClient) {
		var clients []*fakeClient
		for i := range 10 {
			c := open(i, "")
			c.socket.Allow(unlimited)
			synctest.Wait()
			c.socket.Cost = time.Millisecond
			clients = append(clients, c)
		}
		time.Sleep(time.Second)
		before := p.edge.Stats()
		start := time.Now()
		p.owner.publish("room", "1", 1, "0")
		time.Sleep(5500 * time.Microsecond) // both workers have written to their five links
		if n := p.edge.Stats().Writes - before.Writes; n != 10 {
			t.Errorf("%d writes %v after the first event, want 10", n, time.Since(start))
		}
		for range 1000 {
			p.owner.publish("room", "1", 1, "1")
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		sweeps := p.edge.Stats().Sweeps - before.Sweeps
		if sweeps < 2*40 || sweeps > 2*60 {
			t.Errorf("%d sweeps of two workers in a second, want one every 20 ms for each", sweeps)
		}
		for _, c := range clients {
			if got := c.frames(t); len(got) != 1002 {
				t.Errorf("%s got %d frames, want 1,002", c.conn, len(got))
			}
		}
		// What is for one link alone does not wait for the next sweep.
		p.owner.publish("room", "1", 1, "2")
		time.Sleep(5500 * time.Microsecond)
		start = time.Now()
		clients[3].socket.Send(text(`{"type":"ping","t":1}`))
		p.owner.publish("room", "1", 1, "3")
		time.Sleep(2500 * time.Microsecond)
		got := strings.Join(clients[3].frames(t), " ")
		if !strings.Contains(got, `"pong"`) {
			t.Errorf("%v after its ping the client got %s, want a pong", time.Since(start), got)
		}
	})
}

// TestShortRing has events pass a ring faster than its worker sweeps: the link catches up from the
// journal, and needs no fresh state.
func TestShortRing(t *testing.T) {
	sockets(t, edge.Memory{Ring: 1 << 10}, func(t *testing.T, p *platform, open func(int, string) *fakeClient) {
		c := open(1, "")
		c.socket.Allow(unlimited)
		synctest.Wait()
		c.socket.Cost = 50 * time.Millisecond
		p.owner.publish("room", "1", 1, "1") // the worker is busy with it while the others come
		time.Sleep(time.Millisecond)
		p.owner.publish("room", "1", 20, `"`+filler1000()+`"`)
		time.Sleep(time.Second)
		if got := c.frames(t); len(got) != 22 || !strings.Contains(got[21], `"rev":21`) {
			t.Errorf("got %d frames, want a welcome and 21 events", len(got))
		}
		if s := p.edge.Stats(); s.Backlogs != 1 || s.Conflations != 0 {
			t.Errorf("Stats() = %+v, want one backlog and no conflation", s)
		}
	})
}

func filler1000() string { return strings.Repeat("x", 1000) }

// TestNewEpoch has the entity begin a new stream of events: links that follow the old one get a
// fresh state, and nobody is told the old events as history.
func TestNewEpoch(t *testing.T) {
	sockets(t, edge.Memory{}, func(t *testing.T, p *platform, open func(int, string) *fakeClient) {
		a := open(1, "")
		a.socket.Allow(unlimited)
		synctest.Wait()
		p.owner.publish("room", "1", 3, `"old"`)
		synctest.Wait()
		p.owner.mu.Lock()
		p.owner.epoch = "e2"
		p.owner.mu.Unlock()
		b := open(2, "&cursor=e2:1")
		b.socket.Allow(unlimited)
		synctest.Wait()
		if n := len(p.owner.received(wire.KindRefresh)); n != 1 {
			t.Errorf("%d fresh states asked for, want one for the link of the old epoch", n)
		}
		if n := len(p.owner.received(wire.KindBacklog)); n != 1 {
			t.Errorf("%d backlogs asked for, want one: the ring of the old epoch is no history", n)
		}
		p.owner.publish("room", "1", 1, `"new"`)
		synctest.Wait()
		for _, c := range []*fakeClient{a, b} {
			if got := c.frames(t); !strings.Contains(got[len(got)-1], `"new"`) {
				t.Errorf("%s got %s last, want the new event", c.conn, got[len(got)-1])
			}
		}
	})
}

// TestPrivateFramesPassASweep has a client ask while its worker sweeps 200 links whose writes take a millisecond
// each: its answer does not wait for the end of the sweep.
func TestPrivateFramesPassASweep(t *testing.T) {
	sockets(t, edge.Memory{}, func(t *testing.T, p *platform, open func(int, string) *fakeClient) {
		var clients []*fakeClient
		for i := range 400 { // of two workers
			c := open(i, "")
			c.socket.Allow(unlimited)
			clients = append(clients, c)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		for _, c := range clients {
			c.socket.Cost = time.Millisecond
		}
		asker := clients[0]
		asker.frames(t)
		p.owner.publish("room", "1", 1, "1")
		time.Sleep(5500 * time.Microsecond)
		asker.socket.Send(text(`{"type":"ping","t":1}`))
		time.Sleep(100 * time.Millisecond)
		if got := strings.Join(asker.frames(t), " "); !strings.Contains(got, `"pong"`) {
			t.Errorf("100 ms after its ping the client got %s, want a pong", got)
		}
		got := 0
		for _, c := range clients {
			got += strings.Count(strings.Join(c.frames(t), " "), `"event"`)
		}
		if got == len(clients) {
			t.Error("all links got the event within 100 ms: the sweep was over")
		}
		time.Sleep(time.Second)
	})
}
