package client

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// Backoff is how long a client waits before it connects again: a random part of a time that
// begins with Min (default 100 ms), doubles with every failure and stays at Max (default 10 s). A
// time that the server names counts instead.
type Backoff struct{ Min, Max time.Duration }

// mostMoves is how many links in a row, each short, may be followed by the next one at once because the server moves them.
const mostMoves = 8

// delay returns how long to wait after so many failures in a row, the last of them err.
func (b Backoff) delay(failures int, err error) time.Duration {
	var t *Terminated
	if errors.As(err, &t) && (t.After > 0 || t.Code == wire.EndDraining && failures < mostMoves) {
		return t.After
	}
	if errors.Is(err, errFresh) || errors.Is(err, errSwitch) {
		return 0
	}
	most := b.Min << min(failures, 30)
	if most > b.Max || most <= 0 {
		most = b.Max
	}
	d := rand.N(most + 1)
	var r *Refused
	if errors.As(err, &r) {
		d += r.RetryAfter
	}
	return d
}
