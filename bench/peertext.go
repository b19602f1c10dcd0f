package bench

import (
	"bytes"
	"fmt"
)

// TextBytes is the length of the texts that peers carry.
const TextBytes = 100

const (
	textMark   = '#' // begins a text, and stands nowhere else in a frame
	textDigits = 12  // of its number
)

var textFill = bytes.Repeat([]byte{'x'}, TextBytes-1-textDigits)

// appendText appends the text of that number.
func appendText(dst []byte, n uint64) []byte {
	return append(fmt.Appendf(dst, "%c%0*d", textMark, textDigits, n), textFill...)
}

// textNumber returns the number of the text in a frame, which must be whole.
func textNumber(frame []byte) (n uint64, ok bool) {
	i := bytes.IndexByte(frame, textMark)
	if i < 0 || len(frame) < i+TextBytes {
		return 0, false
	}
	n, rest := digits(frame[i+1 : i+1+textDigits])
	return n, len(rest) == 0 && bytes.HasPrefix(frame[i+1+textDigits:], textFill)
}

var (
	idField    = []byte(`"id":`)
	valueField = []byte(`"n":`)
)

// added returns the number of the request that a frame answers, and the object's value.
func added(frame []byte) (id, n uint64, ok bool) {
	id, okID := field(frame, idField)
	n, okN := field(frame, valueField)
	return id, n, okID && okN
}

// field returns the integer that follows name.
func field(frame, name []byte) (uint64, bool) {
	i := bytes.Index(frame, name)
	if i < 0 {
		return 0, false
	}
	rest := frame[i+len(name):]
	n, after := digits(rest)
	return n, len(after) < len(rest)
}
