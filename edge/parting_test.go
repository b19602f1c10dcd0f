package edge_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

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
		a.socket.Hangup()
		synctest.Wait()
	})
}

// TestPollAfterAnotherTransport: a client that polled, tried another transport and polls again begins anew from its
// cursor. The link of the polls before has been replaced, which is not what this poll is to be told.
func TestPollAfterAnotherTransport(t *testing.T) { both(t, testPollAfterAnotherTransport) }

func testPollAfterAnotherTransport(t *testing.T, start starter) {
	p := start(t, nil)
	p.owner.publish("room", "1", 2, "1")
	me := "?conn=" + conn(1)
	p.poll(t, "1", me, "ann", "wait=25").want(t, "e1:2", `"welcome"`)
	c := p.dial(t, "1", 1, "&cursor=e1:2", "ann")
	c.want(`"type":"welcome"`)
	p.poll(t, "1", me+"&cursor=e1:2", "ann", "wait=0").want(t, "e1:2", `"resumed":true`)
	c.wantEnd(`"code":"replaced"`, wire.CloseReplaced)
	p.owner.publish("room", "1", 1, "2")
	p.poll(t, "1", me+"&cursor=e1:2", "ann", "wait=25").want(t, "e1:3", `"rev":3`)
}
