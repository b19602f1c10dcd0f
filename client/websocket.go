package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/coder/websocket"
	"github.com/tutti-rt/tutti/wire"
)

const (
	keepBuffer    = 256 << 10
	closePatience = time.Second // how long the server may take to answer a close
)

// webSocket carries a link both ways.
type webSocket struct {
	ws   *websocket.Conn
	conn io.Closer // under ws
	l    *link
	ctx  context.Context // of the link, without its end: watching that would cost more than the reading
	buf  []byte
}

var _ carrier = (*webSocket)(nil)

func (c *Client) dialWebSocket(ctx context.Context, s *stream) (carrier, error) {
	header := http.Header{}
	if token := s.l.token(); token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	w := &webSocket{l: s.l, ctx: context.WithoutCancel(ctx)}
	upgrading := *c.config.HTTPClient
	upgrading.Transport = upgrader{cmp.Or(upgrading.Transport, http.DefaultTransport), w}
	ws, response, err := websocket.Dial(ctx, c.target(s.cursor).String(), &websocket.DialOptions{
		HTTPClient:   &upgrading,
		HTTPHeader:   header,
		Subprotocols: []string{wire.Subprotocol},
		OnPingReceived: func(context.Context, []byte) bool {
			s.l.hear()
			return true
		},
	})
	if err != nil {
		if response != nil && response.StatusCode != http.StatusSwitchingProtocols {
			return nil, refusal(response)
		}
		if response != nil {
			return nil, fmt.Errorf("%w: %w", errBlocked, err)
		}
		return nil, err
	}
	if ws.Subprotocol() != wire.Subprotocol {
		_ = ws.CloseNow() // it is of no use
		return nil, &Refused{Status: http.StatusUpgradeRequired, Detail: "the server does not speak " + wire.Subprotocol}
	}
	ws.SetReadLimit(c.config.MaxMessage)
	w.ws = ws
	return w, nil
}

// upgrader keeps hold of the connection that becomes a WebSocket.
type upgrader struct {
	http.RoundTripper
	w *webSocket
}

// RoundTrip implements http.RoundTripper.
func (u upgrader) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := u.RoundTripper.RoundTrip(r)
	if err == nil {
		u.w.conn = response.Body
	}
	return response, err
}

// receive reads messages.
func (w *webSocket) receive(take func(frame []byte) error) error {
	for {
		if err := w.message(); err != nil {
			return closeError(err)
		}
		for line := range wire.Frames(w.buf) {
			if err := take(line); err != nil {
				return err
			}
		}
		if cap(w.buf) > keepBuffer {
			w.buf = nil
		}
	}
}

// message reads one message.
func (w *webSocket) message() error {
	_, r, err := w.ws.Reader(w.ctx)
	if err != nil {
		return err
	}
	w.buf = w.buf[:0]
	for {
		w.l.hear()
		w.buf = slices.Grow(w.buf, 512)
		n, err := r.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf = w.buf[:len(w.buf)+n]
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
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

// send writes one message.
func (w *webSocket) send(ctx context.Context, frames []byte) error {
	return w.ws.Write(ctx, websocket.MessageText, frames)
}

// close closes the socket, with a close frame when it is polite. Whatever it fails with, the socket is closed.
func (w *webSocket) close(polite bool) {
	if !polite {
		_ = w.ws.CloseNow()
		return
	}
	overdue := time.AfterFunc(closePatience, func() { _ = w.conn.Close() })
	defer overdue.Stop()
	_ = w.ws.Close(websocket.StatusNormalClosure, "")
}
