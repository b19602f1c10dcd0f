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

// A client follows the server to other edges almost at once: mostMoves times in a row, and then once in moveEvery. So many edges that stop
// are asked in a row, too, until that counts as a failure.
const (
	mostMoves = 8
	moveEvery = time.Second
)

// pace decides how long a client waits between two links. The goroutine of run owns it.
type pace struct {
	backoff  Backoff
	failures int       // since a link has lived long
	refusals int       // by edges that stop, since a link was welcomed
	moved    time.Time // when the client would have moved last if it never did more often than once in moveEvery
}

// after returns how long to wait after a link has ended.
func (p *pace) after(end *ended, err error) time.Duration {
	if end.welcomed {
		p.refusals = 0
	}
	if end.lived > steady {
		p.failures = 0
	}
	if t, ok := errors.AsType[*Terminated](err); ok && t.Code == wire.EndDraining {
		return max(t.After, p.move(time.Now()))
	}
	if r, ok := errors.AsType[*Refused](err); ok && r.elsewhere && p.refusals < mostMoves {
		wait := tryPause/2 + rand.N(tryPause)
		if end.welcomed { // a poll, or a POST, went there
			return wait + p.move(time.Now())
		}
		p.refusals++
		return wait
	}
	if errors.Is(err, errFresh) || errors.Is(err, errSwitch) {
		return 0
	}
	wait := p.backoff.delay(p.failures, err)
	p.failures++
	return wait
}

// move counts one more move, and returns how long to wait for it.
func (p *pace) move(now time.Time) time.Duration {
	if first := now.Add(-mostMoves * moveEvery); p.moved.Before(first) {
		p.moved = first
	}
	p.moved = p.moved.Add(moveEvery)
	return max(p.moved.Sub(now), 0)
}

// delay returns how long to wait after so many failures and one more, which is err.
func (b Backoff) delay(failures int, err error) time.Duration {
	if t, ok := errors.AsType[*Terminated](err); ok && t.After > 0 {
		return t.After
	}
	most := b.Min << min(failures, 30)
	if most > b.Max || most <= 0 {
		most = b.Max
	}
	d := rand.N(most + 1)
	if r, ok := errors.AsType[*Refused](err); ok {
		d += r.RetryAfter
	}
	return d
}
