package codec

import (
	"encoding/binary"
	"math"

	"github.com/tutti-rt/tutti/journal"
)

// AppendSnapshot appends s, all of it but the entity. It is stored under key.
func AppendSnapshot(dst, key []byte, s *journal.Snapshot) []byte {
	start := len(dst)
	dst = append(dst, snapshotV1)
	dst = binary.AppendUvarint(dst, s.Mark.Seq)
	dst = binary.AppendUvarint(dst, s.Mark.Revision)
	dst = appendBytes(dst, s.State)
	dst = appendBytes(dst, s.Notes)
	return appendSum(dst, start, key)
}

// DecodeSnapshot verifies and decodes the snapshot of e that is stored under key.
func DecodeSnapshot(key, value []byte, e journal.Entity) (journal.Snapshot, error) {
	rest, err := checked("snapshot", snapshotV1, key, value)
	if err != nil {
		return journal.Snapshot{}, err
	}
	r := reader{rest: rest}
	s := journal.Snapshot{Entity: e}
	s.Mark.Seq = r.uvarint()
	s.Mark.Revision = r.uvarint()
	s.State = r.bytes()
	s.Notes = r.bytes()
	if r.bad || len(r.rest) > 0 {
		return journal.Snapshot{}, corrupt("snapshot", "malformed")
	}
	return s, nil
}

// SnapshotMark returns the mark of an encoded snapshot without verifying it, and false when
// there is none to be found.
func SnapshotMark(value []byte) (journal.Mark, bool) {
	if len(value) == 0 || value[0] != snapshotV1 && value[0] != piecesV1 {
		return journal.Mark{}, false
	}
	r := reader{rest: value[1:]}
	m := journal.Mark{Seq: r.uvarint(), Revision: r.uvarint()}
	return m, !r.bad
}

// Pieces stands in the place of an encoded snapshot that is stored in pieces.
type Pieces struct {
	Mark  journal.Mark
	Round uint64 // tells snapshots of the same mark apart
	Size  int    // of all pieces together
}

// AppendPieces appends p. It is stored under key.
func AppendPieces(dst, key []byte, p Pieces) []byte {
	start := len(dst)
	dst = append(dst, piecesV1)
	dst = binary.AppendUvarint(dst, p.Mark.Seq)
	dst = binary.AppendUvarint(dst, p.Mark.Revision)
	dst = binary.AppendUvarint(dst, p.Round)
	dst = binary.AppendUvarint(dst, uint64(p.Size))
	return appendSum(dst, start, key)
}

// InPieces reports whether value is one of AppendPieces, without verifying it.
func InPieces(value []byte) bool { return len(value) > 0 && value[0] == piecesV1 }

// DecodePieces verifies and decodes what is stored under key.
func DecodePieces(key, value []byte) (Pieces, error) {
	rest, err := checked("snapshot", piecesV1, key, value)
	if err != nil {
		return Pieces{}, err
	}
	r := reader{rest: rest}
	p := Pieces{Mark: journal.Mark{Seq: r.uvarint(), Revision: r.uvarint()}, Round: r.uvarint()}
	size := r.uvarint()
	if r.bad || len(r.rest) > 0 || size > math.MaxInt32 {
		return Pieces{}, corrupt("snapshot", "malformed")
	}
	p.Size = int(size)
	return p, nil
}
