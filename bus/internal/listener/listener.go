// Package listener counts the calls of a listener that are under way, so that stopping it can wait for them.
package listener

import (
	"sync/atomic"

	"github.com/tutti-rt/tutti/wire"
)

// Listener is somebody who takes envelopes until stopped.
type Listener struct {
	take func(*wire.Envelope)
	// A counter, not a lock: what a call sends may come back to the same listener on the same goroutine.
	calls   atomic.Int64 // calls under way; below zero once stopped
	drained chan struct{}
}

// stopped is added to calls when the listener is stopped.
const stopped = -1 << 32

// New returns a listener that has take called.
func New(take func(*wire.Envelope)) *Listener {
	return &Listener{take: take, drained: make(chan struct{}, 1)}
}

// Take calls what the listener was made of. It returns false when the listener has been stopped.
func (l *Listener) Take(e *wire.Envelope) bool {
	if l.calls.Add(1) <= 0 {
		l.leave()
		return false
	}
	defer l.leave()
	l.take(e)
	return true
}

func (l *Listener) leave() {
	if l.calls.Add(-1) == stopped {
		select {
		case l.drained <- struct{}{}:
		default: // somebody who came too late has said so before
		}
	}
}

// Stop ends the listener and waits for the calls under way. It is called once.
func (l *Listener) Stop() {
	l.calls.Add(1)
	l.calls.Add(stopped)
	l.leave()
	<-l.drained
}
