package soak

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/wire"
)

const (
	dialTime     = 10 * time.Second
	writeTime    = 10 * time.Second
	maxMessage   = 32 << 20 // bytes
	socketBuffer = 4 << 10  // for reading
)

var errEnded = errors.New("soak: the node ended the link")

// socket is one link.
type socket struct {
	way
	generation int64 // of the node
	slow       bool
}

// way is how a link is carried. One goroutine reads; any may say something.
type way interface {
	// read returns the next frames, one a line, which are valid until the next call, or nothing for a sign of life.
	read() ([]byte, error)
	// until says when read has to end at the latest.
	until(t time.Time) error
	// say sends a frame, or has it sent soon.
	say(frame []byte) error
	close()
}

// webSocket is a WebSocket.
type webSocket struct {
	conn net.Conn
	r    *bufio.Reader
	buf  []byte

	mu  sync.Mutex
	out []byte
}

// dialWebSocket brings a WebSocket to the address. A slow one has small buffers, so that what is not read is the
// node's trouble soon.
func dialWebSocket(ctx context.Context, address, token string, slow bool) (*webSocket, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	dialer := ws.Dialer{
		Protocols: []string{wire.Subprotocol},
		Header:    ws.HandshakeHeaderHTTP(http.Header{"Authorization": {"Bearer " + token}}),
	}
	if slow {
		dialer.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			var d net.Dialer
			c, err := d.DialContext(ctx, network, addr)
			if tcp, ok := c.(*net.TCPConn); ok {
				err = tcp.SetReadBuffer(socketBuffer)
			}
			return c, err
		}
	}
	conn, early, _, err := dialer.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	s := &webSocket{conn: conn, r: bufio.NewReaderSize(conn, socketBuffer)}
	if early != nil { // what the node sent together with its answer to the upgrade
		b, _ := early.Peek(early.Buffered())
		s.r = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(bytes.Clone(b)), conn), socketBuffer)
		ws.PutReader(early)
	}
	return s, nil
}

// read returns the next text message, which is valid until the next call, or nil for a sign of life, which it answers.
func (s *webSocket) read() ([]byte, error) {
	h, err := ws.ReadHeader(s.r)
	if err != nil {
		return nil, err
	}
	if h.Length > maxMessage {
		return nil, fmt.Errorf("message of %d bytes", h.Length)
	}
	if int64(cap(s.buf)) < h.Length {
		s.buf = make([]byte, h.Length)
	}
	payload := s.buf[:h.Length]
	if _, err := io.ReadFull(s.r, payload); err != nil {
		return nil, err
	}
	switch h.OpCode {
	case ws.OpText:
		if !h.Fin {
			return nil, errors.New("fragmented message")
		}
		return payload, nil
	case ws.OpPing:
		return nil, s.write(ws.OpPong, payload)
	case ws.OpPong:
		return nil, nil
	case ws.OpClose:
		code, reason := ws.ParseCloseFrameData(payload)
		return nil, fmt.Errorf("%w: %d %s", errEnded, code, reason)
	}
	return nil, fmt.Errorf("WebSocket opcode %#x", h.OpCode)
}

func (s *webSocket) until(t time.Time) error { return s.conn.SetReadDeadline(t) }

func (s *webSocket) say(frame []byte) error { return s.write(ws.OpText, frame) }

// write sends one frame, masked with zeros.
func (s *webSocket) write(op ws.OpCode, payload []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = append(s.out[:0], 0x80|byte(op))
	switch n := len(payload); {
	case n < 126:
		s.out = append(s.out, 0x80|byte(n))
	case n < 1<<16:
		s.out = binary.BigEndian.AppendUint16(append(s.out, 0x80|126), uint16(n))
	default:
		s.out = binary.BigEndian.AppendUint64(append(s.out, 0x80|127), uint64(n))
	}
	s.out = append(append(s.out, 0, 0, 0, 0), payload...)
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	_, err := s.conn.Write(s.out)
	return err
}

func (s *webSocket) close() { s.conn.Close() }
