package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/wire"
)

const (
	readBytes    = 16 << 10 // of a link's buffer between two large frames
	maxReadBytes = 32 << 20 // a larger message ends the link
)

// errClosed means that the node ended the link.
var errClosed = errors.New("bench: link closed by the node")

// Target is the node to load.
type Target struct {
	URL   string                           // http://host:port
	Token func(sub string) (string, error) // signs a token
}

// link is one WebSocket at one entity. One goroutine reads; any may send.
type link struct {
	conn net.Conn
	in   []byte // what has been read; in[start:end] is not taken yet
	from int
	to   int

	mu  sync.Mutex
	out []byte // frames that flush will write
}

// dial brings a link to the entity and returns it with its welcome.
func dial(ctx context.Context, t Target, entity, sub, conn string, watch bool) (*link, wire.ServerFrame, error) {
	var none wire.ServerFrame
	token, err := t.Token(sub)
	if err != nil {
		return nil, none, err
	}
	category, id, _ := strings.Cut(entity, "/")
	query := url.Values{"conn": {conn}}
	if !watch {
		query.Set("watch", "0")
	}
	address := "ws" + strings.TrimPrefix(t.URL, "http") + "/v1/" + category + "/" + url.PathEscape(id) + "?" + query.Encode()
	dialer := ws.Dialer{
		Protocols: []string{wire.Subprotocol},
		Header:    ws.HandshakeHeaderHTTP(http.Header{"Authorization": {"Bearer " + token}}),
	}
	c, early, _, err := dialer.Dial(ctx, address)
	if err != nil {
		return nil, none, fmt.Errorf("connect to %s: %w", entity, err)
	}
	l := &link{conn: c, in: make([]byte, readBytes)}
	if early != nil { // what the node sent together with its answer to the upgrade
		b, _ := early.Peek(early.Buffered())
		l.in = append(append([]byte(nil), b...), l.in...)
		l.to = len(b)
		ws.PutReader(early)
	}
	welcome, err := l.welcome(ctx)
	if err != nil {
		c.Close()
		return nil, none, fmt.Errorf("welcome of %s: %w", entity, err)
	}
	return l, welcome, nil
}

// welcome reads the first frame. Frames that come with it stay for the first read.
func (l *link) welcome(ctx context.Context) (wire.ServerFrame, error) {
	var none wire.ServerFrame
	deadline, _ := ctx.Deadline() // none is the zero time, which is none too
	if err := l.conn.SetReadDeadline(deadline); err != nil {
		return none, err
	}
	for {
		payload, ok, err := l.message()
		if err != nil {
			return none, err
		}
		if !ok {
			if err := l.fill(); err != nil {
				return none, err
			}
			continue
		}
		f, err := wire.DecodeServerFrame(payload)
		if err != nil {
			return none, err
		}
		if f.Type == wire.TypeStatus {
			continue
		}
		if f.Type != wire.TypeWelcome {
			return none, fmt.Errorf("got %s", payload)
		}
		return f, l.conn.SetReadDeadline(time.Time{})
	}
}

// read waits for bytes and hands every frame in what has come to take, all with one time. What take
// keeps of a frame it copies.
func (l *link) read(take func(frame []byte, at time.Time) error) error {
	if l.from == l.to {
		if err := l.fill(); err != nil {
			return err
		}
	}
	at := time.Now()
	for {
		payload, ok, err := l.message()
		if err != nil {
			return err
		}
		if !ok {
			return l.more()
		}
		for len(payload) > 0 {
			frame := payload
			if i := bytes.IndexByte(payload, '\n'); i >= 0 {
				frame, payload = payload[:i], payload[i+1:]
			} else {
				payload = nil
			}
			if err := take(frame, at); err != nil {
				return err
			}
		}
	}
}

// more reads on when a message is incomplete.
func (l *link) more() error {
	if l.from == l.to {
		return nil
	}
	return l.fill()
}

// fill reads once, making room first.
func (l *link) fill() error {
	if l.from == l.to {
		l.from, l.to = 0, 0
		if len(l.in) > 4*readBytes {
			l.in = make([]byte, readBytes)
		}
	}
	if l.to == len(l.in) {
		if l.from > 0 {
			l.to = copy(l.in, l.in[l.from:l.to])
			l.from = 0
		} else if len(l.in) >= maxReadBytes {
			return fmt.Errorf("message of more than %d bytes", maxReadBytes)
		} else {
			l.in = append(l.in, make([]byte, len(l.in))...)
		}
	}
	n, err := l.conn.Read(l.in[l.to:])
	l.to += n
	if n > 0 || err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return errClosed
	}
	return err
}

// message takes the next text message out of the buffer, answering pings on the way; false when
// there is none that is complete.
func (l *link) message() ([]byte, bool, error) {
	for {
		b := l.in[l.from:l.to]
		head, size, ok := header(b)
		if !ok || len(b) < head+size {
			return nil, false, nil
		}
		payload := b[head : head+size]
		l.from += head + size
		switch op := ws.OpCode(b[0] & 0x0f); op {
		case ws.OpText:
			if b[0]&0x80 == 0 {
				return nil, false, errors.New("fragmented message")
			}
			return payload, true, nil
		case ws.OpPing:
			l.queue(ws.OpPong, payload)
			if err := l.flush(); err != nil {
				return nil, false, err
			}
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(payload)
			return nil, false, fmt.Errorf("%w: %d %s", errClosed, code, reason)
		case ws.OpPong:
		default:
			return nil, false, fmt.Errorf("WebSocket opcode %#x", op)
		}
	}
}

// header returns the length of a server's frame header and of what follows it.
func header(b []byte) (head, size int, ok bool) {
	if len(b) < 2 {
		return 0, 0, false
	}
	switch n := int(b[1] & 0x7f); {
	case n == 126 && len(b) >= 4:
		return 4, int(binary.BigEndian.Uint16(b[2:])), true
	case n == 127 && len(b) >= 10:
		return 10, int(min(binary.BigEndian.Uint64(b[2:]), maxReadBytes)), true
	case n < 126:
		return 2, n, true
	}
	return 0, 0, false
}

// queue adds a frame to what flush writes. It is masked with zeros, which every server has to take and which
// costs the generator nothing.
func (l *link) queue(op ws.OpCode, payload []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = append(l.out, 0x80|byte(op))
	switch n := len(payload); {
	case n < 126:
		l.out = append(l.out, 0x80|byte(n))
	default: // a client's frames are far below 64 KiB here
		l.out = binary.BigEndian.AppendUint16(append(l.out, 0x80|126), uint16(n))
	}
	l.out = append(append(l.out, 0, 0, 0, 0), payload...)
}

// flush writes what has been queued, in one write.
func (l *link) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.out) == 0 {
		return nil
	}
	_, err := l.conn.Write(l.out)
	l.out = l.out[:0]
	return err
}

func (l *link) close() { l.conn.Close() }
