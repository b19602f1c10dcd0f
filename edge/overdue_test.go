package edge_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/bustest"
	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

// TestAnswerLostOnTheWay has the last answer to a link be lost, and the last question, while the owner stays: nothing comes behind them by
// which anybody would notice.
func TestAnswerLostOnTheWay(t *testing.T) {
	onMoving(t, nil, func(t *testing.T, p *platform, m *moving, open func(int, string) *fakeClient) {
		a := open(1, "")
		if a.kind != socket {
			return // what is posted is asked for again by the client
		}
		p.owner.mute()
		a.say(p, 1, `"answer"`)
		synctest.Wait()
		p.owner.unmute()
		time.Sleep(7 * time.Second)
		a.want(t, `"rev":1,"resumed":false`, `"ack","id":1,"rev":1`)

		m.lose(nil)
		a.say(p, 2, `"question"`)
		synctest.Wait()
		m.find()
		time.Sleep(7 * time.Second)
		a.want(t, `"question"`, `"ack","id":2,"rev":2`)
	})
}

// TestSlowAnswerIsNotAskedForTooOften has an owner take a minute for an answer.
func TestSlowAnswerIsNotAskedForTooOften(t *testing.T) {
	onMoving(t, nil, func(t *testing.T, p *platform, m *moving, open func(int, string) *fakeClient) {
		a := open(1, "")
		if a.kind != socket {
			return
		}
		p.owner.silence(wire.KindQuery)
		a.socket.Send(text(`{"type":"query","id":1,"name":"get","data":7}`))
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(p.owner.received(wire.KindQuery)); n < 3 || n > 5 {
			t.Errorf("the query was sent %d times in a minute, want 3 to 5", n)
		}
		a.want(t)
	})
}

// TestEdgeThatStartsAgainHasOtherNumbers has two edges of one name number what they do differently: owners know the one before.
func TestEdgeThatStartsAgainHasOtherNumbers(t *testing.T) {
	var links []uint64
	var mu sync.Mutex
	var here []*wire.Envelope
	said := func() []*wire.Envelope {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(here)
	}
	for range 2 {
		m := &moving{}
		bubble(t, func(c *edge.Config) {
			m.Router = bustest.NewRouter(c.Bus)
			c.Bus = m.Router
			if _, err := m.Join(bus.Edges, func(e *wire.Envelope) {
				mu.Lock()
				defer mu.Unlock()
				here = append(here, e)
			}); err != nil {
				t.Fatal(err)
			}
		}, func(t *testing.T, p *platform, dial func(int, string, string) *pipeClient) {
			dial(1, "", "ann")
			synctest.Wait()
			links = append(links, p.owner.received(wire.KindAttach)[0].Link)
			before := len(said())
			time.Sleep(11 * time.Second)
			if n := len(said()) - before; n < 5 {
				t.Errorf("owners were told %d times in 11 s that the edge is there, want every other second", n)
			}
		})
	}
	if links[0] == links[1] || links[0] == 0 || links[1] == 0 {
		t.Errorf("the first links of two edges of one name are %d and %d, want different ones", links[0], links[1])
	}
	first, second := said()[0], said()[len(said())-1]
	if first.Kind != wire.KindHere || !wire.LinkOfEdge(links[0], first.Link) || !wire.LinkOfEdge(links[0]|1<<63, first.Link) || wire.LinkOfEdge(links[0], second.Link) ||
		!wire.LinkOfEdge(links[1], second.Link) || first.Edge == "" || first.Edge != second.Edge {
		t.Errorf("the edges said %+v and %+v, want the ranges of their links %d and %d", first, second, links[0], links[1])
	}
}
