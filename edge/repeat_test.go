package edge_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

// TestRepeatsAreNotRefused has a client send commands again after a reconnect. The owner may have
// carried out those up to what the welcome says, so nobody tells the client that they changed nothing.
func TestRepeatsAreNotRefused(t *testing.T) {
	p := start(t, func(c *edge.Config) { c.Limits.SubFrames = 1 })
	p.owner.acked = 3
	c := p.dial(t, "1", 1, "&watch=0", "ann")
	c.want(`"acked":3`)
	c.send(command(1, "1"), command(2, "1"), command(3, "1"), command(4, "1"))
	// Only the first has its place within a second's frames, but the next two may be repeats.
	all := c.next() + c.next() + c.next() + c.next()
	for _, want := range []string{`"ack","id":1`, `"ack","id":2`, `"ack","id":3`, `"reject","id":4,"code":"rate_limited"`} {
		if !strings.Contains(all, want) {
			t.Errorf("the client got %s, want %s", all, want)
		}
	}
}

// cutBus loses commands, and says so.
type cutBus struct {
	bus.Bus
	cut atomic.Bool
}

func (b *cutBus) Send(lane string, to bus.Address, e *wire.Envelope) error {
	if b.cut.Load() && e.Kind == wire.KindCommand {
		return bus.ErrNobody
	}
	return b.Bus.Send(lane, to, e)
}

func TestRepeatsOfAnUnreachableEntity(t *testing.T) {
	b := &cutBus{}
	p := start(t, func(c *edge.Config) { b.Bus, c.Bus = c.Bus, b })
	p.owner.acked = 3
	b.cut.Store(true)
	c := p.dial(t, "1", 1, "", "ann")
	c.want(`"acked":3`)
	c.send(command(4, "1"))
	c.want(`"reject","id":4,"code":"unavailable"`)
	c.send(command(3, "1"))
	c.wantEnd(`{"type":"terminate","code":"unavailable","message":"the entity is not reachable","reconnect":true`, wire.CloseDraining)
}

// TestPresenceDuringABacklog has somebody come while a link waits for what it missed.
func TestPresenceDuringABacklog(t *testing.T) {
	p := start(t, nil)
	p.owner.publish("room", "1", 4, `"missed"`)
	p.owner.mu.Lock()
	p.owner.silent[wire.KindBacklog] = true
	p.owner.mu.Unlock()
	c := p.dial(t, "1", 1, "&presence=1&cursor=e1:2", "ann")
	c.want(`"resumed":true`)
	waitFor(t, func() bool { return len(p.owner.received(wire.KindBacklog)) > 0 })
	p.owner.tell("room", "1", wire.Envelope{Kind: wire.KindPresenceChange, Data: []byte(`{"count":2}`)})
	p.owner.mu.Lock()
	p.owner.handle(p.owner.got[len(p.owner.got)-1])
	p.owner.mu.Unlock()
	p.owner.tell("room", "1", wire.Envelope{Kind: wire.KindPresenceChange, Data: []byte(`{"count":3}`)})
	c.want(`"rev":3`, `"rev":4`, `{"type":"presence","count":1}`, `{"type":"presence","count":2}`, `{"type":"presence","count":3}`)
}
