package edge_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

// reflection plays a node's mirror of all partitions.
type reflection struct {
	bus    bus.Bus
	silent bool
	busy   bool // it refuses

	mu  sync.Mutex
	got []*wire.Envelope
}

const mirrorAddress = bus.Address("mirror.n1")

func (m *reflection) take(e *wire.Envelope) {
	m.mu.Lock()
	m.got = append(m.got, e)
	m.mu.Unlock()
	if m.silent {
		return
	}
	answer := &wire.Envelope{
		Kind: wire.KindAnswer, Flags: wire.Mirrored, Category: e.Category, ID: e.ID, Command: e.Command,
		Epoch: "e1", Revision: 42, Spent: 12_345, Data: []byte(`"reflected"`),
	}
	switch {
	case e.Kind == wire.KindView && m.busy:
		answer.Kind, answer.Flags, answer.Code = wire.KindSight, wire.Refused, wire.CodeUnavailable
	case e.Kind == wire.KindView:
		answer.Kind = wire.KindSight
	case m.busy:
		answer.Kind, answer.Flags, answer.Code = wire.KindReject, 0, wire.CodeUnavailable
	}
	go func() { _ = m.bus.Send("default", bus.Edge(e.Edge), answer) }()
}

// asked returns what has come since the last call.
func (m *reflection) asked() []*wire.Envelope {
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	got := m.got
	m.got = nil
	return got
}

// onReflected runs a test on an edge whose node has mirrors.
func onReflected(t *testing.T, test func(t *testing.T, p *platform, m *reflection, open func(i int, query string) *fakeClient)) {
	t.Helper()
	m := &reflection{}
	onMoving(t, func(c *edge.Config) {
		*m = reflection{bus: c.Bus}
		c.Mirror = func(string, int) (bus.Address, bool) { return mirrorAddress, true }
	}, func(t *testing.T, p *platform, _ *moving, open func(int, string) *fakeClient) {
		stop, err := m.bus.Listen(mirrorAddress, m.take)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		test(t, p, m, open)
	})
}

func TestQueryAtAMirror(t *testing.T) {
	onReflected(t, func(t *testing.T, p *platform, m *reflection, open func(int, string) *fakeClient) {
		a := open(1, "")
		if a.kind != socket {
			return
		}
		p.owner.publish("room", "1", 3, `"said"`)
		synctest.Wait()
		a.frames(t)
		a.socket.Send(text(`{"type":"query","id":1,"name":"get","data": 7,"consistency":"session"}`))
		a.want(t, `{"type":"answer","id":1,"rev":42,"data":"reflected","age_ms":13}`)
		a.socket.Send(text(`{"type":"query","id":2,"name":"get","consistency":"eventual","max_age_ms":50}`))
		a.want(t, `"answer","id":2,`)
		got := m.asked()
		if len(got) != 2 || got[0].Revision != 3 || got[0].Has(wire.Stale) || string(got[0].Data) != "7" || got[0].Conn != conn(1) ||
			!strings.Contains(string(got[0].Claims), "ann") || got[0].Number != 0 {
			t.Errorf("the mirror was asked %+v", got)
		}
		if len(got) == 2 && (!got[1].Has(wire.Stale) || got[1].Until != 50) {
			t.Errorf("the mirror was asked %+v", got[1])
		}
		a.socket.Send(text(`{"type":"query","id":3,"name":"get"}`))
		a.socket.Send(text(`{"type":"query","id":4,"name":"get","consistency":"linearizable"}`))
		a.want(t, `"answer","id":3,"rev":3,`, `"answer","id":4,"rev":3,`)
		if got := m.asked(); len(got) != 0 {
			t.Errorf("the mirror was asked what only the owner may answer: %+v", got)
		}
		if got := p.owner.received(wire.KindQuery); len(got) != 2 {
			t.Errorf("the owner was asked %d queries, want 2", len(got))
		}
	})
}

func TestQueryWithoutAnAnswerOfTheMirror(t *testing.T) {
	onReflected(t, func(t *testing.T, p *platform, m *reflection, open func(int, string) *fakeClient) {
		a := open(1, "")
		if a.kind != socket {
			return
		}
		m.busy = true
		a.socket.Send(text(`{"type":"query","id":1,"name":"get","consistency":"eventual"}`))
		a.want(t, `"answer","id":1,"rev":0,`)
		m.silent = true
		a.socket.Send(text(`{"type":"query","id":2,"name":"get","consistency":"eventual"}`))
		a.want(t)
		time.Sleep(time.Second)
		a.want(t, `"answer","id":2,"rev":0,`)
		if n := p.edge.Stats().Unanswered; n != 0 {
			t.Errorf("%d bytes are kept of what was answered", n)
		}
	})
}

func TestViewAtAMirror(t *testing.T) {
	onReflected(t, func(t *testing.T, p *platform, m *reflection, _ func(int, string) *fakeClient) {
		look := func(query string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(http.MethodGet, "/v1/room/1?"+query, nil)
			r.Header.Set("Authorization", "Bearer ann")
			r.Header.Set("Accept", "application/json")
			w := httptest.NewRecorder()
			p.edge.ServeHTTP(w, r)
			return w
		}
		w := look("consistency=eventual&max_age_ms=20")
		if w.Code != 200 || w.Body.String() != `"reflected"` || w.Header().Get("Age") != "1" || w.Header().Get("ETag") != `"e1:42"` {
			t.Errorf("answered %d %s, with %v", w.Code, w.Body, w.Header())
		}
		look("consistency=session&cursor=e1:17")
		if got := m.asked(); len(got) != 2 || !got[0].Has(wire.Stale) || got[0].Until != 20 || got[1].Revision != 17 || got[1].Has(wire.Stale) {
			t.Errorf("the mirror was asked %+v", got)
		}
		for _, bad := range []string{"consistency=strong", "max_age_ms=-1", "consistency=eventual&max_age_ms=x"} {
			if w := look(bad); w.Code != 400 {
				t.Errorf("%s was answered %d, want 400", bad, w.Code)
			}
		}
		m.busy = true
		p.owner.silence(wire.KindView)
		go look("consistency=eventual")
		synctest.Wait()
		if got := p.owner.received(wire.KindView); len(got) != 1 || got[0].Has(wire.Stale) {
			t.Errorf("after the mirror had refused, the owner was asked %+v", got)
		}
		time.Sleep(time.Minute)
	})
}
