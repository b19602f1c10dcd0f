package peer

import (
	"context"
	"sync"
	"time"
)

// pacer bounds how many bytes leave in a second. One of nil bounds nothing.
type pacer struct {
	perSecond int

	mu   sync.Mutex
	next time.Time // when the next byte may leave
}

func newPacer(perSecond int) *pacer {
	if perSecond == 0 {
		return nil
	}
	return &pacer{perSecond: perSecond}
}

// wait waits until n bytes more may leave. What nobody used in the last moments is not saved up.
func (p *pacer) wait(ctx context.Context, n int) error {
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
