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

// begin returns the number of another question, and where what answers it comes.
func (a *asks) begin() (number uint64, answers <-chan *wire.Envelope) {
	answer := make(chan *wire.Envelope, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last++
	if a.waiting == nil {
		a.waiting = make(map[uint64]chan<- *wire.Envelope)
	}
	a.waiting[a.last] = answer
	return a.last, answer
}

func (a *asks) end(number uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, number)
}

// take hands an answer to whoever waits for it.
func (a *asks) take(env *wire.Envelope) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if answer := a.waiting[env.Command]; answer != nil {
		select {
		case answer <- env:
		default: // another owner has answered
		}
	}
}

// ask sends a call or a request for a view to the owner of the entity, and returns what it answers. The error is
// ErrUnavailable when it cannot be sent; after another one, as that of ctx, it may be carried out yet. Where the owner changes
// meanwhile the next one is asked, too, if a repetition does no harm.
func (e *Edge) ask(ctx context.Context, c Category, id string, env *wire.Envelope) (*wire.Envelope, error) {
	return e.askAs(ctx, c, id, env, env.Kind == wire.KindView || env.Key != "")
}

// askAs does so. repeats says that a repetition does no harm.
func (e *Edge) askAs(ctx context.Context, c Category, id string, env *wire.Envelope, repeats bool) (*wire.Envelope, error) {
	number, answers := e.asks.begin()
	defer e.asks.end(number)
	q := &asking{
		edge: e, lane: c.Lane, owner: bus.Owner(c.Pool, wire.Partition(c.Name, id, e.partitions)),
		repeats: repeats, answers: answers, begun: e.now(),
	}
	env.Category, env.ID, env.Edge, env.Command = c.Name, id, e.name, number
	got, err := q.ask(ctx, env)
	if err != nil {
		return nil, fmt.Errorf("ask %s/%s: %w", c.Name, id, err)
	}
	return got, nil
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
	// What edges ask for is the same when it is done twice.
	got, err := e.askAs(ctx, own(c), id, &wire.Envelope{Kind: wire.KindCall, Claims: platformClaims, Name: name, Data: data}, true)
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
