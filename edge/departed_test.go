package edge_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/bustest"
	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

// linksOf returns how many links the owner has of the room.
func (o *owner) linksOf() int {
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.entity("room", "1").links)
}

// loseAll has what is sent to owners fail, or vanish where err is nil. They forget nothing by that.
func loseAll(r *bustest.Router, err error) {
	for i := range partitions {
		r.Lose(bus.Owner("default", i), err)
	}
}

func moveAll(r *bustest.Router) {
	for i := range partitions {
		r.Move(bus.Owner("default", i))
	}
}

// TestLostDetach has an owner not hear that links have gone: it is told again, when the loss is noticed, or it can be told.
func TestLostDetach(t *testing.T) {
	onMoving(t, nil, func(t *testing.T, p *platform, m *moving, open func(int, string) *fakeClient) {
		a, b, c, d := open(1, ""), open(2, ""), open(3, ""), open(4, "")
		if a.kind == polls {
			return // the link of a fake's poll stays
		}
		if n := p.owner.linksOf(); n != 4 {
			t.Fatalf("the owner has %d links, want 4", n)
		}
		// The owner has lost count of a link, and cannot be told of another attachment in its place.
		loseAll(m.Router, bus.ErrFull)
		p.owner.mu.Lock()
		n := p.owner.entity("room", "1")
		for _, l := range n.links {
			if l.conn == d.conn {
				p.owner.send(n, l.edge, &wire.Envelope{Kind: wire.KindTerminate, Link: l.link, Code: wire.EndUnavailable, Flags: wire.Reconnect | wire.Reattach})
			}
		}
		p.owner.mu.Unlock()
		time.Sleep(500 * time.Millisecond)
		d.socket.Hangup()
		synctest.Wait()
		m.find()
		time.Sleep(3 * time.Second)
		if n := p.owner.linksOf(); n != 3 {
			t.Errorf("the owner has %d links after one that it had lost count of has gone, want 3", n)
		}
		loseAll(m.Router, nil)
		a.socket.Hangup()
		time.Sleep(100 * time.Millisecond)
		m.find()
		if n := p.owner.linksOf(); n != 3 {
			t.Fatalf("the owner has %d links, want 3: it was told nothing", n)
		}
		moveAll(m.Router) // as when a loss is noticed
		if n := p.owner.linksOf(); n != 2 {
			t.Errorf("the owner has %d links after a loss was noticed, want 2", n)
		}

		loseAll(m.Router, bus.ErrFull)
		b.socket.Hangup()
		synctest.Wait()
		m.find()
		time.Sleep(3 * time.Second)
		if n := p.owner.linksOf(); n != 1 {
			t.Errorf("the owner has %d links after what told it had been refused, want 1", n)
		}

		// The owner has lost count of a link, and its edge waits for an owner when its client goes.
		loseAll(m.Router, bus.ErrFull)
		p.owner.mu.Lock()
		for _, l := range n.links {
			p.owner.send(n, l.edge, &wire.Envelope{Kind: wire.KindTerminate, Link: l.link, Code: wire.EndUnavailable, Flags: wire.Reconnect | wire.Reattach})
		}
		p.owner.mu.Unlock()
		synctest.Wait()
		c.socket.Hangup()
		synctest.Wait()
		m.find()
		time.Sleep(3 * time.Second)
		if n := p.owner.linksOf(); n != 0 {
			t.Errorf("the owner has %d links after all have gone, want none", n)
		}
		before := len(p.owner.received(wire.KindDetach))
		time.Sleep(time.Minute)
		moveAll(m.Router)
		synctest.Wait()
		if n := len(p.owner.received(wire.KindDetach)) - before; n != 0 {
			t.Errorf("the owner was told of %d links that went long ago", n)
		}
	})
}

// TestLostDetachOfAPost has an owner not hear that what somebody posted was answered.
func TestLostDetachOfAPost(t *testing.T) {
	m := &moving{}
	bubble(t, routed(m), func(t *testing.T, p *platform, _ dialer) {
		m.owner, p.owner.ledger = p.owner, true
		synctest.Wait()
		p.owner.silence(wire.KindDetach)
		wantAnswer(t, p.asked(http.MethodPost, postsOf1, "ann", `{"type":"command","id":1,"name":"say"}`), 200, "")
		if n := p.owner.linksOf(); n != 1 {
			t.Fatalf("the owner has %d links, want the post's", n)
		}
		p.owner.mu.Lock()
		delete(p.owner.silent, wire.KindDetach)
		for _, l := range p.owner.entity("room", "1").links {
			l.number-- // it has not come
		}
		p.owner.mu.Unlock()
		moveAll(m.Router)
		if n := p.owner.linksOf(); n != 0 {
			t.Errorf("the owner has %d links after a loss was noticed, want none", n)
		}
	})
}

// TestMirrorAnswersALinkThatHasMoved has a mirror answer while the link gets another number.
func TestMirrorAnswersALinkThatHasMoved(t *testing.T) {
	m := &reflection{}
	onMoving(t, func(c *edge.Config) {
		*m = reflection{bus: c.Bus, silent: true}
		c.Mirror = func(string, int) (bus.Address, bool) { return mirrorAddress, true }
	}, func(t *testing.T, p *platform, mv *moving, open func(int, string) *fakeClient) {
		stop, err := m.bus.Listen(mirrorAddress, m.take)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		a := open(1, "")
		if a.kind != socket {
			return
		}
		a.socket.Send(text(`{"type":"query","id":1,"name":"get","consistency":"eventual"}`))
		asked := m.asked()
		mv.move()
		time.Sleep(time.Millisecond) // and not synctest.Wait, behind which no race is seen
		for _, e := range asked {
			p.edge.Take(&wire.Envelope{
				Kind: wire.KindAnswer, Flags: wire.Mirrored, Category: e.Category, ID: e.ID, Command: e.Command, Revision: 42, Data: []byte(`7`),
			})
		}
		a.want(t, `"answer","id":1,"rev":42`)
	})
}
