package wire

import (
	"fmt"
	"unicode/utf8"
)

// SplitArray calls take for each element of the one JSON array in b, in order, with its text, which shares b's memory. b is
// checked whole before. What is no such array is ErrJSON or ErrUTF8; an error of take is returned as it is.
func SplitArray(b []byte, take func(element []byte) error) error {
	if !utf8.Valid(b) {
		return ErrUTF8
	}
	start := skipSpace(b, 0)
	if start == len(b) || b[start] != '[' {
		return fmt.Errorf("%w: %w", ErrJSON, syntaxError("array expected", start))
	}
	end, err := scanElements(b, start+1, 0)
	if err == nil && skipSpace(b, end) != len(b) {
		err = syntaxError("one array expected", end)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrJSON, err)
	}
	for i := skipSpace(b, start+1); b[i] != ']'; {
		to, _ := scanValue(b, i, 0) // it has been checked
		if err := take(b[i:to]); err != nil {
			return err
		}
		if i = skipSpace(b, to); b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
	return nil
}
