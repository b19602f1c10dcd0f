package localbus

import (
	"fmt"
	"slices"
	"sync"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/internal/listener"
	"github.com/tutti-rt/tutti/wire"
)

// Broadcast calls everybody who has joined, one after the other.
func (b *Bus) Broadcast(_ string, to bus.Address, e *wire.Envelope) error {
	b.mu.Lock()
	all, closed := b.joined[to], b.closed
	b.mu.Unlock()
	if closed {
		return fmt.Errorf("broadcast to %s: %w", to, bus.ErrClosed)
	}
	for _, l := range all {
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
	if b.joined == nil {
		b.joined = make(map[bus.Address][]*listener.Listener)
	}
	b.joined[at] = append(slices.Clone(b.joined[at]), l)
	return sync.OnceFunc(func() {
		b.leave(at, l)
		l.Stop()
	}), nil
}

func (b *Bus) leave(at bus.Address, l *listener.Listener) {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := slices.DeleteFunc(slices.Clone(b.joined[at]), func(o *listener.Listener) bool { return o == l })
	if len(left) == 0 {
		delete(b.joined, at)
		return
	}
	b.joined[at] = left
}
