package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gobwas/ws"
)

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
			if l.pings != nil {
				l.pings.Add(1)
			}
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
