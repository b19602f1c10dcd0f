package wire

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrCursor means that a text is no cursor.
var ErrCursor = errors.New("wire: not a cursor (<epoch>:<rev>)")

// Cursor names the last event that a client has. The zero Cursor is none.
type Cursor struct {
	Epoch    string
	Revision uint64
}

// IsZero reports whether there is no cursor.
func (c Cursor) IsZero() bool { return c == Cursor{} }

// String returns <epoch>:<rev>.
func (c Cursor) String() string { return c.Epoch + ":" + strconv.FormatUint(c.Revision, 10) }

// ParseCursor is the inverse of String. It accepts nothing that String does not return for a valid
// epoch and a revision up to MaxInteger; the error is ErrCursor.
func ParseCursor(s string) (Cursor, error) {
	epoch, rev, ok := strings.Cut(s, ":")
	if !ok || !ValidEpoch(epoch) {
		return Cursor{}, fmt.Errorf("%w: %.64q", ErrCursor, s)
	}
	n, ok := parseInteger(rev)
	if !ok {
		return Cursor{}, fmt.Errorf("%w: %.64q", ErrCursor, s)
	}
	return Cursor{Epoch: epoch, Revision: n}, nil
}

// parseInteger parses a decimal integer from 0 to MaxInteger, without sign or leading zeros.
func parseInteger[T ~[]byte | ~string](s T) (uint64, bool) {
	if len(s) == 0 || len(s) > 16 || (s[0] == '0' && len(s) > 1) {
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, false
		}
		n = n*10 + uint64(s[i]-'0')
	}
	return n, n <= MaxInteger
}
