package peer

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	// Channels is how many channels there are; their numbers begin with 0.
	Channels = 16
	// MaxFrame bounds a frame: the largest batch of a journal, and room for what is said about it.
	MaxFrame = 64<<20 + 1<<20

	// maxPiece is the most of a frame that goes out in one piece. Pieces of other channels go between them.
	maxPiece   = 64 << 10
	pieceStart = 5       // a piece's header: channel, length
	more       = 1 << 31 // in the length: the frame goes on
	stampBytes = 8       // of a ping or pong
)

// What a piece can be instead of one of a channel.
const (
	kindAlive = 255 - iota // somebody is there
	kindPing               // answer with the same stamp
	kindPong
	kindUse // the end of a handshake: this is the connection that is used
)

var errFrame = errors.New("peer: not a frame")

// piece is a frame, or a part of one that is longer than maxPiece.
type piece struct {
	kind byte // a channel, or one of the kinds above
	more bool
	data []byte
}

// append appends p as it goes over the wire.
func (p piece) append(b []byte) []byte {
	length := uint32(len(p.data))
	if p.more {
		length |= more
	}
	b = append(b, p.kind)
	b = binary.BigEndian.AppendUint32(b, length)
	return append(b, p.data...)
}

// header is what stands before a piece's data.
type header struct {
	kind   byte
	more   bool
	length int
}

// decodeHeader accepts what append writes and nothing else.
func decodeHeader(b [pieceStart]byte) (header, error) {
	length := binary.BigEndian.Uint32(b[1:])
	h := header{kind: b[0], more: length&more != 0, length: int(length &^ more)}
	switch {
	case h.kind < Channels && h.length <= maxPiece && (h.length > 0 || !h.more):
		return h, nil
	case (h.kind == kindAlive || h.kind == kindUse) && length == 0:
		return h, nil
	case (h.kind == kindPing || h.kind == kindPong) && length == stampBytes:
		return h, nil
	}
	return header{}, fmt.Errorf("%w: kind %d with length %#x", errFrame, h.kind, length)
}

// readUse reads the end of a handshake.
func readUse(r io.Reader) error {
	var b [pieceStart]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return err
	}
	h, err := decodeHeader(b)
	if err == nil && h.kind != kindUse {
		err = errFrame
	}
	return err
}

// frames reads frames from r. Memory grows with the bytes that come, not with what a header announces.
type frames struct {
	r       *bufio.Reader
	max     int
	start   [pieceStart]byte
	partial [Channels][]byte
}

// next returns the next frame, which is the caller's, or what else came.
func (f *frames) next() (kind byte, data []byte, err error) {
	for {
		if _, err := io.ReadFull(f.r, f.start[:]); err != nil {
			return 0, nil, err
		}
		h, err := decodeHeader(f.start)
		if err != nil {
			return 0, nil, err
		}
		if h.kind >= Channels {
			data := make([]byte, h.length)
			_, err := io.ReadFull(f.r, data)
			return h.kind, data, err
		}
		data, err := f.extend(f.partial[h.kind], h.length)
		if err != nil {
			return 0, nil, err
		}
		if h.more {
			f.partial[h.kind] = data
			continue
		}
		f.partial[h.kind] = nil
		return h.kind, data, nil
	}
}

// extend appends the next n bytes to data.
func (f *frames) extend(data []byte, n int) ([]byte, error) {
	had := len(data)
	if had+n > f.max {
		return nil, fmt.Errorf("%w: longer than %d bytes", errFrame, f.max)
	}
	if had == 0 {
		data = make([]byte, n)
	} else {
		data = slices.Grow(data, n)[:had+n]
	}
	_, err := io.ReadFull(f.r, data[had:])
	return data, err
}
