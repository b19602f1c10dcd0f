package feed

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// Cursor is a place in the log of one partition: behind the batch at Offset, and behind so many events of the batch that
// follows it. Each place has one cursor. The zero Cursor stands for the beginning of whatever log it is used with.
type Cursor struct {
	Journal   string // what names the logs: the journal's ID, or what stands for LocalConfig.Identity
	Partition journal.Partition
	Offset    journal.Offset // 0: before the first batch
	Index     int            // fewer than that batch has
}

// Bounds of what is parsed.
const (
	minID           = 16
	maxCursorBytes  = 128
	maxPartitions   = 4096
	maxIndex        = 1<<31 - 1
	maxCursorsBytes = 128 + maxPartitions*32
)

// IsZero reports whether c is the zero Cursor.
func (c Cursor) IsZero() bool { return c == Cursor{} }

// Compare returns -1, 0 or 1 when c stands before o, at it or behind it, in the same log.
func (c Cursor) Compare(o Cursor) int {
	return cmp.Or(cmp.Compare(c.Offset, o.Offset), cmp.Compare(c.Index, o.Index))
}

// String returns the text form, of A-Z a-z 0-9 _ . -, which means nothing to anybody but ParseCursor. That of the zero
// Cursor is empty.
func (c Cursor) String() string { return string(c.append(nil)) }

func (c Cursor) append(b []byte) []byte {
	if c.IsZero() {
		return b
	}
	b = append(append(b, c.Journal...), '.')
	b = append(append(b, c.Partition.Pool...), '.')
	b = append(strconv.AppendInt(b, int64(c.Partition.Number), 10), '.')
	b = append(strconv.AppendUint(b, uint64(c.Offset), 10), '.')
	return strconv.AppendInt(b, int64(c.Index), 10)
}

// ParseCursor reads what String wrote. The error wraps ErrCursor and says what is wrong.
func ParseCursor(s string) (Cursor, error) {
	c, err := parseCursor(s)
	if err != nil {
		return Cursor{}, fmt.Errorf("%w: %w", ErrCursor, err)
	}
	return c, nil
}

func parseCursor(s string) (c Cursor, err error) {
	if len(s) > maxCursorBytes {
		return c, fmt.Errorf("%d bytes, at most %d are taken", len(s), maxCursorBytes)
	}
	f := strings.Split(s, ".")
	if len(f) != 5 {
		return c, fmt.Errorf("%d parts between dots, want 5", len(f))
	}
	if err := checkHead(f[0], f[1]); err != nil {
		return c, err
	}
	number, err := parseNumber("partition", f[2], maxPartitions-1)
	if err != nil {
		return c, err
	}
	offset, err := parseNumber("offset", f[3], 1<<64-1)
	if err != nil {
		return c, err
	}
	index, err := parseNumber("index", f[4], maxIndex)
	if err != nil {
		return c, err
	}
	return Cursor{f[0], journal.Partition{Pool: f[1], Number: int(number)}, journal.Offset(offset), int(index)}, nil
}

// checkHead checks what all text forms begin with.
func checkHead(id, pool string) error {
	switch {
	case len(id) < minID || !wire.ValidEpoch(id):
		return fmt.Errorf("%q is no journal's ID", id)
	case !wire.ValidCategory(pool):
		return fmt.Errorf("%q is no pool", pool)
	}
	return nil
}

// parseNumber reads a number that is written in the one way there is.
func parseNumber(what, s string, most uint64) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n > most || s[0] == '+' || s[0] == '0' && len(s) > 1 {
		return 0, fmt.Errorf("%s %q is no number up to %d", what, s, most)
	}
	return n, nil
}
