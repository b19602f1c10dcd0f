package edge_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

// TestAnswersBeforeTheWelcome has an owner that encodes a large state for long: it answers commands
// before it welcomes, with a state that lags behind them. The client gets the welcome first, then the
// events, then the answers.
func TestAnswersBeforeTheWelcome(t *testing.T) {
	for query, want := range map[string][]string{
		"":         {"recovering", `"welcome"`, `"rev":2`, `"ack"`, `"pong"`},
		"&watch=0": {"recovering", `"welcome"`, `"ack"`, `"pong"`},
	} {
		sockets(t, edge.Memory{}, func(t *testing.T, p *platform, open func(int, string) *fakeClient) {
			p.owner.mu.Lock()
			p.owner.silent[wire.KindAttach] = true
			p.owner.mu.Unlock()
			c := open(1, query)
			c.socket.Allow(unlimited)
			take := func(e wire.Envelope) {
				e.Category, e.ID, e.Link = "room", "1", p.owner.received(wire.KindAttach)[0].Link
				p.edge.Take(&e)
				synctest.Wait()
			}
			take(wire.Envelope{Kind: wire.KindAck, Command: 1, Revision: 2})
			take(wire.Envelope{Kind: wire.KindPong, Data: []byte("1")})
			take(wire.Envelope{Kind: wire.KindStatus, Code: wire.StatusRecovering})
			take(wire.Envelope{Kind: wire.KindWelcome, Epoch: "e1", Revision: 1, Until: 2, Data: []byte("{}")})
			if query == "" {
				asked := p.owner.received(wire.KindBacklog)
				if len(asked) != 1 || asked[0].Revision != 1 || asked[0].Until != 2 {
					t.Fatalf("asked for %+v, want the events after 1 up to 2", asked)
				}
				event := &wire.Envelope{Kind: wire.KindEvent, Revision: 2, Name: "said", Data: []byte("1")}
				take(wire.Envelope{Kind: wire.KindBacklogPart, Command: asked[0].Command, Revision: 2, Data: wire.AppendBacklogEvent(nil, event)})
			}
			got := c.frames(t)
			if len(got) != len(want) {
				t.Fatalf("got %q, want %q", got, want)
			}
			for i := range want {
				if !strings.Contains(got[i], want[i]) {
					t.Errorf("frame %d = %s, want %s", i, got[i], want[i])
				}
			}
		})
	}
}
