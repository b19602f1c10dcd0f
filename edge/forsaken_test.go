package edge_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

// missNothing has three events happen that the edge is not told of, since its owner has nobody there, and wants a client that
// comes then with a cursor to get those, and the next one.
func (p *platform) missNothing(t *testing.T, open func(int, string) *fakeClient) {
	t.Helper()
	p.owner.publish("room", "1", 3, `"unseen"`)
	synctest.Wait()
	b := open(2, "&cursor=e1:1")
	b.socket.Allow(unlimited)
	synctest.Wait()
	p.owner.publish("room", "1", 1, `"last"`)
	synctest.Wait()
	if all := strings.Join(b.frames(t), " "); strings.Count(all, `"event"`) != 4 {
		t.Errorf("the next one got %s, want 4 events", all)
	}
}

// TestRingOfForsakenLinks has the owner give up the only link that watches, which takes its time to
// go. What happens until the next one comes is not sent to the edge, so that one must not follow the old ring.
func TestRingOfForsakenLinks(t *testing.T) {
	sockets(t, edge.Memory{}, func(t *testing.T, p *platform, open func(int, string) *fakeClient) {
		a := open(1, "")
		a.socket.Allow(400)
		synctest.Wait()
		a.socket.Block()
		p.owner.publish("room", "1", 1, `"one"`)
		synctest.Wait()
		replacing := open(1, "&watch=0")
		replacing.socket.Allow(unlimited)
		synctest.Wait()
		p.missNothing(t, open)
		a.socket.Allow(unlimited)
		synctest.Wait()
		if all := strings.Join(a.frames(t), " "); !strings.Contains(all, `"one"`) || !strings.Contains(all, "replaced") {
			t.Errorf("the link that was given up got %s", all)
		}
	})
}

// TestLeaveIsToldAtOnce has a client leave and not close its socket. The owner learns of it all the same, and whoever comes
// next does not follow the ring that gets nothing any more.
func TestLeaveIsToldAtOnce(t *testing.T) {
	sockets(t, edge.Memory{}, func(t *testing.T, p *platform, open func(int, string) *fakeClient) {
		a := open(1, "")
		a.socket.Allow(unlimited)
		p.owner.publish("room", "1", 1, `"one"`)
		synctest.Wait()
		a.socket.Send(masked(ws.OpText, true, `{"type":"leave"}`))
		synctest.Wait()
		if got := p.owner.received(wire.KindDetach); len(got) != 1 || !got[0].Has(wire.Leave) {
			t.Fatalf("the owner got %d detachments, want one of who leaves", len(got))
		}
		p.missNothing(t, open)
		a.socket.Hangup()
		synctest.Wait()
	})
}
