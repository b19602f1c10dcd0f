package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

var errShape = errors.New("want [[position, deleted, \"inserted\"], …]")

// MarshalJSON encodes p as an array of [position, deleted, "inserted"].
func (p Patches) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 2+16*len(p)+p.Inserted())
	b = append(b, '[')
	for i, c := range p {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		b = strconv.AppendInt(b, int64(c.At), 10)
		b = append(b, ',')
		b = strconv.AppendInt(b, int64(c.Delete), 10)
		b = append(b, ',')
		s, err := json.Marshal(c.Insert)
		if err != nil {
			return nil, fmt.Errorf("encode patch %d: %w", i, err)
		}
		b = append(b, s...)
		b = append(b, ']')
	}
	return append(b, ']'), nil
}

// TypeScript says what MarshalJSON makes.
func (Patches) TypeScript() string { return "[at: number, deleted: number, inserted: string][]" }

// UnmarshalJSON decodes what MarshalJSON encodes, and refuses every other shape: positions are
// whole numbers of 0 or more, and each patch has exactly its three parts. A null leaves p as it is.
func (p *Patches) UnmarshalJSON(data []byte) error {
	d := decoder{rest: data}
	if d.space(); string(d.rest) == "null" {
		return nil
	}
	all := Patches{}
	if d.expect('[') && !d.take(']') {
		for {
			d.expect('[')
			c := Patch{At: d.number()}
			d.expect(',')
			c.Delete = d.number()
			d.expect(',')
			c.Insert = d.text()
			d.expect(']')
			all = append(all, c)
			if d.bad || !d.take(',') {
				break
			}
		}
		d.expect(']')
	}
	if d.space(); d.bad || len(d.rest) > 0 {
		return fmt.Errorf("decode patches: %w", errShape)
	}
	*p = all
	return nil
}

// decoder reads the one shape that patches have, several times faster than encoding/json would
// through interfaces. Once something is bad it stays bad, and what it returns then means nothing.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) space() {
	for len(d.rest) > 0 && (d.rest[0] == ' ' || d.rest[0] == '\n' || d.rest[0] == '\r' || d.rest[0] == '\t') {
		d.rest = d.rest[1:]
	}
}

// take skips c when it comes next.
func (d *decoder) take(c byte) bool {
	d.space()
	if d.bad || len(d.rest) == 0 || d.rest[0] != c {
		return false
	}
	d.rest = d.rest[1:]
	return true
}

// expect skips c, which must come next.
func (d *decoder) expect(c byte) bool {
	if !d.take(c) {
		d.bad = true
	}
	return !d.bad
}

func (d *decoder) number() int {
	d.space()
	i := 0
	for i < len(d.rest) && d.rest[i] >= '0' && d.rest[i] <= '9' {
		i++
	}
	n, err := strconv.ParseInt(string(d.rest[:i]), 10, 32)
	if err != nil || i > 1 && d.rest[0] == '0' {
		d.bad = true
		return 0
	}
	d.rest = d.rest[i:]
	return int(n)
}

func (d *decoder) text() string {
	if !d.expect('"') {
		return ""
	}
	plain := true
	for i := 0; i < len(d.rest); i++ {
		switch c := d.rest[i]; {
		case c == '"':
			s := d.rest[:i]
			d.rest = d.rest[i+1:]
			return d.unquote(s, plain)
		case c == '\\':
			plain = false
			i++ // whatever is escaped does not end the string
		case c < ' ':
			plain = false
		}
	}
	d.bad = true
	return ""
}

// unquote returns the string between two quotes.
func (d *decoder) unquote(inner []byte, plain bool) string {
	if plain && utf8.Valid(inner) {
		return string(inner)
	}
	quoted := make([]byte, 0, len(inner)+2)
	quoted = append(append(append(quoted, '"'), inner...), '"')
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		d.bad = true
	}
	return s
}
