package edge

import (
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// format is the bytes around a frame on one kind of link.
type format interface {
	// head appends what stands before a frame of n bytes: at most headroom bytes.
	head(dst []byte, n int) []byte
	// tail appends what stands after the frame made of e, which belongs to the epoch.
	tail(dst []byte, e *wire.Envelope, epoch string) []byte
	// ping appends what shows the client that the server is there, and reports whether the client answers it.
	ping(dst []byte) ([]byte, bool)
	// end appends what says that the link ends. The client comes back after that time; stayAway: it does not.
	end(dst []byte, code int, reason string, after time.Duration) []byte
}

// transport is one kind of link. Transports are compared: links of equal ones share rings.
type transport interface {
	format
	// serve makes a link of the exchange, and answers it or says why not.
	serve(x *exchange) *problem
	// decoder returns what takes apart what the client of the link sends.
	decoder(in *inbound) decoder
}

// decoder takes apart what a client sends, and hands what it finds to its inbound.
type decoder interface {
	// feed decodes p. After an error nothing more is to be decoded.
	feed(p []byte) error
	// release gives back what is kept of what has come in part.
	release()
}

const (
	headroom = 16
	// stayAway is the time after which a client comes back that is not to.
	stayAway time.Duration = -1
)

// encode appends the bytes on the wire of the frame made of e, and returns them.
func encode(f format, room []byte, e *wire.Envelope, epoch string, o wire.FrameOptions) []byte {
	var blank [headroom]byte
	room = append(room[:0], blank[:]...)
	room = wire.AppendFrame(room, e, o)
	head := f.head(blank[:0], len(room)-headroom)
	start := headroom - len(head)
	copy(room[start:], head)
	return f.tail(room, e, epoch)[start:]
}

// bigState is the size from which a welcome's state is not copied.
const bigState = 16 << 10

// encodeWelcome returns the bytes of a welcome, in pieces so that a large state is not copied for
// every link that it goes to.
func encodeWelcome(f format, e *wire.Envelope, o wire.FrameOptions) [][]byte {
	if len(e.Data) < bigState || e.Has(wire.Resumed) {
		return [][]byte{encode(f, nil, e, e.Epoch, o)}
	}
	const before, after = `,"state":`, `}`
	small := *e
	small.Data = nil
	frame := wire.AppendFrame(nil, &small, o)
	frame = append(frame[:len(frame)-1], before...)
	head := f.head(nil, len(frame)+len(e.Data)+len(after))
	return [][]byte{append(head, frame...), e.Data, f.tail([]byte(after), e, e.Epoch)}
}
