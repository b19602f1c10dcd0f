package natsbus

import (
	"strings"

	"github.com/tutti-rt/tutti/bus"
)

// subjects names the subjects of one lane.
type subjects struct{ prefix string }

func subjectsOf(cluster, lane string) subjects {
	return subjects{"tutti." + token(cluster) + "." + token(lane) + "."}
}

// one returns the subject of an address at which one listens.
func (s subjects) one(at bus.Address) string { return s.prefix + token(string(at)) }

// all returns the subject of an address at which many do.
func (s subjects) all(at bus.Address) string { return s.prefix + "all." + token(string(at)) }

// token returns one token of a subject that stands for s and for nothing else.
func token(s string) string {
	const hex = "0123456789ABCDEF"
	if s == "" {
		return "%"
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		case c == '.':
			b.WriteByte('/')
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}
