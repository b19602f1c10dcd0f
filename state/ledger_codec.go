package state

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/tutti-rt/tutti/internal/turn"
)

// ledgerFormat begins an encoded ledger; one without keys begins with ledgerWithoutKeys, which earlier versions wrote.
const (
	ledgerFormat      = 2
	ledgerWithoutKeys = 1
)

// encode returns the ledger as a snapshot keeps it. Equal ledgers give equal bytes.
func (l *ledger) encode() []byte {
	format := byte(ledgerFormat)
	if l.keys.n == 0 {
		format = ledgerWithoutKeys
	}
	dst := []byte{format}
	dst = binary.AppendUvarint(dst, l.told)
	forgotten := byte(0)
	if l.forgotten {
		forgotten = 1
	}
	dst = append(dst, forgotten)
	dst = binary.AppendUvarint(dst, l.forgottenAt)

	dst = binary.AppendUvarint(dst, uint64(len(l.timers)))
	for _, key := range slices.Sorted(maps.Keys(l.timers)) {
		t := l.timers[key]
		dst = appendString(dst, key)
		dst = binary.AppendVarint(dst, t.due.UnixMilli())
		dst = appendString(dst, t.name)
		dst = appendBytes(dst, t.data)
	}
	dst = binary.AppendUvarint(dst, uint64(l.outbox.len()))
	for _, t := range l.outbox.inOrder() {
		dst = binary.AppendUvarint(dst, t.number)
		dst = appendString(dst, t.to.Category)
		dst = appendString(dst, t.to.ID)
		dst = appendString(dst, t.name)
		dst = appendBytes(dst, t.data)
	}
	dst = binary.AppendUvarint(dst, uint64(l.inbox.len()))
	for _, from := range slices.SortedFunc(l.inbox.keys(), compareEntities) {
		last, _ := l.inbox.get(from)
		dst = appendString(dst, from.Category)
		dst = appendString(dst, from.ID)
		dst = binary.AppendUvarint(dst, last.number)
		dst = binary.AppendVarint(dst, last.at)
	}
	dst = binary.AppendUvarint(dst, uint64(len(l.visible)))
	for _, audience := range slices.Sorted(maps.Keys(l.visible)) {
		dst = appendString(dst, audience)
		dst = binary.AppendUvarint(dst, l.visible[audience])
	}
	dst = binary.AppendUvarint(dst, uint64(l.conns.len()))
	for _, member := range slices.Sorted(l.conns.keys()) {
		dst = l.find(member).append(appendString(dst, member))
	}
	if format == ledgerFormat {
		dst = l.keys.append(dst)
	}
	return dst
}

func (c *conn) append(dst []byte) []byte {
	dst = appendString(dst, c.sub)
	dst = binary.AppendUvarint(dst, c.recorded)
	connected := byte(0)
	if c.connected {
		connected = 1
	}
	dst = append(dst, connected)
	dst = binary.AppendVarint(dst, c.seen)
	dst = binary.AppendUvarint(dst, c.trimmed)
	dst = binary.AppendUvarint(dst, uint64(c.n))
	return appendBytes(dst, c.packed)
}

// decodeLedger returns the ledger that encode made data of. It keeps nothing of data.
func decodeLedger(data []byte) (ledger, error) {
	var l ledger
	if len(data) == 0 {
		return l, nil
	}
	r := reader{data: data}
	format := r.byte()
	if format != ledgerFormat && format != ledgerWithoutKeys {
		return l, errNotes
	}
	l.told = r.uvarint()
	l.forgotten = r.byte() == 1
	l.forgottenAt = r.uvarint()
	l.firstTimer = -1
	if n := r.count(); n > 0 {
		l.timers = make(map[string]timer, n)
		for range n {
			key := r.string()
			l.timers[key] = timer{time.UnixMilli(r.varint()), r.string(), slices.Clone(r.bytes())}
		}
	}
	for range r.count() {
		number := r.uvarint()
		to := turn.Entity{Category: r.string(), ID: r.string()}
		l.put(to, tell{number: number, name: r.string(), data: slices.Clone(r.bytes())})
	}
	for range r.count() {
		from := turn.Entity{Category: r.string(), ID: r.string()}
		number := r.uvarint()
		l.receive(from, number, r.varint())
	}
	if n := r.count(); n > 0 {
		l.visible = make(map[string]uint64, n)
		for range n {
			audience := r.string()
			l.visible[audience] = r.uvarint()
		}
	}
	for range r.count() {
		c := l.conn(r.string())
		c.sub, c.recorded = r.string(), r.uvarint()
		l.connect(c, r.byte() == 1)
		c.seen = r.varint()
		c.trimmed = r.uvarint()
		c.n = int32(r.uvarint())
		c.packed = slices.Clone(r.bytes())
		c.highest = max(c.recorded, c.last())
		l.kept += int64(len(c.packed))
	}
	if format == ledgerFormat {
		l.keys.read(&r)
	}
	return l, r.err()
}

func compareEntities(a, b turn.Entity) int {
	switch as, bs := a.String(), b.String(); {
	case as < bs:
		return -1
	case as > bs:
		return 1
	}
	return 0
}
