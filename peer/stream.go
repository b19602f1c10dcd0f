package peer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// What the pieces of a request or an answer begin with.
const (
	partData = iota
	partEnd
	partFailed // with the reason
	partAlive
)

const (
	partStart   = 5 // a part's header: kind, length
	maxPart     = 64 << 10
	streamAlive = time.Second      // how often a stream that has nothing to say says so
	streamEnds  = 10 * time.Second // silence after which a stream is given up
	streamStall = 30 * time.Second // how long the other side may take nothing
)

var errPart = errors.New("peer: not a stream")

func appendPart(b []byte, kind byte, data []byte) []byte {
	b = append(b, kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

// readPartHeader accepts what appendPart writes and nothing else.
func readPartHeader(r io.Reader) (kind byte, length int, err error) {
	var b [partStart]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, 0, err
	}
	kind, length = b[0], int(binary.BigEndian.Uint32(b[1:]))
	if kind > partAlive || length > maxPart || (kind == partEnd || kind == partAlive) && length > 0 {
		return 0, 0, fmt.Errorf("%w: kind %d with length %d", errPart, kind, length)
	}
	return kind, length, nil
}

// parts reads what the other side sends as one stream of bytes, which ends with io.EOF only when all of it has come.
type parts struct {
	r    io.Reader
	left int // of the part that is being read
	err  error
}

// Read implements io.Reader.
func (p *parts) Read(b []byte) (int, error) {
	for p.left == 0 && p.err == nil {
		p.err = p.next()
	}
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.r.Read(b[:min(len(b), p.left)])
	p.left -= n
	if err != nil {
		p.err = unexpected(err)
	}
	return n, p.err
}

func (p *parts) next() error {
	kind, length, err := readPartHeader(p.r)
	switch {
	case err != nil:
		return unexpected(err)
	case kind == partEnd:
		return io.EOF
	case kind == partFailed:
		text := make([]byte, length)
		if _, err := io.ReadFull(p.r, text); err != nil {
			return unexpected(err)
		}
		return &Refusal{Reason: ReasonFailed, Text: printable(string(text))}
	case kind == partData:
		p.left = length
	}
	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// stream is the answer to Open.
type stream struct {
	parts
	conn *conn
	stop func() bool
}

// Close ends the stream, whether all of it was read or not.
func (s *stream) Close() error {
	s.stop()
	s.conn.end(errStopped)
	return nil
}

// Open asks a service of another node and returns its answer as it comes, over a connection of its own. Reading ends with io.EOF
// only when the service has written everything; a *Refusal says why it has not. The stream ends with ctx.
func (m *Mesh) Open(ctx context.Context, to journal.NodeID, service string, request []byte) (io.ReadCloser, error) {
	address, err := m.address(to)
	if err != nil {
		return nil, err
	}
	return m.open(ctx, address, hello{purpose: forStream, to: to, service: service}, request)
}

// Call asks a service of another node and returns all of its answer, which must not be longer than MaxFrame.
func (m *Mesh) Call(ctx context.Context, to journal.NodeID, service string, request []byte) ([]byte, error) {
	address, err := m.address(to)
	if err != nil {
		return nil, err
	}
	return m.call(ctx, address, hello{purpose: forCall, to: to, service: service}, request)
}

// CallAt is Call for whatever node is at the address, as by one that is no member yet.
func (m *Mesh) CallAt(ctx context.Context, address, service string, request []byte) ([]byte, error) {
	return m.call(ctx, address, hello{purpose: forCall, service: service}, request)
}

func (m *Mesh) address(id journal.NodeID) (string, error) {
	r := m.remote(id)
	if r == nil {
		return "", fmt.Errorf("reach node %d: %w", id, ErrUnknownNode)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.address, nil
}

func (m *Mesh) call(ctx context.Context, address string, h hello, request []byte) ([]byte, error) {
	s, err := m.open(ctx, address, h, request)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var answer bytes.Buffer
	n, err := answer.ReadFrom(io.LimitReader(s, MaxFrame+1))
	switch {
	case err != nil && ctx.Err() != nil:
		err = ctx.Err()
	case err == nil && n > MaxFrame:
		err = ErrTooLarge
	}
	if err != nil {
		return nil, fmt.Errorf("call %s at %s: %w", h.service, address, err)
	}
	return answer.Bytes(), nil
}

func (m *Mesh) open(ctx context.Context, address string, h hello, request []byte) (*stream, error) {
	if len(request) > MaxFrame {
		return nil, fmt.Errorf("ask %s at %s: %w", h.service, address, ErrTooLarge)
	}
	c, err := m.dial(ctx, address, h)
	if err != nil {
		return nil, err
	}
	c.socket.silence, c.socket.stalled = streamEnds, streamStall
	c.settle()
	limitUnacknowledged(c.socket.Conn, streamStall)
	stop := context.AfterFunc(ctx, func() { c.end(ctx.Err()) })
	for kind := byte(partData); kind == partData; {
		data := request[:min(len(request), maxPart)]
		request = request[len(data):]
		out := appendPart(nil, partData, data)
		if len(request) == 0 {
			kind = partEnd
			out = appendPart(out, partEnd, nil)
		}
		if _, err := c.tls.Write(out); err != nil {
			stop()
			c.end(err)
			return nil, fmt.Errorf("ask %s at %s: %w", h.service, address, err)
		}
	}
	return &stream{parts: parts{r: c.tls}, conn: c, stop: stop}, nil
}
