package tuttitest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/internal/turn"
)

// describe puts a message into words.
func describe(kind turn.Kind, name string, data []byte, m message) string {
	var b strings.Builder
	switch kind {
	case turn.KindQuery:
		b.WriteString("query ")
	case turn.KindSignal:
		b.WriteString("signal ")
	case turn.KindTimer:
		b.WriteString("timer ")
	case turn.KindCommand:
		b.WriteString("command ")
	case turn.KindTold:
		fmt.Fprintf(&b, "%s tells ", m.from)
	}
	b.WriteString(name)
	if len(data) > 0 {
		fmt.Fprintf(&b, " %s", data)
	}
	if m.claims.Subject != "" {
		fmt.Fprintf(&b, " as %s", m.claims.Subject)
	}
	return b.String()
}

// preface tells what led to a failure: what was given, and what came last.
func (s *Spec) preface() string {
	given := s.given
	if s.last != nil && len(given) > 0 && given[len(given)-1] == s.last.what {
		given = given[:len(given)-1]
	}
	const shown = 5
	var b strings.Builder
	fmt.Fprintf(&b, "category %s\n", s.c.Name)
	if len(given) > shown {
		fmt.Fprintf(&b, "given … %d more\n", len(given)-shown)
		given = given[len(given)-shown:]
	}
	for _, g := range given {
		fmt.Fprintf(&b, "given %s\n", g)
	}
	if s.last != nil {
		fmt.Fprintf(&b, "when  %s\n", s.last.what)
	}
	return b.String()
}

// result puts an outcome into words.
func (o *outcome) result() string {
	if r, ok := errors.AsType[*turn.Rejection](o.err); ok {
		return "rejection " + r.Code + ": " + r.Message
	}
	if o.err != nil {
		return "failure: " + o.err.Error()
	}
	names := make([]string, len(o.turn.Events))
	for i, e := range o.turn.Events {
		names[i] = e.Name
	}
	if len(names) == 0 {
		return "accepted, without events"
	}
	return "accepted, with " + strings.Join(names, ", ")
}

// lines is all that a turn decided but its reply, for comparison.
func (o *outcome) lines() string {
	var b strings.Builder
	for _, e := range o.turn.Events {
		fmt.Fprintf(&b, "event %s %s\n", e.Name, e.Data)
	}
	for _, l := range effectLines(o.turn) {
		b.WriteString(l + "\n")
	}
	if o.answer != nil {
		fmt.Fprintf(&b, "answer %s\n", o.answer)
	}
	if o.err != nil {
		fmt.Fprintf(&b, "%v\n", o.err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func audienceOf(c *turn.Category, claims tutti.Claims) string {
	if c.Audience == nil {
		return ""
	}
	return c.Audience(claims)
}

func quoted(audience string) string {
	if audience == "" {
		return "everybody"
	}
	return "audience " + strconv.Quote(audience)
}
