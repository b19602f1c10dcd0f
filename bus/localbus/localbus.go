// Package localbus is the bus within one process: a function call.
package localbus

import (
	"fmt"
	"sync"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/internal/listener"
	"github.com/tutti-rt/tutti/wire"
)

// Bus delivers on the sender's goroutine. The zero value is ready for use.
type Bus struct {
	listeners sync.Map // bus.Address → *listener.Listener

	mu     sync.Mutex // held while listeners are added, so that none is after Close
	closed bool
	joined listener.Crowd[bus.Address]
}

var (
	_ bus.Bus         = (*Bus)(nil)
	_ bus.Broadcaster = (*Bus)(nil)
)

// New returns a bus without listeners.
func New() *Bus { return &Bus{} }

// Send calls the listener at the address. The lanes of a process do not hold each other up, since
// there is no queue between sender and listener.
func (b *Bus) Send(_ string, to bus.Address, e *wire.Envelope) error {
	v, ok := b.listeners.Load(to)
	if !ok || !v.(*listener.Listener).Take(e) {
		return fmt.Errorf("send to %s: %w", to, bus.ErrNobody)
	}
	return nil
}

// Listen registers take for the address.
func (b *Bus) Listen(at bus.Address, take func(*wire.Envelope)) (func(), error) {
	l := listener.New(take)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, fmt.Errorf("listen at %s: %w", at, bus.ErrClosed)
	}
	if _, taken := b.listeners.LoadOrStore(at, l); taken {
		return nil, fmt.Errorf("listen at %s: somebody listens there already", at)
	}
	return sync.OnceFunc(func() {
		b.listeners.CompareAndDelete(at, l)
		l.Stop()
	}), nil
}

// Close forgets all listeners.
func (b *Bus) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.listeners.Clear()
	b.joined.Clear()
	return nil
}
