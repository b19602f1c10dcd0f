// Package websock is the WebSocket protocol (RFC 6455) as a server speaks it: decoding what a
// client sends, however it is cut into pieces, and encoding frames and the handshake.
package websock

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Close codes of RFC 6455 that a Decoder returns.
const (
	CodeProtocol = 1002
	CodeBinary   = 1003
	CodeUTF8     = 1007
	CodeTooLarge = 1009
)

// Error says why the client's bytes are refused.
type Error struct {
	Code   int // close code
	Reason string
}

// Error returns the code and the reason.
func (e *Error) Error() string { return fmt.Sprintf("websocket %d: %s", e.Code, e.Reason) }

// Handler takes what a Decoder finds. Bytes are valid only during the call. An error stops the
// decoder.
type Handler interface {
	// Frame is called for every frame's header, before its payload has come.
	Frame(length int) error
	// Message takes a whole text message, which is UTF-8.
	Message(p []byte) error
	Ping(p []byte) error
	Pong(p []byte) error
	// Close takes the client's close frame; code is 0 where it has none.
	Close(code int, reason string) error
	// Reserve is called before the decoder keeps delta more bytes of an unfinished message, and
	// with a negative delta when it lets them go. It reports whether it may; it is not asked
	// about letting go.
	Reserve(delta int) bool
}

// Decoder decodes the frames of one client. It keeps nothing while no frame is under way. The zero
// value with MaxMessage set is ready for use.
type Decoder struct {
	MaxMessage int // bytes of a message

	header  [ws.MaxHeaderSize]byte
	have    int8 // bytes of header
	inFrame bool // the header is complete
	text    bool // a fragmented message is under way
	op      ws.OpCode
	fin     bool
	mask    [4]byte
	left    int // bytes of the frame's payload still to come
	cipher  int // position in the mask

	message []byte // what has come of the message
	control []byte // what has come of the control frame
	kept    int    // bytes reserved
}

// Feed decodes p, which it unmasks in place, and calls h for what it finds. After an error it must
// not be called again.
func (d *Decoder) Feed(p []byte, h Handler) error {
	for len(p) > 0 || (d.inFrame && d.left == 0) {
		if !d.inFrame {
			n, err := d.readHeader(p, h)
			if err != nil {
				return err
			}
			p = p[n:]
			continue
		}
		n := min(d.left, len(p))
		part := p[:n]
		p = p[n:]
		ws.Cipher(part, d.mask, d.cipher)
		d.cipher += n
		d.left -= n
		if err := d.payload(part, h); err != nil {
			return err
		}
	}
	return nil
}

// Release gives back what is reserved for an unfinished message.
func (d *Decoder) Release(h Handler) {
	d.message, d.control = nil, nil
	if d.kept > 0 {
		h.Reserve(-d.kept)
		d.kept = 0
	}
}

