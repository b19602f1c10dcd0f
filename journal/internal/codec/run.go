package codec

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/tutti-rt/tutti/journal"
)

// sumSize is the length of the checksum that ends runs and snapshots: a part of a SHA-256.
const sumSize = 8

// sum returns the checksum of a value under a key, so that a value under another key fails.
func sum(scratch, key, value []byte) [sumSize]byte {
	h := sha256.New()
	h.Write(binary.AppendUvarint(scratch[:0], uint64(len(key))))
	h.Write(key)
	h.Write(value)
	return [sumSize]byte(h.Sum(scratch[:0]))
}

// appendSum appends the checksum of dst[start:] under key.
func appendSum(dst []byte, start int, key []byte) []byte {
	var scratch [sha256.Size]byte
	s := sum(scratch[:], key, dst[start:])
	return append(dst, s[:]...)
}

// checked returns value without its checksum, which it verifies, and its first byte.
func checked(what string, version byte, key, value []byte) ([]byte, error) {
	if len(value) < 1+sumSize || value[0] != version {
		return nil, corrupt(what, "not a "+what)
	}
	body := value[:len(value)-sumSize]
	var scratch [sha256.Size]byte
	if sum(scratch[:], key, body) != [sumSize]byte(value[len(body):]) {
		return nil, corrupt(what, "checksum does not match")
	}
	return body[1:], nil
}

// AppendRun appends a run: the bodies of successive records of one entity, of which first is the
// number of the first. It is stored under key.
func AppendRun(dst, key []byte, first uint64, bodies [][]byte) []byte {
	start := len(dst)
	dst = append(dst, runV1)
	dst = binary.AppendUvarint(dst, first)
	dst = binary.AppendUvarint(dst, uint64(len(bodies)))
	for _, b := range bodies {
		dst = appendBytes(dst, b)
	}
	return appendSum(dst, start, key)
}

// DecodeRun verifies the run stored under key, appends its records to dst and returns that.
// The records follow each other without gaps in Seq and Revision.
func DecodeRun(dst []journal.Record, key, value []byte, e journal.Entity) ([]journal.Record, error) {
	rest, err := checked("run", runV1, key, value)
	if err != nil {
		return dst, err
	}
	r := reader{rest: rest}
	first := r.uvarint()
	n := r.count()
	at := len(dst)
	for i := range n {
		b := r.bytes()
		if r.bad {
			break
		}
		body := r
		body.rest = b
		dst = append(dst, journal.Record{Entity: e})
		rec := &dst[len(dst)-1]
		body.record(rec)
		if body.bad || len(body.rest) > 0 {
			r.fail()
			break
		}
		r.by, r.event = body.by, body.event
		if rec.Seq != first+uint64(i) || i > 0 && !follows(&dst[len(dst)-2], rec) {
			return dst[:at], corrupt("run", "records do not follow each other")
		}
	}
	if r.bad || len(r.rest) > 0 || n == 0 {
		return dst[:at], corrupt("run", "malformed")
	}
	return dst, nil
}

// follows reports whether b may be the record after a.
func follows(a, b *journal.Record) bool {
	return b.Seq == a.Seq+1 && b.Revision == a.Revision+uint64(len(b.Events))
}
