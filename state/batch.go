package state

import (
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// Bounds of a partition's open batch. A turn that finds it full waits until the batch is under way to the
// journal, and with it the mailbox of its entity; when that is full too, messages are refused.
const (
	maxBatchBytes   = 8 << 20
	maxBatchEffects = 1 << 16
	maxEffectBytes  = 64 << 20
	// maxRecordBytes bounds what one turn may write; a turn with more fails.
	maxRecordBytes = 16 << 20
)

// effect is an envelope that leaves once the batch it is in is durable.
type effect struct {
	lane string
	to   bus.Address
	env  *wire.Envelope
	// decided is when the turn ended, for the ack of a traced command; the journal's share of its
	// Hops is filled in when the batch is durable.
	decided time.Time
}

// change is what one turn adds to a batch.
type change struct {
	entity   *entity
	record   *journal.Record   // nil when the turn wrote nothing
	snapshot *journal.Snapshot // nil for none
	effects  []effect
	decided  time.Time // when the turn's handler was done; zero: it has none
}

// batch is what one append stores, and what leaves afterwards.
type batch struct {
	records   []journal.Record
	changed   []*entity // of each record
	snapshots []journal.Snapshot
	effects   []effect
	decided   []time.Time // when each turn with a handler was done with it
	bytes     int         // of records
	sends     int         // bytes of effects, those that share memory counted each
}

func (b *batch) empty() bool { return len(b.records) == 0 && len(b.effects) == 0 }

func (b *batch) full() bool {
	return b.bytes >= maxBatchBytes || b.sends >= maxEffectBytes || len(b.effects) >= maxBatchEffects
}

func (b *batch) add(c *change) {
	if c.record != nil {
		b.records = append(b.records, *c.record)
		b.changed = append(b.changed, c.entity)
		b.bytes += recordBytes(c.record)
	}
	if c.snapshot != nil {
		b.snapshots = append(b.snapshots, *c.snapshot)
	}
	b.effects = append(b.effects, c.effects...)
	if !c.decided.IsZero() {
		b.decided = append(b.decided, c.decided)
	}
	for i := range c.effects {
		b.sends += len(c.effects[i].env.Data)
	}
}

// reset empties b for use anew, keeping memory of a usual size.
func (b *batch) reset() {
	if cap(b.effects) > 1<<14 || cap(b.decided) > 1<<14 {
		*b = batch{}
		return
	}
	clear(b.records)
	clear(b.changed)
	clear(b.effects)
	*b = batch{records: b.records[:0], changed: b.changed[:0], effects: b.effects[:0], decided: b.decided[:0]}
}

func recordBytes(r *journal.Record) int {
	n := 64 + len(r.Entity.Category) + len(r.Entity.ID) + len(r.Notes)
	for i := range r.Events {
		n += 8 + len(r.Events[i].Name) + len(r.Events[i].Data)
	}
	return n
}
