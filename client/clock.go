package client

import (
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// keptSamples is how many round trips count: of what is older, the clocks have drifted since.
const keptSamples = 12

// sample is what one round trip says of the edge's clock.
type sample struct {
	network int64 // µs on the way, there and back
	ahead   int64 // by how much the edge's clock is ahead, if the way there took as long as the way back
}

// edgeClock estimates how far the clock of the link's edge is ahead of the client's, and divides the time on the network
// by it. In the fastest of the last round trips there was the least to wait for, so that its two halves differ the least.
// The zero value knows nothing. All times are µs, those of the edge Unix µs.
type edgeClock struct {
	samples [keptSamples]sample
	count   int // taken
}

// take notes a round trip that began at sent, by the client's clock; what it sent was at the edge at that time of the edge's.
func (k *edgeClock) take(sent, network, at int64) {
	k.samples[k.count%keptSamples] = sample{network: network, ahead: at - sent - network/2}
	k.count++
}

// split returns how long the way to the edge took and the way back.
func (k *edgeClock) split(sent, network, at int64) (up, down int64) {
	up = network / 2
	if known := k.samples[:min(k.count, keptSamples)]; len(known) > 0 && at != 0 {
		best := known[0]
		for _, s := range known[1:] {
			if s.network < best.network {
				best = s
			}
		}
		up = min(max(at-best.ahead-sent, 0), network)
	}
	return up, network - up
}

// sinceMade returns the client's clock, which nobody sets and which is never 0.
func (c *Client) sinceMade() int64 { return 1 + time.Since(c.made).Microseconds() }

// divide returns the two ways over the network, and keeps them for the next ping. Where the edge does not say when
// it got what was sent, at is 0. c.mu is held.
func (c *Client) divide(sent, network, at int64, ping bool) (up, down time.Duration) {
	if ping && at != 0 {
		c.clock.take(sent, network, at)
	}
	u, d := c.clock.split(sent, network, at)
	if at != 0 {
		c.measured = wire.ClientFrame{Up: u, HasUp: u <= wire.MaxMeasured, Down: d, HasDown: d <= wire.MaxMeasured}
	}
	return micros(u), micros(d)
}

func micros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }

// newEdge forgets what is known of an edge's clock: the next link may be at another. c.mu is held.
func (c *Client) newEdge() { c.clock, c.measured = edgeClock{}, wire.ClientFrame{} }

// traced returns where the time of a command went whose ack has just come.
func (c *Client) traced(p *Call, h *wire.Hops) Latency {
	if h == nil {
		return Latency{}
	}
	inside := h.Edge + h.Bus + h.Mailbox + h.Handler + h.Journal + h.Fanout
	c.mu.Lock()
	defer c.mu.Unlock()
	whole := c.sinceMade() - p.sentAt
	l := Latency{
		RoundTrip: micros(whole), Edge: micros(h.Edge), Bus: micros(h.Bus), Mailbox: micros(h.Mailbox),
		Handler: micros(h.Handler), Journal: micros(h.Journal), Fanout: micros(h.Fanout),
	}
	l.ClientEdge, l.EdgeClient = c.divide(p.sentAt, max(whole-inside, 0), h.At, false)
	return l
}
