package state_test

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// otherEdge is an edge that a test kills and starts again.
type otherEdge struct {
	f     *fleet
	first uint64
	links uint64
}

// attach brings a link of a new connection of sub to the lobby.
func (o *otherEdge) attach(sub string) {
	o.f.t.Helper()
	claims, err := json.Marshal(tutti.Claims{Subject: sub})
	if err != nil {
		o.f.t.Fatal(err)
	}
	o.links++
	e := &wire.Envelope{
		Kind: wire.KindAttach, Category: "lobby", ID: "1", Conn: "connection-of-" + sub, Claims: claims,
		Edge: "e2", Link: o.first + o.links, Number: 1, Sent: time.Now().UnixMicro(),
	}
	if err := o.f.bus.Send("default", bus.Owner("default", wire.Partition("lobby", "1", 4)), e); err != nil {
		o.f.t.Fatal(err)
	}
}

// here has the edges of the first numbers given say that they are there for a while.
func (f *fleet) here(firsts map[string]uint64, long time.Duration) {
	f.t.Helper()
	for range long / (2 * time.Second) {
		for name, first := range firsts {
			e := &wire.Envelope{Kind: wire.KindHere, Edge: name, Link: first}
			if err := f.bus.(bus.Broadcaster).Broadcast("default", bus.Edges, e); err != nil {
				f.t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
	}
}

// TestLinksOfAnEdgeThatIsGone kills an edge, and starts one of its name again: connections that do not come back have their grace period,
// and no longer.
func TestLinksOfAnEdgeThatIsGone(t *testing.T) {
	inFleet(t, 3, state.Config{}, func(t *testing.T, f *fleet) {
		const first = 1 << 50
		both := map[string]uint64{edgeName: 1, "e2": first}
		alone := map[string]uint64{edgeName: 1}
		ann := f.attach("lobby", "1", "ann", conn1)
		epoch := ann.welcome().Epoch
		ann.frames()
		o := &otherEdge{f: f, first: first}
		o.attach("bob")
		f.here(both, 40*time.Second)
		want(t, ann.frames(), `event 2 came {"Who":"bob"}`)
		f.here(alone, 8*time.Second)
		want(t, ann.frames())
		f.here(alone, 30*time.Second)
		want(t, ann.frames(), `event 3 gone {"Who":"bob"}`)

		o.attach("cid")
		f.here(both, 4*time.Second)
		o.first = 5 << 50
		both["e2"] = o.first
		o.attach("dee")
		f.here(both, 40*time.Second)
		want(t, ann.frames(), `event 4 came {"Who":"cid"}`, `event 5 came {"Who":"dee"}`, `event 6 gone {"Who":"cid"}`)

		f.lead("lobby/1", 2) // who has heard of the edges as well
		ann = ann.again("ann", again(epoch, 6, ""))
		ann.frames()
		f.here(both, 40*time.Second)
		o.attach("fay")
		f.here(alone, 40*time.Second)
		ann.command(1, "line", `{"Line":"still here"}`)
		want(t, ann.frames(), `event 7 gone {"Who":"dee"}`, `event 8 came {"Who":"fay"}`, `event 9 gone {"Who":"fay"}`,
			`event 10 lined {"Line":"still here"}`, `ack 1 at 10 `)
	}, lobbies())
}

// TestEdgeThatStoodStillIsTold has an edge that was not heard of be there all the same: it is told to attach its links anew.
func TestEdgeThatStoodStillIsTold(t *testing.T) {
	inFleet(t, 1, state.Config{}, func(t *testing.T, f *fleet) {
		var mu sync.Mutex
		var told []*wire.Envelope
		stop, err := f.bus.Listen(bus.Edge("e2"), func(e *wire.Envelope) {
			mu.Lock()
			defer mu.Unlock()
			if e.Kind == wire.KindTerminate {
				told = append(told, e)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		const first = 1 << 50
		o := &otherEdge{f: f, first: first}
		o.attach("bob")
		f.here(map[string]uint64{"e2": first}, 4*time.Second)
		time.Sleep(20 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if len(told) != 1 || told[0].Link != first+1 || !told[0].Has(wire.Reconnect|wire.Reattach) {
			t.Errorf("the edge was told %+v, want that its link has ended", told)
		}
	}, lobbies())
}

// TestGarbageAboutEdges has what is no edge be heard of: nothing ends by it.
func TestGarbageAboutEdges(t *testing.T) {
	inFleet(t, 1, state.Config{}, func(t *testing.T, f *fleet) {
		ann := f.attach("lobby", "1", "ann", conn1)
		ann.welcome()
		ann.frames()
		for _, e := range []*wire.Envelope{
			{Kind: wire.KindHere},
			{Kind: wire.KindOwners, Edge: edgeName, Link: 1 << 60},
			{Kind: wire.KindHere, Edge: string(make([]byte, 1<<10)), Link: 1},
			{Kind: wire.KindHere, Edge: "e2", Link: 1 << 63},
		} {
			if err := f.bus.(bus.Broadcaster).Broadcast("default", bus.Edges, e); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		ann.command(1, "line", `{"Line":"still here"}`)
		want(t, ann.frames(), `event 2 lined {"Line":"still here"}`, `ack 1 at 2 `)
	}, lobbies())
}
