package client

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// stream is what comes over one link. The goroutine of Client.run owns it.
type stream struct {
	c       *Client
	l       *link
	cursor  wire.Cursor  // that the link was asked for
	overdue *time.Timer  // runs check
	silence atomic.Int64 // how long the server may be silent, ns; 0 before the welcome

	welcomed bool
	settled  time.Duration  // the link's age when its first welcome had been taken
	listed   bool           // the list of members has come after the last welcome
	helpers  sync.WaitGroup // the goroutines that write and keep the token fresh
}

// frame takes one frame.
func (s *stream) frame(ctx context.Context, line []byte) error {
	f, err := wire.DecodeServerFrame(line)
	if err != nil {
		return fmt.Errorf("read frame: %w", err)
	}
	return s.take(ctx, &f)
}

func (s *stream) take(ctx context.Context, f *wire.ServerFrame) error {
	c := s.c
	switch f.Type {
	case wire.TypeWelcome:
		return s.welcome(ctx, f)
	case wire.TypeEvent:
		return s.event(f)
	case wire.TypeAck, wire.TypeReject, wire.TypeAnswer:
		c.answered(f)
	case wire.TypeMessage:
		c.updates.push(Message{Name: f.Name, Data: slices.Clone(f.Data), By: f.By})
	case wire.TypePresence:
		c.updates.push(Presence{PresenceChange: *f.Presence, Whole: !s.listed})
		s.listed = true
	case wire.TypeStatus:
		serving := f.Code == wire.StatusServing
		c.updates.push(Serving{Now: serving})
		if s.welcomed {
			c.status.set(Status{Phase: Online, Transport: s.l.transport, Recovering: !serving})
		}
	case wire.TypePong:
		c.ponged(f)
	case wire.TypeTerminate:
		return &Terminated{
			Code: f.Code, Message: f.Message, Reconnect: f.Reconnect,
			After: time.Duration(max(f.After, 0)) * time.Millisecond,
		}
	}
	return nil // what a later version of the protocol may send
}

func (s *stream) welcome(ctx context.Context, f *wire.ServerFrame) error {
	c := s.c
	if f.Resumed && c.updates.wantsState() {
		return errFresh // the wish came after the dial
	}
	if f.Resumed {
		c.updates.setEpoch(f.Epoch)
	} else {
		if c.epoch != f.Epoch {
			c.untold(s.l)
		}
		c.epoch, c.last = f.Epoch, f.Revision
		c.updates.setEpoch(f.Epoch)
		if !c.config.SendOnly {
			c.updates.push(State{Revision: f.Revision, Data: slices.Clone(f.Data)})
		}
		c.saw(f.Revision)
	}
	s.listed = false
	if s.welcomed {
		// Conflation, the state instead of the events, on the same link; or between two polls the server has begun
		// another one, which does not know how the client is present.
		if s.l.transport == LongPoll {
			c.mu.Lock()
			c.announce(s.l)
			c.mu.Unlock()
			s.l.carrier.(*longPoll).moved()
		}
		return nil
	}
	s.welcomed, s.settled = true, s.l.age()
	s.expectHeartbeat(f.Heartbeat)
	c.attached(s.l, f, !f.Known && !s.cursor.IsZero())
	c.status.set(Status{Phase: Online, Transport: s.l.transport})
	select {
	case <-c.opened:
	default:
		close(c.opened)
	}
	if c.config.TokenSource != nil {
		s.helpers.Go(func() { c.keepFresh(ctx, s.l) })
	}
	return nil
}

func (s *stream) event(f *wire.ServerFrame) error {
	c := s.c
	switch {
	case !s.welcomed:
		return fmt.Errorf("event %d before the welcome: %w", f.Revision, wire.ErrFrame)
	case f.Revision <= c.last:
		return nil // a duplicate
	case f.Prev > c.last:
		return fmt.Errorf("event %d follows %d, after %d: %w", f.Revision, f.Prev, c.last, errGap)
	}
	c.last = f.Revision
	c.updates.push(Event{
		Revision: f.Revision, Name: f.Name, Data: slices.Clone(f.Data), At: time.UnixMilli(f.At), By: f.By, Command: f.Command,
	})
	c.saw(f.Revision)
	return nil
}

// expectHeartbeat lets the link end when the server has not been heard for missedBeats heartbeats
// and a half.
func (s *stream) expectHeartbeat(ms int64) {
	s.overdue.Stop()
	if ms > 0 {
		silence := time.Duration(ms) * time.Millisecond * (2*missedBeats + 1) / 2
		s.silence.Store(int64(silence))
		s.overdue.Reset(silence)
	}
}

// check ends the link when nothing was heard for too long. It runs on the timer's goroutine.
func (s *stream) check() {
	silence := time.Duration(s.silence.Load())
	quiet := s.l.age() - time.Duration(s.l.heard.Load())
	if quiet >= silence {
		s.l.stop(errMute)
		return
	}
	s.overdue.Reset(silence - quiet)
}
