package wire

import (
	"fmt"
	"unicode/utf8"
)

// DecodeCall decodes the body of a call: a command frame that has no id and need not have a type. It may be spread
// over lines. Data shares body's memory and is JSON as the client wrote it.
//
// The error is ErrUTF8 or ErrFrame, and says what is wrong in words that a client may be shown.
func DecodeCall(body []byte) (ClientFrame, error) {
	if !utf8.Valid(body) {
		return ClientFrame{}, ErrUTF8
	}
	var m members
	if err := scanObject(body, m.set); err != nil {
		return ClientFrame{}, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	f := ClientFrame{Type: TypeCommand}
	if !absent(m.typ) && (!isString(m.typ) || unquote(m.typ) != TypeCommand) {
		return ClientFrame{}, fmt.Errorf("%w: type has to be command, other frames need a connection", ErrFrame)
	}
	bad := m.called(&f)
	if bad == "" {
		bad = m.expected(&f)
	}
	if bad != "" {
		return ClientFrame{}, fmt.Errorf("%w: %s", ErrFrame, bad)
	}
	return f, nil
}
