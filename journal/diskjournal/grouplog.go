package diskjournal

import (
	"fmt"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// groupLog is the log of one replica as Raft sees it. The last entries are in memory, from where they are applied and sent; what
// is before them is read from the store. The loop owns it.
type groupLog struct {
	j    *Journal
	name journal.Partition
	// base is the index after which the log began here, and baseElection the election of what is there.
	base, baseElection uint64
	// floor is the index after which entries are read for Raft: base, or, where there are the entries of a checkpoint, what was its
	// maker's. A leader that began with a checkpoint has what others lack of it.
	floor              uint64
	entries            []*pb.Entry // up to last, without gaps
	bytes              int         // of those
	last, lastElection uint64
	state              codec.State
	conf               *pb.ConfState
	applied            uint64
}

var _ raft.Storage = (*groupLog)(nil)

// Entries as the store has them. A batch is one as it is; all else is wrapped.
func encodeEntry(key []byte, e *pb.Entry) []byte {
	if e.GetType() == pb.EntryNormal && codec.IsBatch(e.GetData()) {
		return e.GetData()
	}
	return codec.AppendEntry(nil, key, codec.Entry{Election: e.GetTerm(), Kind: uint64(e.GetType()), Data: e.GetData()})
}

// decodeEntry decodes the entry at an index, and keeps value. What is in a batch is not verified.
func decodeEntry(key []byte, at uint64, value []byte) (*pb.Entry, error) {
	if h, ok := codec.BatchHeader(value); ok {
		if h.Offset != journal.Offset(at) {
			return nil, fmt.Errorf("batch of offset %d at %d: %w", h.Offset, at, journal.ErrCorrupt)
		}
		return &pb.Entry{Term: new(h.Election), Index: new(at), Type: pb.EntryNormal.Enum(), Data: value}, nil
	}
	e, err := codec.DecodeEntry(key, value)
	if err != nil {
		return nil, err
	}
	if e.Kind > uint64(pb.EntryConfChangeV2) {
		return nil, fmt.Errorf("entry of kind %d: %w", e.Kind, journal.ErrCorrupt)
	}
	return &pb.Entry{Term: new(e.Election), Index: new(at), Type: pb.EntryType(e.Kind).Enum(), Data: e.Data}, nil
}

// add puts entries at the end, in place of those of the same indexes and all after them.
func (l *groupLog) add(entries []*pb.Entry) {
	if len(entries) == 0 {
		return
	}
	if first := entries[0].GetIndex(); first <= l.last {
		keep := 0
		for keep < len(l.entries) && l.entries[keep].GetIndex() < first {
			keep++
		}
		for _, e := range l.entries[keep:] {
			l.bytes -= len(e.GetData())
		}
		clear(l.entries[keep:])
		l.entries = l.entries[:keep]
	}
	for _, e := range entries {
		l.bytes += len(e.GetData())
	}
	l.entries = append(l.entries, entries...)
	end := entries[len(entries)-1]
	l.last, l.lastElection = end.GetIndex(), end.GetTerm()
}

// trim forgets applied entries until no more than keep bytes are in memory.
func (l *groupLog) trim(keep int) {
	n := 0
	for n < len(l.entries) && l.bytes > keep && l.entries[n].GetIndex() <= l.applied {
		l.bytes -= len(l.entries[n].GetData())
		l.entries[n] = nil
		n++
	}
	if l.entries = l.entries[n:]; len(l.entries) == 0 {
		l.entries = nil
	}
}

// inMemory returns the entry at index i if it is in memory.
func (l *groupLog) inMemory(i uint64) *pb.Entry {
	if len(l.entries) == 0 || i < l.entries[0].GetIndex() || i > l.last {
		return nil
	}
	return l.entries[i-l.entries[0].GetIndex()]
}

// InitialState returns what the replica has promised, and its group.
func (l *groupLog) InitialState() (*pb.HardState, *pb.ConfState, error) {
	return &pb.HardState{Term: new(l.state.Election), Vote: new(l.state.Vote), Commit: new(l.state.Commit)}, l.conf, nil
}

// Entries returns entries from lo up to hi, as many as fit most, but one at least.
//
// What cannot be read is said to be compacted, which has a follower get a checkpoint: Raft panics at all other errors.
func (l *groupLog) Entries(lo, hi, most uint64) ([]*pb.Entry, error) {
	if lo <= l.floor {
		return nil, raft.ErrCompacted
	}
	var found []*pb.Entry
	size := uint64(0)
	fits := func(e *pb.Entry) bool {
		size += uint64(len(e.GetData())) + 24
		if len(found) > 0 && size > most {
			return false
		}
		found = append(found, e)
		return true
	}
	for l.inMemory(lo) == nil {
		stored, err := l.stored(lo, hi, most)
		if err != nil {
			l.j.log.Error("log cannot be read", "partition", l.name.String(), "offset", lo, "error", err.Error())
			return nil, raft.ErrCompacted
		}
		for _, e := range stored {
			if !fits(e) {
				return found, nil
			}
		}
		if lo += uint64(len(stored)); lo >= hi {
			return found, nil
		}
	}
	for ; lo < hi; lo++ {
		if !fits(l.inMemory(lo)) {
			break
		}
	}
	return found, nil
}

// stored reads entries from the store: those from lo up to hi that are not in memory, one at least.
func (l *groupLog) stored(lo, hi, most uint64) (found []*pb.Entry, err error) {
	if len(l.entries) > 0 {
		hi = min(hi, l.entries[0].GetIndex())
	}
	size := uint64(0)
	lower, upper := batchKey(l.name, journal.Offset(lo)), batchKey(l.name, journal.Offset(hi))
	err = l.j.store.scan(lower, upper, func(key []byte, value func() ([]byte, error)) (bool, error) {
		at := lo + uint64(len(found))
		if i, ok := keyOffset(key); !ok || uint64(i) != at {
			return false, fmt.Errorf("entry at offset %d is missing: %w", at, journal.ErrCorrupt)
		}
		v, err := value()
		if err != nil {
			return false, err
		}
		e, err := decodeEntry(key, at, append([]byte(nil), v...))
		if err != nil {
			return false, err
		}
		found, size = append(found, e), size+uint64(len(v))
		return size < most, nil
	})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("entry at offset %d is missing: %w", lo, journal.ErrCorrupt)
	}
	return found, err
}

