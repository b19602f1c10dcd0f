package natsbus

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"iter"
	"time"
)

const (
	// maxPayload is the largest message of the servers of this package.
	maxPayload = 1 << 20
	// batchBytes is how large a message of several envelopes gets.
	batchBytes = 64 << 10
	// partBytes is how much of an envelope larger than that goes into one message: little, so that what others send has its
	// turn soon wherever it passes.
	partBytes = 64 << 10
	// partPause is how long a lane sends nothing after a part that another one follows. Each part is work for two nodes and their servers; without
	// a pause all of a large envelope's comes at once, and what other lanes carry waits for a core. It limits a lane to some
	// 250 MB/s of large envelopes, and to 60 where nothing else runs: the system then sleeps for a millisecond at least.
	partPause = 150 * time.Microsecond
)

// What a message holds, after four bytes of checksum.
const (
	holdsBatch = 1 // envelopes, each with its length before it
	holdsPart  = 2 // a piece of one envelope
	holdsMark  = 3 // nothing: its trail says how far the sender got
)

const headBytes = 5

var (
	errGarbage = errors.New("natsbus: no message of a bus")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// newMessage begins a message in dst.
func newMessage(dst []byte, holds byte) []byte { return append(dst[:0], 0, 0, 0, 0, holds) }

// seal ends a message.
func seal(m []byte) { binary.LittleEndian.PutUint32(m, crc32.Checksum(m[4:], castagnoli)) }

// open returns what a message holds.
func open(m []byte) (holds byte, body []byte, err error) {
	if len(m) < headBytes || binary.LittleEndian.Uint32(m) != crc32.Checksum(m[4:], castagnoli) {
		return 0, nil, errGarbage
	}
	return m[4], m[headBytes:], nil
}

// appendEnvelope appends an envelope in its binary form to a message.
func appendEnvelope(m, packed []byte) []byte {
	return append(binary.AppendUvarint(m, uint64(len(packed))), packed...)
}

// envelopes returns those of a message's body. A body that is cut short ends with nil.
func envelopes(body []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(body) > 0 {
			n, size := binary.Uvarint(body)
			if size <= 0 || n == 0 || n > uint64(len(body)-size) {
				yield(nil)
				return
			}
			end := size + int(n)
			if !yield(body[size:end:end]) {
				return
			}
			body = body[end:]
		}
	}
}

// part is a piece of an envelope's binary form.
type part struct {
	sender uint64 // connection that it comes from
	number uint64 // of the envelope among those of the sender
	offset uint64
	total  uint64
	data   []byte
}

func (p *part) append(m []byte) []byte {
	m = binary.LittleEndian.AppendUint64(m, p.sender)
	m = binary.AppendUvarint(m, p.number)
	m = binary.AppendUvarint(m, p.offset)
	m = binary.AppendUvarint(m, p.total)
	return append(m, p.data...)
}

func decodePart(body []byte) (p part, err error) {
	if len(body) < 8 {
		return part{}, errGarbage
	}
	p.sender = binary.LittleEndian.Uint64(body)
	body = body[8:]
	for _, field := range []*uint64{&p.number, &p.offset, &p.total} {
		n, size := binary.Uvarint(body)
		if size <= 0 {
			return part{}, errGarbage
		}
		*field, body = n, body[size:]
	}
	p.data = body
	if len(body) == 0 || p.total > MaxEnvelopeBytes || p.offset >= p.total || uint64(len(body)) > p.total-p.offset {
		return part{}, errGarbage
	}
	return p, nil
}
