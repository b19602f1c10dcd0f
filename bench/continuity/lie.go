package continuity

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/tutti-rt/tutti/internal/relay"
	"github.com/tutti-rt/tutti/wire"
)

// lies are what somebody between node and clients can do to the frames of a link. A verification that is worth
// something finds each.
var lies = map[string]func(f *wire.ServerFrame, frame []byte) [][]byte{
	"event-lost":   forType(wire.TypeEvent, func([]byte) [][]byte { return nil }),
	"event-twice":  forType(wire.TypeEvent, func(frame []byte) [][]byte { return [][]byte{frame, frame} }),
	"event-other":  forType(wire.TypeEvent, replace(`"data":{`, `"data":{"lie":1,`)),
	"ack-lost":     forType(wire.TypeAck, func([]byte) [][]byte { return nil }),
	"ack-twice":    forType(wire.TypeAck, func(frame []byte) [][]byte { return [][]byte{frame, frame} }),
	"ack-reject":   forType(wire.TypeAck, replace(`"type":"ack"`, `"type":"reject","code":"invalid","message":""`)),
	"ack-other":    forType(wire.TypeAck, replace(`"rev":`, `"rev":1`)),
	"state-other":  forType(wire.TypeWelcome, replace(`"state":{`, `"state":{"lie":1,`)),
	"answer-other": forType(wire.TypeAnswer, replace(`"data":{`, `"data":{"lie":1,`)),
	"answer-old":   forType(wire.TypeAnswer, replace(`"rev":`, `"rev":0,"was":`)),
}

// Lies returns the names of all lies, in order.
func Lies() []string { return slices.Sorted(maps.Keys(lies)) }

func replace(old, by string) func(frame []byte) [][]byte {
	return func(frame []byte) [][]byte {
		return [][]byte{bytes.Replace(frame, []byte(old), []byte(by), 1)}
	}
}

// lieEvery says that one in so many events and acknowledgements of a connection is altered. Every welcome and answer is.
const lieEvery = 8

func forType(typ string, lie func(frame []byte) [][]byte) func(f *wire.ServerFrame, frame []byte) [][]byte {
	return func(f *wire.ServerFrame, frame []byte) [][]byte {
		if f.Type != typ {
			return [][]byte{frame}
		}
		return lie(frame)
	}
}

// Lie returns how a relay alters what it carries, so that the lie is told to clients now and then.
func Lie(name string) (func(c *relay.Conn, toClient bool, piece []byte) []byte, error) {
	lie, ok := lies[name]
	if !ok {
		return nil, fmt.Errorf("no lie %q: there are %v", name, Lies())
	}
	return func(c *relay.Conn, toClient bool, piece []byte) []byte {
		if !toClient {
			return piece
		}
		l, ok := c.Own[0].(*liar)
		if !ok {
			l = &liar{lie: lie}
			c.Own[0] = l
		}
		return l.alter(piece)
	}, nil
}

// liar alters what comes over one connection from the server.
type liar struct {
	lie    func(f *wire.ServerFrame, frame []byte) [][]byte
	frames map[string]int // so far, by type
	held   []byte         // not yet whole
	kind   string         // of the answer
}

func (l *liar) alter(piece []byte) []byte {
	l.held = append(l.held, piece...)
	var out []byte
	for {
		n, altered := l.next()
		if n == 0 {
			return out
		}
		out = append(out, altered...)
		l.held = l.held[n:]
	}
}

// next returns what comes first of what is held, altered, and how long it was; 0 when it is not whole yet.
func (l *liar) next() (n int, altered []byte) {
	switch {
	case len(l.held) == 0:
		return 0, nil
	case l.kind == "":
		end := bytes.Index(l.held, []byte("\r\n\r\n"))
		if end < 0 {
			return 0, nil
		}
		head := l.held[:end+4]
		switch {
		case bytes.HasPrefix(head, []byte("HTTP/1.1 101")):
			l.kind = "websocket"
		case bytes.Contains(head, []byte("text/event-stream")):
			l.kind = "events"
		default:
			l.kind = "other"
		}
		return len(head), head
	case l.kind == "events":
		return l.event()
	case l.kind == "websocket":
		return l.message()
	}
	return len(l.held), l.held
}

// event alters one server-sent event.
func (l *liar) event() (n int, altered []byte) {
	end := bytes.Index(l.held, []byte("\n\n"))
	if end < 0 {
		return 0, nil
	}
	block := l.held[:end+2]
	frame, ok := bytes.CutPrefix(block, []byte("data: "))
	if !ok {
		return len(block), block
	}
	frame, rest, _ := bytes.Cut(frame, []byte{'\n'})
	for _, f := range l.one(frame) {
		altered = append(append(append(append(altered, "data: "...), f...), '\n'), rest...)
	}
	return len(block), altered
}

// message alters one message of a WebSocket.
func (l *liar) message() (n int, altered []byte) {
	b := l.held
	if len(b) < 2 {
		return 0, nil
	}
	head, size := 2, int(b[1]&0x7f)
	switch {
	case size == 126 && len(b) >= 4:
		head, size = 4, int(binary.BigEndian.Uint16(b[2:]))
	case size == 127 && len(b) >= 10:
		head, size = 10, int(binary.BigEndian.Uint64(b[2:]))
	case size >= 126:
		return 0, nil
	}
	n = head + size
	if len(b) < n {
		return 0, nil
	}
	if b[0] != 0x81 { // no whole text
		return n, b[:n]
	}
	var lines [][]byte
	for line := range wire.Frames(b[head:n]) {
		lines = append(lines, l.one(line)...)
	}
	if len(lines) == 0 {
		return n, nil
	}
	text := bytes.Join(lines, []byte{'\n'})
	altered = append(altered, 0x81, 127)
	altered = binary.BigEndian.AppendUint64(altered, uint64(len(text)))
	return n, append(altered, text...)
}

// one returns what becomes of a frame.
func (l *liar) one(frame []byte) [][]byte {
	f, err := wire.DecodeServerFrame(frame)
	if err != nil {
		return [][]byte{frame}
	}
	if l.frames == nil {
		l.frames = make(map[string]int)
	}
	l.frames[f.Type]++
	if rare := f.Type == wire.TypeWelcome || f.Type == wire.TypeAnswer; !rare && l.frames[f.Type]%lieEvery != 0 {
		return [][]byte{frame}
	}
	return l.lie(&f, frame)
}
