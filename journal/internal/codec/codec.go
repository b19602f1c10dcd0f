// Package codec is the binary form in which stores keep batches, runs of one entity's records, and
// snapshots: varints and length-prefixed bytes, each value ending in a checksum.
//
// Decoders take any bytes: they return an error that wraps journal.ErrCorrupt, and never allocate
// more than a small multiple of what they were given. What they return aliases the bytes given,
// strings excepted.
package codec

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/tutti-rt/tutti/journal"
)

// Hash identifies a stored batch and, through the hash before it that it covers, the whole log up to it.
type Hash [sha256.Size]byte

// The first byte of each value says what it is and in which version of the format.
const (
	batchV1    = 0xb1 // from before there were elections
	batchV2    = 0xb2
	runV1      = 0xa1
	snapshotV1 = 0xc1
	piecesV1   = 0xe1
	positionV1 = 0xd1
	groupV1    = 0x91
	stateV1    = 0x92
	entryV1    = 0xf1
)

// corrupt returns an error that says what is wrong with which kind of value.
func corrupt(what, why string) error {
	return fmt.Errorf("decode %s: %s: %w", what, why, journal.ErrCorrupt)
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// reader takes values off the front of rest. Once something does not fit, bad stays set
// and everything it returns is zero.
type reader struct {
	rest []byte
	bad  bool
	// The names met last: the next record has the same ones more often than not.
	category, event, by string
}

func (r *reader) fail() {
	r.bad, r.rest = true, nil
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// count returns a number of things of which each takes at least one byte.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return 0
	}
	return int(n)
}

// number returns a number of a partition.
func (r *reader) number() int {
	n := r.uvarint()
	if n > math.MaxInt32 {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) take(n int) []byte {
	if n > len(r.rest) {
		r.fail()
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// bytes returns the next bytes, nil when there are none.
func (r *reader) bytes() []byte {
	if n := r.count(); n > 0 {
		return r.take(n)
	}
	return nil
}

// string returns the next string. When it equals *last it is that one, else it becomes *last.
func (r *reader) string(last *string) string {
	b := r.take(r.count())
	if string(b) != *last {
		*last = string(b)
	}
	return *last
}

func (r *reader) text() string { return string(r.take(r.count())) }
