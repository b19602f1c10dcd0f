package natsbus

import (
	"fmt"
	"sync"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/internal/listener"
	"github.com/tutti-rt/tutti/wire"
)

// Broadcast calls those who have joined on this bus, and queues e for all others.
func (b *Bus) Broadcast(lane string, to bus.Address, e *wire.Envelope) error {
	l, err := b.lane(lane)
	if err != nil {
		return fmt.Errorf("broadcast to %s: %w", to, err)
	}
	for _, o := range b.joined.At(to) {
		o.Take(e)
	}
	if len(to) > maxAddressBytes {
		return nil
	}
	if err := l.send(target{at: to, all: true}, e); err != nil {
		return fmt.Errorf("broadcast to %s: %w", to, err)
	}
	return nil
}

// Join has take called for what is broadcast to the address on any lane.
func (b *Bus) Join(at bus.Address, take func(*wire.Envelope)) (func(), error) {
	l := listener.New(take)
	quit, err := b.subscribe(target{at: at, all: true}, func(e *wire.Envelope) { l.Take(e) })
	if err == nil {
		b.mu.Lock()
		if err = b.mayListen(at); err == nil {
			b.joined.Join(at, l)
		}
		b.mu.Unlock()
	}
	if err != nil {
		quit()
		return nil, fmt.Errorf("join %s: %w", at, err)
	}
	return sync.OnceFunc(func() {
		quit()
		b.joined.Leave(at, l)
	}), nil
}
