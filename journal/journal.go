// Package journal is the contract of the durable logs, the only source of truth: one append-only
// log of batches for each partition, written by one owner at a time, and what is derived from it.
//
// Implementations live in the packages below and pass the suite in journaltest.
package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/tutti-rt/tutti"
)

var (
	// ErrFenced means that somebody else has acquired the partition since: this log takes no
	// more writes, and what was asked for has not happened and will not.
	ErrFenced = errors.New("journal: partition owned by another")
	// ErrUnknown means that a batch may or may not be stored, now or later. The caller reads the log
	// again (by acquiring the partition anew) before it goes on.
	ErrUnknown = errors.New("journal: outcome unknown")
	// ErrCorrupt means that stored bytes are not what was written, or that some are missing.
	// It is wrapped with what was read and where; such bytes are never returned as data.
	ErrCorrupt = errors.New("journal: corrupt")
	// ErrClosed means that the journal has been closed, or has stopped after a failed sync.
	ErrClosed = errors.New("journal: closed")
	// ErrUnavailable means that no majority of a partition's replicas has answered in time.
	ErrUnavailable = errors.New("journal: no majority answers")
	// ErrTooLarge means that a batch is larger than MaxBatchBytes; nothing of it is stored.
	ErrTooLarge = errors.New("journal: batch too large")
)

// MaxBatchBytes bounds the encoded size of one batch.
const MaxBatchBytes = 64 << 20

// Journal holds the logs of all partitions. It is safe for concurrent use.
type Journal interface {
	// ID names this incarnation of the journal: 16 to 32 of A-Z a-z 0-9 _ -. A new journal gets a
	// new one at random, and keeps it.
	ID() string
	// Acquire makes the caller the owner of p, creating its log if there is none, and fences
	// every Log of p that was acquired before: once an Append or Confirm of the new Log has succeeded, no append of
	// theirs that has not been stored will be. The log is verified as far as reading it for recovery
	// goes; damage is reported as ErrCorrupt.
	Acquire(ctx context.Context, p Partition) (Log, error)
	// Partitions returns the partitions that have a log, in order of their names.
	Partitions(ctx context.Context) ([]Partition, error)
	// Close waits for appends under way, then releases everything. Later calls get ErrClosed.
	Close() error
}

// Log is the log of one partition in the hands of its owner. Appends come from one goroutine;
// everything else is safe for concurrent use, also while appending.
type Log interface {
	Appender
	Reader
	History
	Snapshots
	Wakes
}

// Appender writes the log.
type Appender interface {
	// Append stores b at the end of the log, whole or not at all. It is durable when Append
	// returns nil, and at once visible to every reader of this journal. It returns the offset of b.
	// ErrFenced: not stored, the partition is owned by another. ErrUnknown: may yet be stored.
	// Any other error: not stored. Append keeps nothing of b. An empty batch is refused.
	Append(ctx context.Context, b Batch) (Offset, error)
	// Confirm returns nil when the caller still owned the partition after Confirm was called, so that
	// what it knows of the log is complete; else ErrFenced or another error.
	Confirm(ctx context.Context) error
}

// Reader reads and follows the log.
type Reader interface {
	// End returns the offset of the last durable batch, 0 when there is none.
	End() Offset
	// Read yields the durable batches after the offset given, in order, up to the end as it was
	// when Read was called, verifying the checksum and the hash chain. An error ends it.
	Read(ctx context.Context, after Offset) iter.Seq2[Stored, error]
	// Wait returns once there is a batch after the offset given, or when ctx is done.
	Wait(ctx context.Context, after Offset) error
}

// History reads one entity's records.
type History interface {
	// Records yields the entity's durable records with Seq > after.Seq and
	// Revision >= after.Revision, in order, in time proportional to what is read.
	// A record that should be there and is not is reported as ErrCorrupt. An error ends it.
	Records(ctx context.Context, e Entity, after Mark) iter.Seq2[Record, error]
	// Last returns the mark of the entity's last durable record, the zero Mark when it has none.
	Last(ctx context.Context, e Entity) (Mark, error)
}

// Snapshots keeps the newest snapshot of each entity. A snapshot may be lost without loss of data.
type Snapshots interface {
	// SaveSnapshot stores s in place of an older one. It need not be durable when it returns, but
	// is never visible without the records up to its mark. A snapshot beyond the last durable
	// record, or of an older mark than the stored one, is refused.
	SaveSnapshot(ctx context.Context, s Snapshot) error
	// Snapshot returns the newest snapshot of e, and false when there is none. A damaged one is
	// reported as ErrCorrupt; the caller may go on without it.
	Snapshot(ctx context.Context, e Entity) (Snapshot, bool, error)
}

// Wakes finds the entities that must be activated at some time.
type Wakes interface {
	// Due yields the entities whose last durable record has a Wake that is not zero and
	// not after the time given, earliest first.
	Due(ctx context.Context, until time.Time) iter.Seq2[Wake, error]
}

// Partition is a fixed slice of a pool's entities: the unit of ownership, order and recovery.
type Partition struct {
	Pool   string
	Number int
}

// String returns pool/number.
func (p Partition) String() string { return fmt.Sprintf("%s/%d", p.Pool, p.Number) }

// Entity names one entity.
type Entity = tutti.Entity

// Offset is the position of a batch in its partition's log: ordered, from 1, possibly with gaps.
type Offset uint64

// Mark is a position in the stream of one entity.
type Mark struct {
	Seq      uint64 // number of the record, from 1, without gaps
	Revision uint64 // of the last event up to and including that record
}

// Batch is what one append stores: the records of many turns.
type Batch struct {
	Records []Record
}

// Stored is a batch as read back.
type Stored struct {
	Offset  Offset
	Term    uint64 // rises with each change of owner
	Records []Record
}

// Record is what one turn of one entity stored.
type Record struct {
	Entity   Entity
	Seq      uint64 // number of this record in the entity's stream, from 1, without gaps
	Revision uint64 // of the last of Events; that of the record before when there are none
	At       int64  // Unix ms, the turn's time
	By       string // member whose connection caused it; empty for timers and other entities
	Command  uint64 // the id of the command that caused it; 0 when none did
	Events   []Event
	// Notes is what the state node keeps beside the events: outcome, timers, members, tells.
	Notes []byte
	// Wake is when the entity must be activated even if nobody asks for it, in Unix ms; 0 is never.
	Wake int64
}

// Event is one recorded fact. The last event of a record has the record's revision, the one before
// it one less, and so on.
type Event struct {
	Name string
	Data []byte
}

// Snapshot is an entity's state after a record.
type Snapshot struct {
	Entity Entity
	Mark   Mark
	State  []byte
	Notes  []byte // what the state node keeps beside the state
}

// Wake is an entity that must be activated.
type Wake struct {
	Entity Entity
	At     time.Time
}

// RevisionOf returns the revision of event i of r.
func (r *Record) RevisionOf(i int) uint64 { return r.Revision - uint64(len(r.Events)-1-i) }

// Mark returns the position of r.
func (r *Record) Mark() Mark { return Mark{Seq: r.Seq, Revision: r.Revision} }
