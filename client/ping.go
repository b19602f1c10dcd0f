package client

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// Latency is where the time of one round trip went, of a ping or of a command with Trace. The hops together are RoundTrip.
type Latency struct {
	RoundTrip time.Duration // the whole way to the entity and back

	// ClientEdge is the way to the edge and EdgeClient the way back. What divides them is an estimate of the edge's clock
	// by the fastest of the last pings; before the first one, and where the two ways differ by nature, they are halves.
	ClientEdge, EdgeClient time.Duration

	Edge  time.Duration // in the edge; of a ping with the bus, there and back
	State time.Duration // of a ping: in the state node

	// Of a command: to the entity's owner, waiting for the entity, in the turn, until it was durable, and from then until
	// the ack was made at the edge.
	Bus, Mailbox, Handler, Journal, Fanout time.Duration
}

// Latency measures the way to the entity and back, and tells the server what was measured before. Without a link
// it is ErrOffline.
func (c *Client) Latency(ctx context.Context) (Latency, error) {
	pong := make(chan Latency, 1)
	c.mu.Lock()
	c.nextPing++
	n := c.nextPing
	c.pings[n] = ping{pong, c.sinceMade()}
	f := c.measured
	c.measured = wire.ClientFrame{}
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.pings, n)
		c.mu.Unlock()
	}()
	f.Type, f.T = wire.TypePing, strconv.AppendUint(nil, n, 10)
	if err := c.post(f, nil); err != nil {
		return Latency{}, fmt.Errorf("ping: %w", err)
	}
	select {
	case l, ok := <-pong:
		if !ok {
			return Latency{}, fmt.Errorf("ping: %w", ErrOffline)
		}
		return l, nil
	case <-ctx.Done():
		return Latency{}, ctx.Err()
	}
}

// ping is one that waits for its pong.
type ping struct {
	pong chan<- Latency // has room for one
	sent int64          // by the client's clock
}

// ponged hands a pong to who waits for it.
func (c *Client) ponged(f *wire.ServerFrame) {
	n, err := strconv.ParseUint(string(f.Data), 10, 64)
	if err != nil {
		return // none of ours
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.pings[n]
	if !ok {
		return
	}
	delete(c.pings, n)
	whole := c.sinceMade() - p.sent
	l := Latency{RoundTrip: micros(whole), Edge: micros(f.EdgeUS), State: micros(f.StateUS)}
	l.ClientEdge, l.EdgeClient = c.divide(p.sent, max(whole-f.EdgeUS-f.StateUS, 0), f.At, true)
	p.pong <- l // is sent to once
}

// Signal sends something ephemeral to the others at the entity. It is not repeated, and so the
// error is ErrOffline or ErrBusy when it cannot be sent now. Nil does not mean that it arrived.
func (c *Client) Signal(name string, data any) error {
	encoded, err := encode(data)
	if err == nil {
		err = c.post(wire.ClientFrame{Type: wire.TypeSignal, Name: name, Data: encoded}, nil)
	}
	if err != nil {
		return fmt.Errorf("signal %s: %w", name, err)
	}
	return nil
}

// SetPresence sets what others see of this connection besides its member: a small value, 4 KiB of
// JSON at most. It is told again over each new link.
func (c *Client) SetPresence(data any) error {
	encoded, err := encode(data)
	if err != nil {
		return fmt.Errorf("set presence: %w", err)
	}
	if len(encoded) > wire.MaxPresenceBytes {
		return fmt.Errorf("set presence: %d bytes, the protocol allows %d", len(encoded), wire.MaxPresenceBytes)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls == nil {
		return c.err
	}
	c.presence = encoded
	if c.link != nil {
		return c.link.say(wire.ClientFrame{Type: wire.TypePresence, Data: encoded}, nil)
	}
	return nil
}
