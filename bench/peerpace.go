package bench

import (
	"context"
	"time"
)

// schedule says when the messages of one sender are due, in the phase's time.
type schedule struct {
	begin    int64 // of message 0
	interval int64
}

func (s schedule) due(n uint64) int64 { return s.begin + int64(n)*s.interval }

// until returns how many messages are due before then.
func (s schedule) until(then int64) uint64 {
	if then <= s.begin {
		return 0
	}
	return uint64((then-s.begin-1)/s.interval) + 1
}

// between returns how many messages are due from one time until another.
func (s schedule) between(from, to int64) uint64 { return s.until(to) - s.until(from) }

// keep calls send for each message when it is due, and flush after all that were due together, until the phase has
// stopped. A message whose time has passed is sent late and not left out.
func (s schedule) keep(ctx context.Context, p *phase, send func(n uint64) error, flush func() error) error {
	timer := time.NewTimer(time.Duration(s.begin - p.now()))
	defer timer.Stop()
	for n := uint64(0); ; {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		for ; s.due(n) <= p.now(); n++ {
			if p.stop.Load() {
				return flush()
			}
			if err := send(n); err != nil {
				return err
			}
		}
		if err := flush(); err != nil {
			return err
		}
		timer.Reset(time.Duration(s.due(n) - p.now()))
	}
}
