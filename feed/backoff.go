package feed

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff is how long is waited before something is tried again: a random part of a time that begins with Min (default
// 100 ms), doubles with every failure and stays at Max (default 10 s).
type Backoff struct{ Min, Max time.Duration }

func (b Backoff) withDefaults() Backoff {
	if b.Min <= 0 {
		b.Min = 100 * time.Millisecond
	}
	if b.Max <= 0 {
		b.Max = 10 * time.Second
	}
	return b
}

// wait waits after so many failures in a row, one at least, or until ctx is done.
func (b Backoff) wait(ctx context.Context, failures int) {
	most := b.Min << min(failures-1, 30)
	if most > b.Max || most <= 0 {
		most = b.Max
	}
	t := time.NewTimer(rand.N(most) + 1)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
