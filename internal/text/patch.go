package text

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrRange says that a patch reaches beyond the text.
var ErrRange = errors.New("text: patch out of range")

// Patch replaces Delete code points from position At by Insert.
type Patch struct {
	At, Delete int
	Insert     string
}

// Patches are applied in order: the positions of each refer to the text after those before it.
// In JSON they are an array of [position, deleted, "inserted"].
type Patches []Patch

// Check returns how many code points a text of length code points has after p, or an error that
// wraps ErrRange and names the first patch that does not fit. It needs no text.
func (p Patches) Check(length int) (int, error) {
	for i, c := range p {
		if c.At < 0 || c.Delete < 0 || c.At > length || c.Delete > length-c.At {
			return 0, fmt.Errorf("%w: patch %d deletes %d from %d of %d code points", ErrRange, i, c.Delete, c.At, length)
		}
		length += utf8.RuneCountInString(c.Insert) - c.Delete
	}
	return length, nil
}

// Inserted returns how many bytes p inserts in all.
func (p Patches) Inserted() int {
	n := 0
	for _, c := range p {
		n += len(c.Insert)
	}
	return n
}
