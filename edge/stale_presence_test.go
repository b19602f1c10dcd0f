package edge_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

// TestNoStalePresenceAfterAWelcome has a link be told who is here while it waits for events that turn out to be too many. After
// the fresh welcome the list that belongs to it comes first, and nothing from before.
func TestNoStalePresenceAfterAWelcome(t *testing.T) {
	sockets(t, edge.Memory{}, func(t *testing.T, p *platform, open func(int, string) *fakeClient) {
		p.owner.publish("room", "1", 1, `"one"`)
		p.owner.silence(wire.KindBacklog)
		a := open(1, "&presence=1&cursor=e1:0")
		a.socket.Allow(unlimited)
		synctest.Wait()
		presence := func(data string) wire.Envelope {
			return wire.Envelope{Kind: wire.KindPresenceChange, Data: []byte(data)}
		}
		p.owner.tell("room", "1", presence(`{"count":2,"joined":[{"member":"passing"}]}`))
		synctest.Wait()
		asked := p.owner.received(wire.KindBacklog)
		if len(asked) != 1 {
			t.Fatalf("%d backlogs were asked for, want 1", len(asked))
		}
		p.owner.tell("room", "1", wire.Envelope{
			Kind: wire.KindBacklogPart, Flags: wire.TooFar, Link: asked[0].Link, Command: asked[0].Command, Revision: 1,
		})
		synctest.Wait()
		list := presence(`{"count":3}`)
		list.Link = asked[0].Link
		p.owner.tell("room", "1", list)
		p.owner.tell("room", "1", presence(`{"count":4}`))
		synctest.Wait()
		got := a.frames(t)
		if len(got) != 4 || !strings.Contains(got[1], `"resumed":false`) || !strings.Contains(got[2], `"count":3`) || !strings.Contains(got[3], `"count":4`) {
			t.Errorf("frames are %q, want two welcomes, the list and the change after it", got)
		}
		if s := p.edge.Stats(); s.PrivateBytes != 0 {
			t.Errorf("%d bytes are still counted", s.PrivateBytes)
		}
	})
}
