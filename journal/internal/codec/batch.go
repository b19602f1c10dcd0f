package codec

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/tutti-rt/tutti/journal"
)

// Header says where a batch stands in which log.
type Header struct {
	Partition journal.Partition
	Term      uint64 // of the owner
	Election  uint64 // of the leader that proposed it; 0 in logs from before there were elections
	Offset    journal.Offset
	Previous  Hash // of the batch before; zero for the first
}

// Span is where the body of a record lies in an encoded batch.
type Span struct{ Start, End int }

// AppendBatch appends the encoded batch to dst and returns it with the batch's hash, which
// is also its last bytes. Unless it is nil, at is called with the place of each record's body in
// what is returned, in order.
func AppendBatch(dst []byte, h Header, records []journal.Record, at func(i int, s Span)) ([]byte, Hash) {
	start := len(dst)
	dst = append(dst, batchV2)
	dst = appendString(dst, h.Partition.Pool)
	dst = binary.AppendUvarint(dst, uint64(h.Partition.Number))
	dst = binary.AppendUvarint(dst, h.Term)
	dst = binary.AppendUvarint(dst, h.Election)
	dst = binary.AppendUvarint(dst, uint64(h.Offset))
	dst = append(dst, h.Previous[:]...)
	dst = binary.AppendUvarint(dst, uint64(len(records)))
	for i := range records {
		dst = appendString(dst, records[i].Entity.Category)
		dst = appendString(dst, records[i].Entity.ID)
		from := len(dst)
		dst = AppendRecord(dst, &records[i])
		if at != nil {
			at(i, Span{from, len(dst)})
		}
	}
	hash := Hash(sha256.Sum256(dst[start:]))
	return append(dst, hash[:]...), hash
}

// BatchSize returns a size that the encoded batch does not exceed.
func BatchSize(p journal.Partition, records []journal.Record) int {
	const varint = binary.MaxVarintLen64
	n := 1 + len(p.Pool) + 6*varint + 2*sha256.Size
	for i := range records {
		r := &records[i]
		n += len(r.Entity.Category) + len(r.Entity.ID) + len(r.By) + len(r.Notes) + 10*varint
		for j := range r.Events {
			n += len(r.Events[j].Name) + len(r.Events[j].Data) + 2*varint
		}
	}
	return n
}

// DecodeBatch verifies the checksum of an encoded batch and decodes it. Whether it stands where
// it should, and follows what it should, is for the caller to compare. Unless it is nil, at is
// called as in AppendBatch.
func DecodeBatch(data []byte, at func(i int, s Span)) (Header, []journal.Record, Hash, error) {
	var h Header
	if !IsBatch(data) {
		return h, nil, Hash{}, corrupt("batch", "not a batch")
	}
	body := data[:len(data)-sha256.Size]
	hash := Hash(sha256.Sum256(body))
	if hash != Hash(data[len(body):]) {
		return h, nil, Hash{}, corrupt("batch", "checksum does not match")
	}
	r := reader{rest: body[1:]}
	h = r.header(body[0])
	n := r.count()
	records := make([]journal.Record, 0, min(n, 1+len(r.rest)/8))
	for i := range n {
		if r.bad {
			break
		}
		records = append(records, journal.Record{})
		rec := &records[i]
		rec.Entity.Category = r.string(&r.category)
		rec.Entity.ID = r.text()
		from := len(body) - len(r.rest)
		r.record(rec)
		if at != nil && !r.bad {
			at(i, Span{from, len(body) - len(r.rest)})
		}
	}
	if r.bad || len(r.rest) > 0 {
		return Header{}, nil, Hash{}, corrupt("batch", "malformed")
	}
	return h, records, hash, nil
}

// VerifyBatch verifies the checksum of an encoded batch, and returns its header.
func VerifyBatch(data []byte) (Header, error) {
	h, ok := BatchHeader(data)
	if !ok {
		return h, corrupt("batch", "not a batch")
	}
	body := data[:len(data)-sha256.Size]
	if Hash(sha256.Sum256(body)) != Hash(data[len(body):]) {
		return Header{}, corrupt("batch", "checksum does not match")
	}
	return h, nil
}

// header decodes what follows the first byte.
func (r *reader) header(version byte) (h Header) {
	h.Partition.Pool = r.text()
	h.Partition.Number = r.number()
	h.Term = r.uvarint()
	if version == batchV2 {
		h.Election = r.uvarint()
	}
	h.Offset = journal.Offset(r.uvarint())
	copy(h.Previous[:], r.take(sha256.Size))
	return h
}

// IsBatch reports whether data begins like a batch and is long enough, without verifying it.
func IsBatch(data []byte) bool {
	return len(data) > sha256.Size && (data[0] == batchV1 || data[0] == batchV2)
}

// BatchHeader returns the header of an encoded batch without verifying it, and false when there is none.
func BatchHeader(data []byte) (Header, bool) {
	if !IsBatch(data) {
		return Header{}, false
	}
	r := reader{rest: data[1 : len(data)-sha256.Size]}
	h := r.header(data[0])
	return h, !r.bad
}

// BatchHash returns the hash that an encoded batch claims to have, without verifying it.
func BatchHash(data []byte) (Hash, bool) {
	if !IsBatch(data) {
		return Hash{}, false
	}
	return Hash(data[len(data)-sha256.Size:]), true
}
