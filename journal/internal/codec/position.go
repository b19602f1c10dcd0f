package codec

import (
	"encoding/binary"

	"github.com/tutti-rt/tutti/journal"
)

// Position is a place in a log: after the batch at Offset, which has Hash.
type Position struct {
	Term   uint64
	Offset journal.Offset
	Hash   Hash
}

// AppendPosition appends p, which is stored under key.
func AppendPosition(dst, key []byte, p Position) []byte {
	start := len(dst)
	dst = append(dst, positionV1)
	dst = binary.AppendUvarint(dst, p.Term)
	dst = binary.AppendUvarint(dst, uint64(p.Offset))
	dst = append(dst, p.Hash[:]...)
	return appendSum(dst, start, key)
}

// DecodePosition verifies and decodes the position stored under key.
func DecodePosition(key, value []byte) (Position, error) {
	rest, err := checked("position", positionV1, key, value)
	if err != nil {
		return Position{}, err
	}
	r := reader{rest: rest}
	p := Position{Term: r.uvarint(), Offset: journal.Offset(r.uvarint())}
	copy(p.Hash[:], r.take(len(p.Hash)))
	if r.bad || len(r.rest) > 0 {
		return Position{}, corrupt("position", "malformed")
	}
	return p, nil
}
