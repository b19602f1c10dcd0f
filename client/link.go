package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

const (
	writeBytes  = 32 << 10 // frames are put together into messages of about this size
	mostPosted  = 1024     // frames besides commands and queries that may wait for the link
	missedBeats = 2        // heartbeats without a sign of life after which a link is dead
)

// outgoing is one frame to be written.
type outgoing struct {
	call    *Call           // a command or query, encoded when it is written, or
	frame   []byte          // any other frame, and
	written chan<- struct{} // closed when that has been written; may be nil
}

// link is one attachment to the entity.
type link struct {
	carrier   carrier
	transport Transport
	stop      context.CancelCauseFunc // ends the link
	made      time.Time
	heard     atomic.Int64           // when something last came from the server, since made
	wake      chan struct{}          // holds one token while out may hold something
	bearer    atomic.Pointer[string] // what requests of the link show

	// Guarded by Client.mu.
	out    []outgoing
	posted int // of out, those without a call
}

func (l *link) hear() { l.heard.Store(int64(l.age())) }

// age returns for how long there has been a link, by a clock that nobody sets.
func (l *link) age() time.Duration { return time.Since(l.made) }

func (l *link) token() string { return *l.bearer.Load() }

// queue appends o to what is to be written. Client.mu is held.
func (l *link) queue(o outgoing) {
	l.out = append(l.out, o)
	if o.call == nil {
		l.posted++
	}
	select {
	case l.wake <- struct{}{}:
	default: // the writer will look anyway
	}
}

// post queues a frame that is no command or query. written, if not nil, is closed when it is out.
func (c *Client) post(f wire.ClientFrame, written chan<- struct{}) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.calls == nil:
		return c.err
	case c.link == nil:
		return ErrOffline
	}
	return c.link.say(f, written)
}

// say queues a frame that is no command or query. Client.mu is held.
func (l *link) say(f wire.ClientFrame, written chan<- struct{}) error {
	if l.posted >= mostPosted {
		return ErrBusy
	}
	l.queue(outgoing{frame: wire.AppendClientFrame(nil, f), written: written})
	return nil
}

// serve makes one link and reads from it until it ends. It returns when nothing of it is left.
func (c *Client) serve(ctx context.Context, t Transport) ended {
	linkCtx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	l := &link{transport: t, made: time.Now(), stop: stop, wake: make(chan struct{}, 1)}
	s := &stream{c: c, l: l, cursor: c.cursor()}
	s.overdue = time.AfterFunc(c.config.DialTimeout, s.check)
	defer s.overdue.Stop()
	token, err := c.bearer(linkCtx)
	if err == nil {
		l.bearer.Store(&token)
		l.carrier, err = t.dial(linkCtx, c, s)
	}
	if err != nil {
		cause := context.Cause(linkCtx)
		if cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return ended{err: err, reached: reached(err)}
	}
	s.helpers.Go(func() { c.write(linkCtx, l) })
	err = l.carrier.receive(func(frame []byte) error { return s.frame(linkCtx, frame) })
	c.detach(l)
	cause := context.Cause(linkCtx)
	stop(err)
	s.helpers.Wait()
	if cause != nil {
		err = cause
	}
	end := ended{err: err, reached: true, welcomed: s.welcomed, proven: time.Duration(l.heard.Load()) > s.settled}
	if s.welcomed {
		end.lived = l.age() - s.settled
	}
	return end
}

// reached reports whether an attempt that failed with err came as far as somebody who answers.
func reached(err error) bool {
	op, isOp := errors.AsType[*net.OpError](err)
	return !isOp || op.Op != "dial"
}

// cursor returns where the next link shall begin.
func (c *Client) cursor() wire.Cursor {
	if c.updates.wantsState() {
		// Of no epoch there is. Without any cursor the server would not tell whether it has
		// forgotten the connection.
		return wire.Cursor{Epoch: "-"}
	}
	return wire.Cursor{Epoch: c.epoch, Revision: c.last}
}

// attached makes l the present link: everything that waited for one is queued.
func (c *Client) attached(l *link, f *wire.ServerFrame, forgotten bool) {
	c.mu.Lock()
	c.member = f.Member
	c.newEdge()
	c.nextID = max(c.nextID, f.Acked+1)
	failed := c.resend(l, forgotten)
	c.announce(l)
	c.link = l
	c.mu.Unlock()
	for _, p := range failed {
		p.fail(errForgotten)
	}
}

// announce says how the client is present, where it has said so. Client.mu is held.
func (c *Client) announce(l *link) {
	if c.presence != nil {
		_ = l.say(wire.ClientFrame{Type: wire.TypePresence, Data: c.presence}, nil) // a new link is not busy
	}
}

var errForgotten = errors.New("client: the platform has forgotten the connection")

func (c *Client) detach(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == l {
		c.link = nil
	}
	for n, p := range c.pings {
		close(p.pong)
		delete(c.pings, n)
	}
}

// write sends what is queued for l until ctx is done, then closes the link, politely where it is the client that
// wanted the end.
func (c *Client) write(ctx context.Context, l *link) {
	defer func() {
		cause := context.Cause(ctx)
		l.carrier.close(errors.Is(cause, context.Canceled) || errors.Is(cause, errFresh) || errors.Is(cause, errSwitch))
	}()
	var buf []byte
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
		runtime.Gosched() // who was woken together with this goroutine gets into the same message
		c.mu.Lock()
		batch := l.out
		l.out, l.posted = nil, 0
		c.mu.Unlock()
		for len(batch) > 0 {
			var taken int
			buf, taken = c.fill(buf[:0], batch[:min(len(batch), l.transport.most())])
			if len(buf) > 0 {
				if err := l.carrier.send(ctx, buf); err != nil {
					l.stop(err)
					return
				}
			}
			for _, o := range batch[:taken] {
				if o.written != nil {
					close(o.written)
				}
			}
			batch = batch[taken:]
		}
	}
}

// fill encodes frames of the batch, one a line, until they are long enough.
func (c *Client) fill(buf []byte, batch []outgoing) (message []byte, taken int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range batch {
		if len(buf) >= writeBytes {
			break
		}
		taken++
		if o.call != nil && c.calls[o.call.frame.ID] != o.call {
			continue // it was taken back
		}
		if len(buf) > 0 {
			buf = append(buf, '\n')
		}
		if o.call != nil {
			o.call.sent = true
			if o.call.frame.Trace {
				o.call.sentAt = c.sinceMade()
			}
			buf = wire.AppendClientFrame(buf, o.call.frame)
		} else {
			buf = append(buf, o.frame...)
		}
	}
	return buf, taken
}
