// Package pace bounds how many bytes are sent in a second.
package pace

import (
	"context"
	"sync"
	"time"
)

// Pacer has those who send wait. One of nil bounds nothing.
type Pacer struct {
	mu        sync.Mutex
	perSecond int
	next      time.Time // when the next byte may leave
}

// New returns a pacer of that many bytes a second, nil for 0.
func New(perSecond int) *Pacer {
	if perSecond == 0 {
		return nil
	}
	return &Pacer{perSecond: perSecond}
}

// Set changes how many bytes may leave in a second, from the next ones on.
func (p *Pacer) Set(perSecond int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.perSecond = perSecond
}

// Wait waits until n bytes more may leave. What nobody used in the last moments is not saved up.
func (p *Pacer) Wait(ctx context.Context, n int) error {
	if p == nil {
		return nil
	}
	now := time.Now()
	p.mu.Lock()
	if p.next.Before(now) {
		p.next = now
	}
	pause := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(float64(n) / float64(p.perSecond) * float64(time.Second)))
	p.mu.Unlock()
	if pause == 0 {
		return nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
