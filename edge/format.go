package edge

import (
	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/edge/internal/websock"
	"github.com/tutti-rt/tutti/wire"
)

// format is the bytes around a frame on one kind of link. Formats are compared: links of equal
// formats share rings.
type format interface {
	// head appends what stands before a frame of n bytes: at most headroom bytes.
	head(dst []byte, n int) []byte
	// tail appends what stands after the frame made of e.
	tail(dst []byte, e *wire.Envelope) []byte
	// ping appends what shows the client that the server is there.
	ping(dst []byte) []byte
	// end appends what says that the link ends.
	end(dst []byte, code int, reason string) []byte
}

const headroom = 16

// webSocket is the format of WebSocket links: a text message for each frame.
type webSocket struct{}

var _ format = webSocket{}

func (webSocket) head(dst []byte, n int) []byte { return websock.AppendHeader(dst, ws.OpText, n) }

func (webSocket) tail(dst []byte, _ *wire.Envelope) []byte { return dst }

func (webSocket) ping(dst []byte) []byte { return websock.AppendControl(dst, ws.OpPing, nil) }

func (webSocket) end(dst []byte, code int, reason string) []byte {
	return websock.AppendClose(dst, code, reason)
}

// encode appends the bytes on the wire of the frame made of e, and returns them.
func encode(f format, room []byte, e *wire.Envelope, o wire.FrameOptions) []byte {
	var blank [headroom]byte
	room = append(room[:0], blank[:]...)
	room = wire.AppendFrame(room, e, o)
	head := f.head(blank[:0], len(room)-headroom)
	start := headroom - len(head)
	copy(room[start:], head)
	return f.tail(room, e)[start:]
}

// bigState is the size from which a welcome's state is not copied.
const bigState = 16 << 10

// encodeWelcome returns the bytes of a welcome, in pieces so that a large state is not copied for
// every link that it goes to.
func encodeWelcome(f format, e *wire.Envelope, o wire.FrameOptions) [][]byte {
	if len(e.Data) < bigState || e.Has(wire.Resumed) {
		return [][]byte{encode(f, nil, e, o)}
	}
	const before, after = `,"state":`, `}`
	small := *e
	small.Data = nil
	frame := wire.AppendFrame(nil, &small, o)
	frame = append(frame[:len(frame)-1], before...)
	head := f.head(nil, len(frame)+len(e.Data)+len(after))
	return [][]byte{append(head, frame...), e.Data, f.tail([]byte(after), e)}
}
