package replay

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Difference is where a text is not the one that was wanted.
type Difference struct {
	CodePoint, Line, Column int    // of the first difference; lines and columns from 1
	Got, Want               string // what stands there, up to contextBytes
	GotBytes, WantBytes     int    // of the whole texts
}

const contextBytes = 40

// Error names the place and what stands there.
func (d *Difference) Error() string {
	return fmt.Sprintf("differs from the recording's end at code point %d (line %d, column %d): %q instead of %q; %d bytes instead of %d",
		d.CodePoint, d.Line, d.Column, d.Got, d.Want, d.GotBytes, d.WantBytes)
}

// difference returns where got and want differ first, nil when they do not.
func difference(got, want string) *Difference {
	if got == want {
		return nil
	}
	at := 0
	for at < len(got) && at < len(want) && got[at] == want[at] {
		at++
	}
	for at > 0 && at < len(want) && !utf8.RuneStart(want[at]) {
		at--
	}
	before := want[:at]
	return &Difference{
		CodePoint: utf8.RuneCountInString(before),
		Line:      strings.Count(before, "\n") + 1,
		Column:    utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1,
		Got:       got[at:min(at+contextBytes, len(got))], Want: want[at:min(at+contextBytes, len(want))],
		GotBytes: len(got), WantBytes: len(want),
	}
}
