// Package localbus is the bus within one process: a function call.
package localbus

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// Bus delivers on the sender's goroutine. The zero value is ready for use.
type Bus struct {
	listeners sync.Map // bus.Address → *listener

	mu     sync.Mutex // held while listeners are added, so that none is after Close
	closed bool
}

var _ bus.Bus = (*Bus)(nil)

// New returns a bus without listeners.
func New() *Bus { return &Bus{} }

// listener counts the calls under way, so that stopping it can wait for them. A counter, not a
// lock: what a call sends may come back to the same listener on the same goroutine.
type listener struct {
	take    func(*wire.Envelope)
	calls   atomic.Int64 // calls under way; below zero once stopped
	drained chan struct{}
}

// stopped is added to calls when the listener is stopped.
const stopped = -1 << 32

// Send calls the listener at the address. The lanes of a process do not hold each other up, since
// there is no queue between sender and listener.
func (b *Bus) Send(_ string, to bus.Address, e *wire.Envelope) error {
	v, ok := b.listeners.Load(to)
	if !ok {
		return fmt.Errorf("send to %s: %w", to, bus.ErrNobody)
	}
	l := v.(*listener)
	if l.calls.Add(1) <= 0 {
		l.leave()
		return fmt.Errorf("send to %s: %w", to, bus.ErrNobody)
	}
	defer l.leave()
	l.take(e)
	return nil
}

func (l *listener) leave() {
	if l.calls.Add(-1) == stopped {
		select {
		case l.drained <- struct{}{}:
		default: // somebody who came too late has said so before
		}
	}
}

// Listen registers take for the address.
func (b *Bus) Listen(at bus.Address, take func(*wire.Envelope)) (func(), error) {
	l := &listener{take: take, drained: make(chan struct{}, 1)}
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
		l.calls.Add(1)
		l.calls.Add(stopped)
		l.leave()
		<-l.drained
	}), nil
}

// Close forgets all listeners.
func (b *Bus) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.listeners.Clear()
	return nil
}
