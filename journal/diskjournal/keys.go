package diskjournal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"

	"github.com/tutti-rt/tutti/journal"
)

// Each key begins with one byte that says what it is a key of.
const (
	keyID        = 'i' // the journal's ID
	keyPartition = 'p' // a partition: its group
	keyState     = 'h' // a partition: what its replica has promised in elections
	keyCopying   = 'c' // a partition of which a checkpoint is not whole yet
	keyBatch     = 'l' // an entry of a log, most of them batches: partition, offset
	keyIndexed   = 'x' // a partition: how far its log is indexed
	keyRun       = 'r' // a run: partition, entity, revision and number of its last record
	keySnapshot  = 's' // a snapshot: partition, entity
	keyWake      = 'w' // a wake: partition, time, entity
)

// maxName bounds the names of pools, categories and entities, since they become parts of keys.
const maxName = 1024

func checkPartition(p journal.Partition) error {
	if p.Pool == "" || len(p.Pool) > maxName || strings.IndexByte(p.Pool, 0) >= 0 || p.Number < 0 || p.Number > math.MaxInt32 {
		return errors.New("not a partition")
	}
	return nil
}

func checkEntity(e journal.Entity) error {
	if len(e.Category) > maxName || len(e.ID) > maxName {
		return errors.New("name of an entity is too long")
	}
	return nil
}

// partitionKey returns the key of that kind of p. Keys sort by pool and number.
func partitionKey(kind byte, p journal.Partition) []byte {
	k := make([]byte, 0, len(p.Pool)+64)
	k = append(append(append(k, kind), p.Pool...), 0)
	return binary.BigEndian.AppendUint32(k, uint32(p.Number))
}

// parsePartition returns the partition at the front of a key, and what follows.
func parsePartition(key []byte) (journal.Partition, []byte, bool) {
	pool, rest, ok := bytes.Cut(key[1:], []byte{0})
	if !ok || len(rest) < 4 {
		return journal.Partition{}, nil, false
	}
	return journal.Partition{Pool: string(pool), Number: int(binary.BigEndian.Uint32(rest))}, rest[4:], true
}

func batchKey(p journal.Partition, at journal.Offset) []byte {
	return binary.BigEndian.AppendUint64(partitionKey(keyBatch, p), uint64(at))
}

// keyOffset returns the offset at the end of a batch's key.
func keyOffset(key []byte) (journal.Offset, bool) {
	_, rest, ok := parsePartition(key)
	if !ok || len(rest) != 8 {
		return 0, false
	}
	return journal.Offset(binary.BigEndian.Uint64(rest)), true
}

func appendEntity(k []byte, e journal.Entity) []byte {
	k = binary.AppendUvarint(k, uint64(len(e.Category)))
	k = append(k, e.Category...)
	k = binary.AppendUvarint(k, uint64(len(e.ID)))
	return append(k, e.ID...)
}

func entityKey(kind byte, p journal.Partition, e journal.Entity) []byte {
	return appendEntity(partitionKey(kind, p), e)
}

// parseEntity returns the entity that is the whole of b.
func parseEntity(b []byte) (journal.Entity, bool) {
	var names [2]string
	for i := range names {
		n, w := binary.Uvarint(b)
		if w <= 0 || n > uint64(len(b)-w) {
			return journal.Entity{}, false
		}
		names[i], b = string(b[w:w+int(n)]), b[w+int(n):]
	}
	return journal.Entity{Category: names[0], ID: names[1]}, len(b) == 0
}

// appendMark appends the end of a run's key. Revision comes first: both numbers rise from run to run,
// so the order is the same, and a run is found by either.
func appendMark(k []byte, m journal.Mark) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(k, m.Revision), m.Seq)
}

// runMark returns the mark at the end of a run's key of which prefix is the entity's part.
func runMark(key, prefix []byte) (journal.Mark, bool) {
	if len(key) != len(prefix)+16 {
		return journal.Mark{}, false
	}
	b := key[len(prefix):]
	return journal.Mark{Revision: binary.BigEndian.Uint64(b), Seq: binary.BigEndian.Uint64(b[8:])}, true
}

// timeBits turns a time into bits that sort like it.
func timeBits(ms int64) uint64 { return uint64(ms) ^ 1<<63 }

func wakeKey(p journal.Partition, at int64, e journal.Entity) []byte {
	return appendEntity(binary.BigEndian.AppendUint64(partitionKey(keyWake, p), timeBits(at)), e)
}

// parseWake returns time and entity of a wake's key.
func parseWake(key []byte) (int64, journal.Entity, bool) {
	_, rest, ok := parsePartition(key)
	if !ok || len(rest) < 8 {
		return 0, journal.Entity{}, false
	}
	e, ok := parseEntity(rest[8:])
	return int64(binary.BigEndian.Uint64(rest) ^ 1<<63), e, ok
}

// after returns the first key that does not begin with prefix.
func after(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
