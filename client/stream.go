package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/tutti-rt/tutti/wire"
)

// stream is what comes over one link. The goroutine of Client.run owns it.
type stream struct {
	c       *Client
	l       *link
	cursor  wire.Cursor  // that the link was asked for
	token   string       // that the link was made with
	overdue *time.Timer  // runs check
	silence atomic.Int64 // how long the server may be silent, ns; 0 before the welcome

	welcomed bool
	listed   bool           // the list of members has come after the last welcome
	helpers  sync.WaitGroup // the goroutines that write and keep the token fresh
}

// read reads until the link ends. When ctx is done, Client.write closes the socket.
func (s *stream) read(ctx context.Context) error {
	reading := context.WithoutCancel(ctx) // watching it would cost more than the reading
	var buf []byte
	for {
		var err error
		if buf, err = s.message(reading, buf); err != nil {
			return closeError(err)
		}
		for line := range wire.Frames(buf) {
			f, err := wire.DecodeServerFrame(line)
			if err != nil {
				return fmt.Errorf("read frame: %w", err)
			}
			if err := s.take(ctx, &f); err != nil {
				return err
			}
		}
		if cap(buf) > keepBuffer {
			buf = nil
		}
	}
}

// message reads one message into buf's memory.
func (s *stream) message(ctx context.Context, buf []byte) ([]byte, error) {
	_, r, err := s.l.ws.Reader(ctx)
	if err != nil {
		return buf, err
	}
	buf = buf[:0]
	for {
		s.l.heard.Store(time.Now().UnixNano())
		buf = slices.Grow(buf, 512)
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

// closeError returns what a close frame without a terminate frame before it means.
func closeError(err error) error {
	switch code := int(websocket.CloseStatus(err)); code {
	case wire.CloseBinary, wire.CloseUTF8, wire.CloseBadFrame, wire.CloseToken, wire.CloseRefused,
		wire.CloseGone, wire.CloseReplaced, wire.CloseFrameTooLarge:
		return &Terminated{Code: fmt.Sprintf("closed with %d", code), Reconnect: code == wire.CloseToken}
	}
	return err
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
			c.status.set(Status{Phase: Online, Recovering: !serving})
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
		c.epoch, c.last = f.Epoch, f.Revision
		c.updates.setEpoch(f.Epoch)
		if !c.config.SendOnly {
			c.updates.push(State{Revision: f.Revision, Data: slices.Clone(f.Data)})
		}
	}
	s.listed = false
	if s.welcomed {
		return nil // conflation: the state instead of the events, on the same link
	}
	s.welcomed = true
	s.expectHeartbeat(f.Heartbeat)
	c.attached(s.l, f, !f.Known && !s.cursor.IsZero())
	c.status.set(Status{Phase: Online})
	select {
	case <-c.opened:
	default:
		close(c.opened)
	}
	if c.config.TokenSource != nil {
		s.helpers.Go(func() { c.keepFresh(ctx, s.token, s.l) })
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
	quiet := time.Duration(time.Now().UnixNano() - s.l.heard.Load())
	if quiet >= silence {
		s.l.stop(errMute)
		return
	}
	s.overdue.Reset(silence - quiet)
}
