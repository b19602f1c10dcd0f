package state

import (
	"encoding/binary"
	"strings"
)

// keptOutcomes is how many outcomes of a connection are kept at least: as many commands as it may
// have without an answer.
const keptOutcomes = 256

// keptReplyBytes is the size up to which a reply is kept with its outcome.
const keptReplyBytes = 1 << 10

// outcome is what became of one command.
type outcome struct {
	id       uint64
	revision uint64 // of the entity after the command
	rejected bool
	code     string // when rejected
	message  string // when rejected
	reply    []byte // nil when there was none or it is not kept
}

// outcomes are those of the last commands of one connection, oldest first, packed: they are written
// for each command and read only after a reconnect.
type outcomes struct {
	packed []byte
	n      int32
	// trimmed is the highest id whose outcome is no longer kept.
	trimmed uint64
}

// add appends o. Once twice keptOutcomes have gathered, the older half is forgotten.
func (s *outcomes) add(o outcome) {
	if s.n >= 2*keptOutcomes {
		s.trim()
	}
	if len(o.reply) > keptReplyBytes {
		o.reply = nil
	}
	o.code, o.message = shorten(o.code), shorten(o.message)
	s.packed = binary.AppendUvarint(s.packed, o.id)
	s.packed = binary.AppendUvarint(s.packed, o.revision)
	if !o.rejected {
		s.packed = append(s.packed, 0)
		s.packed = appendBytes(s.packed, o.reply)
	} else {
		s.packed = append(s.packed, 1)
		s.packed = appendString(s.packed, o.code)
		s.packed = appendString(s.packed, o.message)
	}
	s.n++
}

// shorten cuts s to a size that may be kept.
func shorten(s string) string {
	if len(s) <= keptReplyBytes {
		return s
	}
	return strings.ToValidUTF8(s[:keptReplyBytes], "")
}

func (s *outcomes) trim() {
	r := reader{data: s.packed}
	for range s.n - keptOutcomes {
		s.trimmed = max(s.trimmed, readOutcome(&r).id)
	}
	s.packed = append([]byte(nil), r.data...)
	s.n = keptOutcomes
}

// last returns the highest id of a command that has an outcome, 0 when there is none.
func (s *outcomes) last() uint64 {
	var last uint64
	r := reader{data: s.packed}
	for range s.n {
		last = max(last, readOutcome(&r).id)
	}
	return last
}

// find returns the outcome of command id.
func (s *outcomes) find(id uint64) (outcome, bool) {
	r := reader{data: s.packed}
	for range s.n {
		if o := readOutcome(&r); o.id == id && !r.bad {
			return o, true
		}
	}
	return outcome{}, false
}

func readOutcome(r *reader) outcome {
	o := outcome{id: r.uvarint(), revision: r.uvarint()}
	if o.rejected = r.byte() == 1; o.rejected {
		o.code, o.message = r.string(), r.string()
	} else if reply := r.bytes(); len(reply) > 0 {
		o.reply = reply
	}
	return o
}
