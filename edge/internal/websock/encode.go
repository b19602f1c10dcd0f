package websock

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// MaxHeader is the size of the largest header that a server sends.
const MaxHeader = 10

// AppendHeader appends the header of a server's unfragmented frame.
func AppendHeader(dst []byte, op ws.OpCode, length int) []byte {
	dst = append(dst, 0x80|byte(op))
	switch {
	case length < 126:
		return append(dst, byte(length))
	case length <= 0xffff:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(length))
	}
	return binary.BigEndian.AppendUint64(append(dst, 127), uint64(length))
}

// Wrap makes a text frame of b[MaxHeader:]: it writes the header right before the payload and
// returns the frame, which shares b's memory.
func Wrap(b []byte) []byte {
	var room [MaxHeader]byte
	header := AppendHeader(room[:0], ws.OpText, len(b)-MaxHeader)
	start := MaxHeader - len(header)
	copy(b[start:], header)
	return b[start:]
}

// AppendControl appends a ping or pong.
func AppendControl(dst []byte, op ws.OpCode, payload []byte) []byte {
	return append(AppendHeader(dst, op, len(payload)), payload...)
}

// AppendClose appends a close frame. Of the reason goes what fits.
func AppendClose(dst []byte, code int, reason string) []byte {
	if code == 0 {
		return AppendHeader(dst, ws.OpClose, 0)
	}
	const most = ws.MaxControlFramePayloadSize - 2
	if len(reason) > most {
		n := most
		for n > 0 && !utf8.RuneStart(reason[n]) {
			n--
		}
		reason = reason[:n]
	}
	dst = AppendHeader(dst, ws.OpClose, 2+len(reason))
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, reason...)
}
