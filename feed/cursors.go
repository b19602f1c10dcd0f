package feed

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tutti-rt/tutti/journal"
)

// Cursors are places in the logs of a whole pool, by number of the partition. Zero ones stand for the beginning.
type Cursors []Cursor

// String returns the text form, of the characters of a Cursor's. That of Cursors that are all zero is empty.
func (cs Cursors) String() string {
	var b []byte
	for _, c := range cs {
		if !c.IsZero() {
			b = fmt.Appendf(nil, "%s.%s.v%d.", c.Journal, c.Partition.Pool, len(cs))
			break
		}
	}
	if b == nil {
		return ""
	}
	for i, c := range cs {
		if i > 0 {
			b = append(b, '_')
		}
		b = strconv.AppendUint(b, uint64(c.Offset), 10)
		if c.Index > 0 {
			b = strconv.AppendInt(append(b, '-'), int64(c.Index), 10)
		}
	}
	return string(b)
}

// ParseCursors reads what String wrote. The error wraps ErrCursor and says what is wrong.
func ParseCursors(s string) (Cursors, error) {
	cs, err := parseCursors(s)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCursor, err)
	}
	return cs, nil
}

func parseCursors(s string) (Cursors, error) {
	if len(s) > maxCursorsBytes {
		return nil, fmt.Errorf("%d bytes, at most %d are taken", len(s), maxCursorsBytes)
	}
	f := strings.Split(s, ".")
	if len(f) != 4 || !strings.HasPrefix(f[2], "v") {
		return nil, fmt.Errorf("no cursors of a pool")
	}
	if err := checkHead(f[0], f[1]); err != nil {
		return nil, err
	}
	n, err := parseNumber("number of partitions", f[2][1:], maxPartitions)
	if err != nil {
		return nil, err
	}
	places := strings.Split(f[3], "_")
	if uint64(len(places)) != n {
		return nil, fmt.Errorf("%d places for %d partitions", len(places), n)
	}
	cs := make(Cursors, n)
	for i, place := range places {
		text, after, split := strings.Cut(place, "-")
		offset, err := parseNumber("offset", text, 1<<64-1)
		if err != nil {
			return nil, err
		}
		var index uint64
		if split {
			if index, err = parseNumber("index", after, maxIndex); err != nil {
				return nil, err
			}
			if index == 0 {
				return nil, fmt.Errorf("index %q is not left out", after)
			}
		}
		cs[i] = Cursor{f[0], journal.Partition{Pool: f[1], Number: i}, journal.Offset(offset), int(index)}
	}
	return cs, nil
}
