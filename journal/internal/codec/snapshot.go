package codec

import (
	"encoding/binary"

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
	if len(value) == 0 || value[0] != snapshotV1 {
		return journal.Mark{}, false
	}
	r := reader{rest: value[1:]}
	m := journal.Mark{Seq: r.uvarint(), Revision: r.uvarint()}
	return m, !r.bad
}
