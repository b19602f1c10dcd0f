package wire

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// AppendBacklogEvent appends one event to the Data of a KindBacklogPart. It keeps the fields that
// make the event's frame: Revision, Prev, HasPrev, At, Member, Command, Name and Data.
func AppendBacklogEvent(dst []byte, e *Envelope) []byte {
	prev := uint64(0) // 0: the revision before; otherwise one more than Prev
	if e.Prev != 0 || e.Has(HasPrev) {
		prev = e.Prev + 1
	}
	dst = binary.AppendUvarint(dst, e.Revision)
	dst = binary.AppendUvarint(dst, prev)
	dst = binary.AppendVarint(dst, e.At)
	dst = binary.AppendUvarint(dst, e.Command)
	dst = append(binary.AppendUvarint(dst, uint64(len(e.Member))), e.Member...)
	dst = append(binary.AppendUvarint(dst, uint64(len(e.Name))), e.Name...)
	return append(binary.AppendUvarint(dst, uint64(len(e.Data))), e.Data...)
}

// DecodeBacklog returns the events of a KindBacklogPart's Data, as envelopes of KindEvent. An
// envelope is valid until the next one is taken, and its Data shares data's memory. Bytes that are
// no backlog end it with one ErrPacked.
func DecodeBacklog(data []byte) iter.Seq2[*Envelope, error] {
	return func(yield func(*Envelope, error) bool) {
		u := unpacker{b: data}
		var e Envelope
		for len(u.b) > 0 {
			e = Envelope{Kind: KindEvent, Revision: u.uint(true)}
			if prev := u.uint(true); prev > 0 {
				e.Prev = prev - 1
				e.Flags = HasPrev
			}
			e.At = u.int(true)
			e.Command = u.uint(true)
			e.Member = u.text(true)
			e.Name = u.text(true)
			e.Data = u.bytes(true)
			if u.bad {
				yield(nil, fmt.Errorf("%w: backlog cut short", ErrPacked))
				return
			}
			if !yield(&e, nil) {
				return
			}
		}
	}
}
