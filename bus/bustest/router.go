package bustest

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// Router makes a bus.Router of the bus of one process, for tests of those who use one: an owner has come when it listens
// at its address, or when a test says so.
type Router struct {
	bus.Bus
	// Cut has no owner come.
	Cut atomic.Bool

	mu    sync.Mutex
	last  int
	moved map[int]func(bus.Address)
	lost  map[bus.Address]error
}

var _ bus.Router = (*Router)(nil)

// Reaches is what Cut says.
func (r *Router) Reaches(bus.Address) bool { return !r.Cut.Load() }

// NewRouter returns a router around b.
func NewRouter(b bus.Bus) *Router {
	return &Router{Bus: b, moved: make(map[int]func(bus.Address)), lost: make(map[bus.Address]error)}
}

// Listen tells of an owner that listens from now on.
func (r *Router) Listen(at bus.Address, take func(e *wire.Envelope)) (stop func(), err error) {
	stop, err = r.Bus.Listen(at, take)
	if err == nil && strings.HasPrefix(string(at), "owner.") {
		r.Move(at)
	}
	return stop, err
}

// Owners has moved called when an owner has come, until stop is called.
func (r *Router) Owners(moved func(at bus.Address)) (stop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	number := r.last
	r.moved[number] = moved
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.moved, number)
	}
}

// Move says that an owner has come to the address.
func (r *Router) Move(at bus.Address) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.lost, at)
	for _, moved := range r.moved {
		moved(at)
	}
}

// Lose has envelopes to the address fail with err, or vanish where that is nil, until an owner comes there.
func (r *Router) Lose(at bus.Address, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost[at] = err
}

// Find has envelopes to the address arrive again. Nobody is told.
func (r *Router) Find(at bus.Address) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.lost, at)
}

// Send sends e, unless the address has lost its owner.
func (r *Router) Send(lane string, to bus.Address, e *wire.Envelope) error {
	r.mu.Lock()
	err, lost := r.lost[to]
	r.mu.Unlock()
	switch {
	case !lost:
		return r.Bus.Send(lane, to, e)
	case err != nil:
		return fmt.Errorf("send to %s: %w", to, err)
	}
	return nil
}

// Broadcast is the bus's, which nobody hears where that does not broadcast.
func (r *Router) Broadcast(lane string, to bus.Address, e *wire.Envelope) error {
	if all, ok := r.Bus.(bus.Broadcaster); ok {
		return all.Broadcast(lane, to, e)
	}
	return nil
}

// Join is the bus's.
func (r *Router) Join(at bus.Address, take func(e *wire.Envelope)) (stop func(), err error) {
	if all, ok := r.Bus.(bus.Broadcaster); ok {
		return all.Join(at, take)
	}
	return nil, fmt.Errorf("join %s: this bus does not broadcast", at)
}
