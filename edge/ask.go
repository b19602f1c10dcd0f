package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/internal/platform"
	"github.com/tutti-rt/tutti/wire"
)

var (
	// ErrFull means that as many terminations stand as may.
	ErrFull = errors.New("edge: as many terminations stand as may")
	// ErrUnavailable means that the edge is not in touch with those that it needs to ask.
	ErrUnavailable = errors.New("edge: an entity is not reachable")
)

// asks are what the edge has asked owners of entities, outside of any link. Whoever asks waits, so that there are no
// more than requests.
type asks struct {
	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan<- *wire.Envelope
}

// ask sends a call or a request for a view to the owner of the entity, and returns what it answers. The error is
// ErrUnavailable when it cannot be sent, or that of ctx: then it may be carried out yet.
func (e *Edge) ask(ctx context.Context, c Category, id string, env *wire.Envelope) (*wire.Envelope, error) {
	answer := make(chan *wire.Envelope, 1)
	a := &e.asks
	a.mu.Lock()
	a.last++
	number := a.last
	if a.waiting == nil {
		a.waiting = make(map[uint64]chan<- *wire.Envelope)
	}
	a.waiting[number] = answer
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.waiting, number)
	}()
	env.Category, env.ID, env.Edge, env.Command = c.Name, id, e.name, number
	env.Sent = e.clock().UnixMicro()
	if err := e.bus.Send(c.Lane, bus.Owner(c.Pool, wire.Partition(c.Name, id, e.partitions)), env); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	select {
	case got := <-answer:
		return got, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("ask %s/%s: %w", c.Name, id, ctx.Err())
	}
}

// take hands an answer to whoever waits for it.
func (a *asks) take(env *wire.Envelope) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if answer := a.waiting[env.Command]; answer != nil {
		delete(a.waiting, env.Command) // there is one answer
		answer <- env
	}
}

// platformClaims are those that edges attach and call with at the platform's own entities.
var platformClaims = []byte(`{"sub":"tutti"}`)

// own returns where the entities of one of the platform's own categories are.
func own(c *tutti.Category) Category {
	o := c.Untyped().Options.WithDefaults()
	return Category{Name: c.Name(), Pool: o.Pool, Lane: o.Lane}
}

// askOwn has one of the platform's own entities carry out a command, and decodes its reply unless reply is nil. The
// error is a *tutti.Rejection, ErrUnavailable, or of ctx; it waits no longer than d.
func (e *Edge) askOwn(ctx context.Context, d time.Duration, c *tutti.Category, id, name string, command, reply any) error {
	data, err := json.Marshal(command)
	if err != nil {
		return fmt.Errorf("ask %s/%s: %w", c.Name(), id, err)
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	got, err := e.ask(ctx, own(c), id, &wire.Envelope{Kind: wire.KindCall, Claims: platformClaims, Name: name, Data: data})
	switch {
	case err != nil:
		return err
	case got.Has(wire.Refused) && got.Code == platform.CodeFull:
		return ErrFull
	case got.Has(wire.Refused) && (got.Code == wire.CodeUnavailable || got.Code == wire.CodeOverloaded):
		return fmt.Errorf("%w: %s", ErrUnavailable, got.Message)
	case got.Has(wire.Refused):
		return &tutti.Rejection{Code: got.Code, Message: got.Message}
	case reply == nil:
		return nil
	}
	if err := json.Unmarshal(got.Data, reply); err != nil {
		return fmt.Errorf("ask %s/%s: %w", c.Name(), id, err)
	}
	return nil
}
