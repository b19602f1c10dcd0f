package wire

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// Owned is a partition that a node owns, in a KindOwners.
type Owned struct {
	Pool      string
	Partition int
	Term      uint64 // of the ownership: a higher one comes later
	Began     int64  // Unix ns of the owner's clock; tells ownerships of one term apart
}

// AppendOwned appends o in its binary form.
func AppendOwned(dst []byte, o Owned) []byte {
	dst = append(binary.AppendUvarint(dst, uint64(len(o.Pool))), o.Pool...)
	dst = binary.AppendUvarint(dst, uint64(o.Partition))
	dst = binary.AppendUvarint(dst, o.Term)
	return binary.AppendVarint(dst, o.Began)
}

// DecodeOwned returns the partitions in data. Bytes that are none end it with one ErrPacked.
func DecodeOwned(data []byte) iter.Seq2[Owned, error] {
	return func(yield func(Owned, error) bool) {
		u := unpacker{b: data}
		for len(u.b) > 0 {
			o := Owned{Pool: u.text(true)}
			n := u.uint(true)
			o.Partition, o.Term, o.Began = int(n), u.uint(true), u.int(true)
			if u.bad || n > 1<<31-1 {
				yield(Owned{}, fmt.Errorf("%w: partitions of an owner", ErrPacked))
				return
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}