// readHeader takes bytes of the header from p and returns how many.
func (d *Decoder) readHeader(p []byte, h Handler) (int, error) {
	n := 0
	for n < len(p) {
		need := 2
		if d.have >= 2 {
			need = headerSize(d.header[1])
		}
		if int(d.have) < need {
			k := copy(d.header[d.have:need], p[n:])
			d.have += int8(k)
			n += k
		}
		if d.have >= 2 && int(d.have) == headerSize(d.header[1]) {
			return n, d.begin(h)
		}
		if d.have == 2 {
			if err := d.check(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

func headerSize(second byte) int {
	n := 2
	switch second & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if second&0x80 != 0 {
		n += 4
	}
	return n
}

// check looks at the first two bytes of the header.
func (d *Decoder) check() error {
	b0, b1 := d.header[0], d.header[1]
	op := ws.OpCode(b0 & 0x0f)
	switch {
	case b0&0x70 != 0:
		return &Error{CodeProtocol, "reserved bits are set"}
	case op.IsReserved():
		return &Error{CodeProtocol, "reserved opcode"}
	case b1&0x80 == 0:
		return &Error{CodeProtocol, "frame is not masked"}
	case op.IsControl() && b0&0x80 == 0:
		return &Error{CodeProtocol, "control frame is fragmented"}
	case op.IsControl() && b1&0x7f > 125:
		return &Error{CodeProtocol, "control frame is too long"}
	case op == ws.OpContinuation && !d.text:
		return &Error{CodeProtocol, "continuation of nothing"}
	case op != ws.OpContinuation && !op.IsControl() && d.text:
		return &Error{CodeProtocol, "message within a message"}
	case op == ws.OpBinary:
		return &Error{CodeBinary, "binary messages are not understood"}
	}
	return nil
}

// begin interprets the complete header.
func (d *Decoder) begin(h Handler) error {
	if err := d.check(); err != nil {
		return err
	}
	rest := d.header[2:]
	length := uint64(d.header[1] & 0x7f)
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(rest))
		rest = rest[2:]
		if length < 126 {
			return &Error{CodeProtocol, "length is not encoded in its shortest form"}
		}
	case 127:
		length = binary.BigEndian.Uint64(rest)
		rest = rest[8:]
		if length <= 0xffff || length>>63 != 0 {
			return &Error{CodeProtocol, "length is not encoded in its shortest form"}
		}
	}
	d.op, d.fin = ws.OpCode(d.header[0]&0x0f), d.header[0]&0x80 != 0
	copy(d.mask[:], rest)
	if length > uint64(d.MaxMessage) || (!d.op.IsControl() && int(length)+len(d.message) > d.MaxMessage) {
		return &Error{CodeTooLarge, fmt.Sprintf("message is longer than %d bytes", d.MaxMessage)}
	}
	d.left, d.cipher, d.have, d.inFrame = int(length), 0, 0, true
	return h.Frame(int(length))
}

// payload takes the next part of the frame's payload, already unmasked.
func (d *Decoder) payload(part []byte, h Handler) error {
	if d.op.IsControl() {
		return d.controlPayload(part, h)
	}
	whole := d.left == 0 && d.fin
	if whole && len(d.message) == 0 {
		d.inFrame, d.text = false, false
		return deliver(part, h)
	}
	if err := d.keep(part, h); err != nil {
		return err
	}
	if d.left > 0 {
		return nil
	}
	d.inFrame, d.text = false, !d.fin
	if !d.fin {
		return nil
	}
	m := d.message
	d.message = nil
	err := deliver(m, h)
	d.Release(h)
	return err
}

func deliver(m []byte, h Handler) error {
	if !utf8.Valid(m) {
		return &Error{CodeUTF8, "text is not UTF-8"}
	}
	return h.Message(m)
}

// keep adds part to the unfinished message. Memory grows with what has come, not with what the
// header promised.
func (d *Decoder) keep(part []byte, h Handler) error {
	if need := len(d.message) + len(part); need > cap(d.message) {
		size := min(max(need, 2*cap(d.message), 512), max(need, d.MaxMessage))
		if d.fin {
			size = min(size, need+d.left)
		}
		if !h.Reserve(size - d.kept) {
			return &Error{CodeTooLarge, "too many unfinished messages"}
		}
		d.kept = size
		m := make([]byte, len(d.message), size)
		copy(m, d.message)
		d.message = m
	}
	d.message = append(d.message, part...)
	return nil
}

func (d *Decoder) controlPayload(part []byte, h Handler) error {
	if d.left > 0 || len(d.control) > 0 {
		d.control = append(d.control, part...)
		part = d.control
	}
	if d.left > 0 {
		return nil
	}
	d.inFrame, d.control = false, nil
	switch d.op {
	case ws.OpPing:
		return h.Ping(part)
	case ws.OpPong:
		return h.Pong(part)
	}
	return closeFrame(part, h)
}

func closeFrame(p []byte, h Handler) error {
	switch {
	case len(p) == 0:
		return h.Close(0, "")
	case len(p) == 1:
		return &Error{CodeProtocol, "close frame of one byte"}
	}
	code, reason := ws.ParseCloseFrameData(p)
	if code < 1000 || code >= 5000 || code == 1004 || code == 1005 || code == 1006 || (code > 1014 && code < 3000) {
		return &Error{CodeProtocol, "close code that nobody may send"}
	}
	if !utf8.ValidString(reason) {
		return &Error{CodeUTF8, "close reason is not UTF-8"}
	}
	return h.Close(int(code), reason)
}