// Term returns the election of the entry at index i.
func (l *groupLog) Term(i uint64) (uint64, error) {
	if e := l.inMemory(i); e != nil {
		return e.GetTerm(), nil
	}
	switch {
	case i == l.last:
		return l.lastElection, nil
	case i == l.base:
		return l.baseElection, nil
	case i < l.floor:
		return 0, raft.ErrCompacted
	case i == l.floor:
		return firstElection, nil
	case i > l.last:
		return 0, raft.ErrUnavailable
	}
	found, err := l.stored(i, i+1, 0)
	if err != nil {
		l.j.log.Error("log cannot be read", "partition", l.name.String(), "offset", i, "error", err.Error())
		return 0, raft.ErrCompacted
	}
	return found[0].GetTerm(), nil
}

// LastIndex returns the index of the last entry.
func (l *groupLog) LastIndex() (uint64, error) { return l.last, nil }

// FirstIndex returns the index of the first entry.
func (l *groupLog) FirstIndex() (uint64, error) { return l.floor + 1, nil }

// Snapshot returns a pointer to what this replica has applied: whoever gets it fetches that.
func (l *groupLog) Snapshot() (*pb.Snapshot, error) {
	election, err := l.Term(l.applied)
	if err != nil {
		return nil, raft.ErrSnapshotTemporarilyUnavailable
	}
	return &pb.Snapshot{Metadata: &pb.SnapshotMetadata{ConfState: l.conf, Index: new(l.applied), Term: new(election)}}, nil
}
