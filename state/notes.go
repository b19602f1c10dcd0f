package state

import (
	"encoding/binary"

	"github.com/tutti-rt/tutti/internal/turn"
)

// noteKind says what a note of a record is about. The numbers are on disk.
type noteKind byte

const (
	noteSub          noteKind = iota + 1 // name: the subject that the record's connection belongs to
	noteReply                            // data: the reply to the record's command
	noteTimer                            // key, due, name, data: a timer was set
	noteTimerGone                        // key: a timer was cancelled or has fired
	noteTell                             // entity, name, data: a message for another entity
	noteTold                             // entity, number: it has logged all messages up to number
	noteReceipt                          // entity, number: this record took its message
	noteConnected                        // the record's connection has come
	noteDisconnected                     // the record's connection has gone
	// noteCall comes first: the record is by a caller and not by a connection. data: the key and what was asked, empty
	// for a call without a key. Its reply, if there was one, is a noteReply.
	noteCall
	noteState // data: a hash of the encoded state after the record
)

// note is one thing that a record keeps beside its events. Which fields a kind uses stands there.
type note struct {
	kind   noteKind
	key    string
	due    int64 // Unix ms
	entity turn.Entity
	number uint64
	name   string
	data   []byte
}

func appendNote(dst []byte, n note) []byte {
	dst = append(dst, byte(n.kind))
	switch n.kind {
	case noteSub:
		dst = appendString(dst, n.name)
	case noteReply, noteCall, noteState:
		dst = appendBytes(dst, n.data)
	case noteTimer:
		dst = appendString(dst, n.key)
		dst = binary.AppendVarint(dst, n.due)
		dst = appendString(dst, n.name)
		dst = appendBytes(dst, n.data)
	case noteTimerGone:
		dst = appendString(dst, n.key)
	case noteTell:
		dst = appendString(dst, n.entity.Category)
		dst = appendString(dst, n.entity.ID)
		dst = appendString(dst, n.name)
		dst = appendBytes(dst, n.data)
	case noteTold, noteReceipt:
		dst = appendString(dst, n.entity.Category)
		dst = appendString(dst, n.entity.ID)
		dst = binary.AppendUvarint(dst, n.number)
	}
	return dst
}

// readNotes calls take for each note, which it may keep but not the bytes of data.
func readNotes(data []byte, take func(n *note)) error {
	r := reader{data: data}
	for len(r.data) > 0 && !r.bad {
		n := note{kind: noteKind(r.byte())}
		switch n.kind {
		case noteSub:
			n.name = r.string()
		case noteReply, noteCall, noteState:
			n.data = r.bytes()
		case noteTimer:
			n.key, n.due, n.name, n.data = r.string(), r.varint(), r.string(), r.bytes()
		case noteTimerGone:
			n.key = r.string()
		case noteTell:
			n.entity = turn.Entity{Category: r.string(), ID: r.string()}
			n.name, n.data = r.string(), r.bytes()
		case noteTold, noteReceipt:
			n.entity = turn.Entity{Category: r.string(), ID: r.string()}
			n.number = r.uvarint()
		case noteConnected, noteDisconnected:
		default:
			r.fail()
		}
		if !r.bad {
			take(&n)
		}
	}
	return r.err()
}
