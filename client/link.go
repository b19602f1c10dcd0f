package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/tutti-rt/tutti/wire"
)

const (
	writeBytes    = 32 << 10 // frames are put together into messages of about this size
	mostPosted    = 1024     // frames besides commands and queries that may wait for the link
	keepBuffer    = 256 << 10
	missedBeats   = 2           // heartbeats without a sign of life after which a link is dead
	closePatience = time.Second // how long the server may take to answer a close
)

// outgoing is one frame to be written.
type outgoing struct {
	call    *Call           // a command or query, encoded when it is written, or
	frame   []byte          // any other frame, and
	written chan<- struct{} // closed when that has been written; may be nil
}

// link is one WebSocket.
type link struct {
	ws    *websocket.Conn
	conn  io.Closer               // under ws
	stop  context.CancelCauseFunc // ends the link
	heard atomic.Int64            // when something last came from the server, Unix ns
	wake  chan struct{}           // holds one token while out may hold something

	// Guarded by Client.mu.
	out    []outgoing
	posted int // of out, those without a call
}

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
func (c *Client) serve(ctx context.Context) (welcomed bool, err error) {
	linkCtx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	l := &link{stop: stop, wake: make(chan struct{}, 1)}
	s := &stream{c: c, l: l, cursor: c.cursor()}
	s.overdue = time.AfterFunc(c.config.DialTimeout, s.check)
	defer s.overdue.Stop()
	s.token, err = c.bearer(linkCtx)
	if err == nil {
		err = c.dial(linkCtx, s)
	}
	if err != nil {
		if cause := context.Cause(linkCtx); cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return false, err
	}
	s.helpers.Go(func() { c.write(linkCtx, l) })
	err = s.read(linkCtx)
	c.detach(l)
	cause := context.Cause(linkCtx)
	stop(err)
	s.helpers.Wait()
	if cause != nil {
		err = cause
	}
	return s.welcomed, err
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

func (c *Client) dial(ctx context.Context, s *stream) error {
	header := http.Header{}
	if s.token != "" {
		header.Set("Authorization", "Bearer "+s.token)
	}
	l := s.l
	upgrading := *c.config.HTTPClient
	upgrading.Transport = upgrader{cmp.Or(upgrading.Transport, http.DefaultTransport), l}
	ws, response, err := websocket.Dial(ctx, c.config.target(c.entity, s.cursor), &websocket.DialOptions{
		HTTPClient:   &upgrading,
		HTTPHeader:   header,
		Subprotocols: []string{wire.Subprotocol},
		OnPingReceived: func(context.Context, []byte) bool {
			l.heard.Store(time.Now().UnixNano())
			return true
		},
	})
	if err != nil {
		if response != nil && response.StatusCode != http.StatusSwitchingProtocols {
			return refusal(response)
		}
		return err
	}
	if ws.Subprotocol() != wire.Subprotocol {
		_ = ws.CloseNow() // it is of no use
		return &Refused{Status: http.StatusUpgradeRequired, Detail: "the server does not speak " + wire.Subprotocol}
	}
	ws.SetReadLimit(c.config.MaxMessage)
	l.ws = ws
	return nil
}

// refusal is the error of a response that is no upgrade.
func refusal(response *http.Response) error {
	r := &Refused{Status: response.StatusCode}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		r.RetryAfter = time.Duration(min(seconds, 3600)) * time.Second
	}
	var problem struct{ Title, Detail string }
	body, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10)) // what is cut off is no JSON
	if json.Unmarshal(body, &problem) == nil {
		r.Detail = problem.Detail
		if r.Detail == "" {
			r.Detail = problem.Title
		}
	}
	return r
}

// attached makes l the present link: everything that waited for one is queued.
func (c *Client) attached(l *link, f *wire.ServerFrame, forgotten bool) {
	c.mu.Lock()
	c.member = f.Member
	c.nextID = max(c.nextID, f.Acked+1)
	failed := c.resend(l, forgotten)
	if c.presence != nil {
		_ = l.say(wire.ClientFrame{Type: wire.TypePresence, Data: c.presence}, nil) // a new link is not busy
	}
	c.link = l
	c.mu.Unlock()
	for _, p := range failed {
		p.fail(errForgotten)
	}
}

var errForgotten = errors.New("client: the platform has forgotten the connection")

func (c *Client) detach(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == l {
		c.link = nil
	}
	for n, pong := range c.pings {
		close(pong)
		delete(c.pings, n)
	}
}

// write writes what is queued for l until ctx is done, then closes the socket.
func (c *Client) write(ctx context.Context, l *link) {
	defer l.close(ctx)
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
			buf, taken = c.fill(buf[:0], batch)
			if len(buf) > 0 {
				if err := l.ws.Write(ctx, websocket.MessageText, buf); err != nil {
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

// close closes the socket, with a close frame where it is the client that wanted the end. Whatever
// it fails with, the socket is closed.
func (l *link) close(ctx context.Context) {
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, errFresh) {
		_ = l.ws.CloseNow()
		return
	}
	overdue := time.AfterFunc(closePatience, func() { _ = l.conn.Close() })
	defer overdue.Stop()
	_ = l.ws.Close(websocket.StatusNormalClosure, "")
}

// upgrader keeps hold of the connection that becomes a WebSocket.
type upgrader struct {
	http.RoundTripper
	l *link
}

// RoundTrip implements http.RoundTripper.
func (u upgrader) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := u.RoundTripper.RoundTrip(r)
	if err == nil {
		u.l.conn = response.Body
	}
	return response, err
}

// fill encodes frames of the batch, one a line, until the message is long enough.
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
			buf = wire.AppendClientFrame(buf, o.call.frame)
		} else {
			buf = append(buf, o.frame...)
		}
	}
	return buf, taken
}
