package localbus

import (
	"fmt"
	"sync"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/internal/listener"
	"github.com/tutti-rt/tutti/wire"
)

// Broadcast calls everybody who has joined, one after the other.
func (b *Bus) Broadcast(_ string, to bus.Address, e *wire.Envelope) error {
	b.mu.Lock()
	closed := b.closed
	b.mu.Unlock()
	if closed {
		return fmt.Errorf("broadcast to %s: %w", to, bus.ErrClosed)
	}
	for _, l := range b.joined.At(to) {
		l.Take(e)
	}
	return nil
}

// Join registers take for what is broadcast to the address.
func (b *Bus) Join(at bus.Address, take func(*wire.Envelope)) (func(), error) {
	l := listener.New(take)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, fmt.Errorf("join %s: %w", at, bus.ErrClosed)
	}
	b.joined.Join(at, l)
	return sync.OnceFunc(func() { b.joined.Leave(at, l) }), nil
}
