package client

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// Latency is how long one ping took.
type Latency struct {
	RoundTrip   time.Duration // the whole way to the entity's state node and back
	Edge, State time.Duration // of that, what those two say they took
}

// Latency measures the way to the entity and back. Without a link it is ErrOffline.
func (c *Client) Latency(ctx context.Context) (Latency, error) {
	pong := make(chan wire.ServerFrame, 1)
	c.mu.Lock()
	c.nextPing++
	n := c.nextPing
	c.pings[n] = pong
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.pings, n)
		c.mu.Unlock()
	}()
	start := time.Now()
	if err := c.post(wire.ClientFrame{Type: wire.TypePing, T: strconv.AppendUint(nil, n, 10)}, nil); err != nil {
		return Latency{}, fmt.Errorf("ping: %w", err)
	}
	select {
	case f, ok := <-pong:
		if !ok {
			return Latency{}, fmt.Errorf("ping: %w", ErrOffline)
		}
		return Latency{
			RoundTrip: time.Since(start),
			Edge:      time.Duration(f.EdgeUS) * time.Microsecond,
			State:     time.Duration(f.StateUS) * time.Microsecond,
		}, nil
	case <-ctx.Done():
		return Latency{}, ctx.Err()
	}
}

// ponged hands a pong to who waits for it.
func (c *Client) ponged(f *wire.ServerFrame) {
	n, err := strconv.ParseUint(string(f.Data), 10, 64)
	if err != nil {
		return // none of ours
	}
	c.mu.Lock()
	pong := c.pings[n]
	delete(c.pings, n)
	c.mu.Unlock()
	if pong != nil {
		f.Data = nil // shares the reader's memory
		pong <- *f   // has room for one, and is sent to once
	}
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
