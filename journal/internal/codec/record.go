package codec

import (
	"encoding/binary"

	"github.com/tutti-rt/tutti/journal"
)

// AppendRecord appends the body of r, which is all of it but the entity.
func AppendRecord(dst []byte, r *journal.Record) []byte {
	dst = binary.AppendUvarint(dst, r.Seq)
	dst = binary.AppendUvarint(dst, r.Revision)
	dst = binary.AppendVarint(dst, r.At)
	dst = appendString(dst, r.By)
	dst = binary.AppendUvarint(dst, r.Command)
	dst = binary.AppendUvarint(dst, uint64(len(r.Events)))
	for i := range r.Events {
		dst = appendString(dst, r.Events[i].Name)
		dst = appendBytes(dst, r.Events[i].Data)
	}
	dst = appendBytes(dst, r.Notes)
	return binary.AppendVarint(dst, r.Wake)
}

// record decodes a body into rec, whose entity it leaves alone.
func (r *reader) record(rec *journal.Record) {
	rec.Seq = r.uvarint()
	rec.Revision = r.uvarint()
	rec.At = r.varint()
	rec.By = r.string(&r.by)
	rec.Command = r.uvarint()
	if n := r.count(); n > 0 {
		rec.Events = make([]journal.Event, 0, min(n, 64))
		for range n {
			if r.bad {
				break
			}
			rec.Events = append(rec.Events, journal.Event{Name: r.string(&r.event), Data: r.bytes()})
		}
	}
	rec.Notes = r.bytes()
	rec.Wake = r.varint()
}

// DecodeRecord decodes what AppendRecord has appended, as a record of e.
func DecodeRecord(data []byte, e journal.Entity) (journal.Record, error) {
	r := reader{rest: data}
	rec := journal.Record{Entity: e}
	r.record(&rec)
	if r.bad || len(r.rest) > 0 {
		return journal.Record{}, corrupt("record", "malformed")
	}
	return rec, nil
}
