package soak

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// eventSum is the checksum of all that an event frame says beside its revision. Of CRC-32 it is certain that
// it changes with any one byte.
func eventSum(name string, data []byte, by string, command uint64, at int64) uint32 {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], command)
	binary.LittleEndian.PutUint64(b[8:], uint64(at))
	s := crc32.Update(0, castagnoli, b[:])
	s = crc32.Update(s, castagnoli, append([]byte(name), 0))
	s = crc32.Update(s, castagnoli, append([]byte(by), 0))
	return crc32.Update(s, castagnoli, data)
}

// factSum is the checksum of an event's content alone, which the sender of a command can foretell.
func factSum(name string, data []byte) uint32 {
	return crc32.Update(crc32.Checksum(append([]byte(name), 0), castagnoli), castagnoli, data)
}

// stateSum is the checksum of a state as it was shown.
func stateSum(data []byte) uint64 {
	sum := sha256.Sum256(data)
	return binary.LittleEndian.Uint64(sum[:])
}
