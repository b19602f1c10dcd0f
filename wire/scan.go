package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrUTF8 means that a text is not UTF-8.
var ErrUTF8 = errors.New("wire: not valid UTF-8")

// CompactJSON appends the one JSON value in src to dst, without the space around its tokens. The
// text is otherwise kept as it is: what is no JSON, not UTF-8 or nested deeper than MaxDepth is an
// error, and dst is then returned as it was.
func CompactJSON(dst, src []byte) ([]byte, error) {
	if !utf8.Valid(src) {
		return dst, ErrUTF8
	}
	start := skipSpace(src, 0)
	end, err := scanValue(src, start, 0)
	if err == nil && skipSpace(src, end) != len(src) {
		err = syntaxError("one value expected", end)
	}
	if err != nil {
		return dst, fmt.Errorf("%w: %w", ErrJSON, err)
	}
	for i := start; i < end; {
		switch c := src[i]; {
		case c == '"':
			i = stringEnd(src, i)
		case isSpace(c):
			dst = append(dst, src[start:i]...)
			i = skipSpace(src, i)
			start = i
		default:
			i++
		}
	}
	return append(dst, src[start:end]...), nil
}

// ErrJSON means that a text is no JSON value, or is nested too deeply.
var ErrJSON = errors.New("wire: not a JSON value")

type scanError struct {
	what string
	at   int
}

func (e *scanError) Error() string { return fmt.Sprintf("%s at byte %d", e.what, e.at) }

func syntaxError(what string, at int) error { return &scanError{what, at} }

// scanObject calls member with the unquoted name and the text of each member of the one object in
// b, in order. The text is checked whole, whether or not member looks at it.
func scanObject(b []byte, member func(name, value []byte)) error {
	i := skipSpace(b, 0)
	if i == len(b) || b[i] != '{' {
		return syntaxError("object expected", i)
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return scanEnd(b, i+1)
	}
	for {
		keyEnd, err := scanString(b, i)
		if err != nil {
			return err
		}
		name := b[i+1 : keyEnd-1]
		start, err := scanColon(b, keyEnd)
		if err != nil {
			return err
		}
		end, err := scanValue(b, start, 1)
		if err != nil {
			return err
		}
		for _, c := range name {
			if c == '\\' {
				name = []byte(unquote(b[i:keyEnd]))
				break
			}
		}
		member(name, b[start:end])
		i = skipSpace(b, end)
		if i < len(b) && b[i] == ',' {
			i = skipSpace(b, i+1)
			continue
		}
		if i < len(b) && b[i] == '}' {
			return scanEnd(b, i+1)
		}
		return syntaxError("comma or closing brace expected", i)
	}
}

func scanEnd(b []byte, i int) error {
	if i = skipSpace(b, i); i != len(b) {
		return syntaxError("one object expected", i)
	}
	return nil
}

func scanColon(b []byte, i int) (int, error) {
	if i = skipSpace(b, i); i == len(b) || b[i] != ':' {
		return i, syntaxError("colon expected", i)
	}
	return skipSpace(b, i+1), nil
}

// scanValue checks the value that starts at b[i], within depth others, and returns its end.
func scanValue(b []byte, i, depth int) (int, error) {
	if i >= len(b) {
		return i, syntaxError("value expected", i)
	}
	switch c := b[i]; {
	case c == '"':
		return scanString(b, i)
	case c == '{':
		return scanMembers(b, i+1, depth+1)
	case c == '[':
		return scanElements(b, i+1, depth+1)
	case c == '-' || isDigit(c):
		return scanNumber(b, i)
	case c == 't':
		return scanLiteral(b, i, "true")
	case c == 'f':
		return scanLiteral(b, i, "false")
	case c == 'n':
		return scanLiteral(b, i, "null")
	}
	return i, syntaxError("value expected", i)
}

func scanLiteral(b []byte, i int, word string) (int, error) {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return i, syntaxError(word+" expected", i)
	}
	return i + len(word), nil
}

func scanMembers(b []byte, i, depth int) (int, error) {
	if depth > MaxDepth {
		return i, syntaxError("nesting too deep", i)
	}
	i = skipSpace(b, i)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		end, err := scanString(b, i)
		if err != nil {
			return end, err
		}
		if i, err = scanColon(b, end); err != nil {
			return i, err
		}
		if i, err = scanValue(b, i, depth); err != nil {
			return i, err
		}
		i = skipSpace(b, i)
		if i < len(b) && b[i] == '}' {
			return i + 1, nil
		}
		if i == len(b) || b[i] != ',' {
			return i, syntaxError("comma or closing brace expected", i)
		}
		i = skipSpace(b, i+1)
	}
}

func scanElements(b []byte, i, depth int) (int, error) {
	if depth > MaxDepth {
		return i, syntaxError("nesting too deep", i)
	}
	i = skipSpace(b, i)
	if i < len(b) && b[i] == ']' {
		return i + 1, nil
	}
	for {
		var err error
		if i, err = scanValue(b, i, depth); err != nil {
			return i, err
		}
		i = skipSpace(b, i)
		if i < len(b) && b[i] == ']' {
			return i + 1, nil
		}
		if i == len(b) || b[i] != ',' {
			return i, syntaxError("comma or closing bracket expected", i)
		}
		i = skipSpace(b, i+1)
	}
}

func scanString(b []byte, i int) (int, error) {
	if i >= len(b) || b[i] != '"' {
		return i, syntaxError("string expected", i)
	}
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1, nil
		case c < ' ':
			return i, syntaxError("control character in string", i)
		case c == '\\':
			n := escapeLen(b[i:])
			if n == 0 {
				return i, syntaxError("unknown escape in string", i)
			}
			i += n - 1
		}
	}
	return i, syntaxError("string without end", i)
}

// escapeLen returns the length of the escape sequence that b begins with, 0 when it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 {
			return 0
		}
		for _, c := range b[2:6] {
			if !isDigit(c) && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
				return 0
			}
		}
		return 6
	}
	return 0
}

// stringEnd returns the end of the string that starts at b[i] and has been checked before.
func stringEnd(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func scanNumber(b []byte, i int) (int, error) {
	digits := func() bool {
		from := i
		for i < len(b) && isDigit(b[i]) {
			i++
		}
		return i > from
	}
	if b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return i, syntaxError("digit expected", i)
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return i, syntaxError("digit expected", i)
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return i, syntaxError("digit expected", i)
		}
	}
	return i, nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// unquote returns the text of a string that has been checked before, quotes included.
func unquote(quoted []byte) string {
	inner := quoted[1 : len(quoted)-1]
	for _, c := range inner {
		if c == '\\' {
			var s string
			_ = json.Unmarshal(quoted, &s) // it has been checked
			return s
		}
	}
	return string(inner)
}
