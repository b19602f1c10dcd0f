package bench

import (
	"context"
	"time"
)

// closedLoop keeps inFlight commands unanswered until the phase stops.
func (s *sender) closedLoop(inFlight int) error {
	for range inFlight {
		s.issue(s.phase.now())
	}
	return s.answers(func() {
		if !s.phase.stop.Load() {
			s.issue(s.phase.now())
		}
	})
}

// openLoop sends a command every interval, the first after offset, whether or not those before it have been
// answered, up to what a connection may have unanswered. Latencies count from when a command was due.
func (s *sender) openLoop(ctx context.Context, interval, offset time.Duration) error {
	s.free = make(chan struct{}, maxUnanswered)
	for range cap(s.free) - 1 {
		s.free <- struct{}{}
	}
	c := newCrew()
	ended := make(chan struct{})
	s.issuing.Store(true)
	c.add(func() error {
		defer close(ended)
		return s.answers(func() { s.free <- struct{}{} })
	})
	c.add(func() error {
		defer s.issuing.Store(false)
		return s.schedule(ctx, interval, offset, ended)
	})
	return c.wait()
}

func (s *sender) schedule(ctx context.Context, interval, offset time.Duration, ended <-chan struct{}) error {
	timer := time.NewTimer(offset)
	defer timer.Stop()
	due := s.phase.now() + int64(offset)
	for {
		select {
		case <-timer.C:
		case <-ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
		for ; due <= s.phase.now(); due += int64(interval) {
			if s.phase.stop.Load() {
				return s.link.flush()
			}
			select {
			case <-s.free:
			default: // full: what is queued must leave before anything can come back
				if err := s.link.flush(); err != nil {
					return err
				}
				select {
				case <-s.free:
				case <-ended:
					return nil
				}
			}
			s.issue(due)
		}
		if err := s.link.flush(); err != nil {
			return err
		}
		timer.Reset(time.Duration(due - s.phase.now()))
	}
}
