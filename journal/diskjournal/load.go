package diskjournal

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// load reads what is stored of a partition: its group, where its log ends, and the part that is not indexed. The group is
// nil when there is none.
func (j *Journal) load(ctx context.Context, part *partition) (*group, error) {
	indexed, err := j.position(keyIndexed, part.name)
	if err != nil {
		return nil, err
	}
	g, known, err := j.loadGroup(part)
	if err != nil {
		return nil, err
	}
	if g == nil {
		return nil, j.nothing(part.name)
	}
	l := loading{g: g, at: indexed}
	// All that is indexed was committed, and all that comes before a change of the group that was stored.
	g.log.applied = max(g.log.base, uint64(indexed.Offset), g.made.Configured)
	g.log.state.Commit = max(g.log.state.Commit, g.log.applied)
	lower, upper := batchKey(part.name, indexed.Offset+1), after(partitionKey(keyBatch, part.name))
	err = j.store.scan(lower, upper, func(key []byte, value func() ([]byte, error)) (bool, error) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		v, err := value()
		if err == nil {
			err = l.take(key, append([]byte(nil), v...))
		}
		if err != nil {
			return false, fmt.Errorf("entry at key %x: %w", key, err)
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	if err := l.check(j, indexed, known); err != nil {
		return nil, err
	}
	part.mu.Lock()
	part.end, part.hash, part.indexed, part.tail = l.at.Offset, l.at.Hash, indexed.Offset, l.tail
	part.mu.Unlock()
	j.grown(l.tail.bytes)
	return g, g.start()
}

// loadGroup reads a partition's group, nil when there is none. It also returns a position that must be in the log.
//
// A journal from before there were groups has stored there who owned the partition last, and how long its log was. Its log becomes
// what comes before the first entry of a group of one. That begins beyond all terms that there were, so that terms go on rising.
func (j *Journal) loadGroup(part *partition) (*group, codec.Position, error) {
	key := partitionKey(keyPartition, part.name)
	v, err := j.store.get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, codec.Position{}, nil
	}
	if err != nil {
		return nil, codec.Position{}, err
	}
	if !codec.IsGroup(v) {
		acquired, err := codec.DecodePosition(key, v)
		if err != nil {
			return nil, acquired, err
		}
		last, _, err := j.store.last(partitionKey(keyBatch, part.name), after(partitionKey(keyBatch, part.name)), false)
		if err != nil {
			return nil, acquired, err
		}
		end, _ := keyOffset(last)
		g := j.makeGroup(part, max(acquired.Term, uint64(end)))
		return g, acquired, nil
	}
	made, err := codec.DecodeGroup(key, v)
	if err != nil {
		return nil, codec.Position{}, fmt.Errorf("key %x: %w", key, err)
	}
	key = partitionKey(keyState, part.name)
	if v, err = j.store.get(key); err != nil {
		return nil, codec.Position{}, fmt.Errorf("key %x: %w: %w", key, journal.ErrCorrupt, err)
	}
	state, err := codec.DecodeState(key, v)
	if err != nil {
		return nil, codec.Position{}, fmt.Errorf("key %x: %w", key, err)
	}
	id, err := j.member(&made, &state)
	if err != nil {
		return nil, codec.Position{}, err
	}
	g := j.newGroup(part, id, made, state)
	g.unmade, g.unsaved = made.Alone, made.Alone
	return g, codec.Position{}, nil
}

// member returns the ID that this node has in a group. That of a node alone is nobody else's, so it becomes what is asked for.
func (j *Journal) member(made *codec.Group, state *codec.State) (uint64, error) {
	switch {
	case made.Alone:
		if id := j.node(); made.Voters[0] != id {
			made.Voters[0], state.Vote = id, 0
		}
		return j.node(), nil
	case len(made.Voters) == 1 && len(made.Outgoing) == 0 && !j.clustered():
		return made.Voters[0], nil
	case !j.clustered():
		return 0, fmt.Errorf("it has replicas on the nodes %v", made.Voters)
	}
	return j.node(), nil
}

// makeGroup returns a new group of one, whose log begins after base.
func (j *Journal) makeGroup(part *partition, base uint64) *group {
	made := codec.Group{Base: base, BaseElection: firstElection, Voters: []uint64{j.node()}, Alone: !j.clustered()}
	g := j.newGroup(part, j.node(), made, codec.State{Election: firstElection, Commit: base})
	g.unsaved, g.unmade = true, true
	return g
}

// nothing returns an error when there is something of a partition whose group is not stored.
func (j *Journal) nothing(p journal.Partition) error {
	for _, kind := range []byte{keyBatch, keyRun, keyIndexed, keyState} {
		prefix := partitionKey(kind, p)
		key, _, err := j.store.last(prefix, after(prefix), false)
		if err != nil {
			return err
		}
		if key != nil {
			return fmt.Errorf("there is a log, and no group of it: %w", journal.ErrCorrupt)
		}
	}
	return nil
}

// loading is where the reading of a log is.
type loading struct {
	g    *group
	at   codec.Position // the last batch that is applied
	tail tail
	term uint64
	last uint64 // index of the last entry that was read
}

// take adds the next entry.
func (l *loading) take(key, value []byte) error {
	i, ok := keyOffset(key)
	index, base := uint64(i), l.g.log.base
	before := max(l.last, uint64(l.at.Offset))
	// Up to base there are gaps where no entries were. That no batch is missing there the hashes tell.
	if !ok || index != before+1 && index > base+1 {
		return fmt.Errorf("after offset %d comes %d: %w", before, index, journal.ErrCorrupt)
	}
	l.last = index
	e, err := decodeEntry(key, index, value)
	if err != nil {
		return err
	}
	if index > base {
		if e.GetTerm() < l.g.log.lastElection {
			return fmt.Errorf("election falls from %d to %d: %w", l.g.log.lastElection, e.GetTerm(), journal.ErrCorrupt)
		}
		l.g.log.add([]*pb.Entry{e})
	}
	if !codec.IsBatch(value) {
		return nil
	}
	b, h, err := decodeTail(value)
	if err != nil {
		return err
	}
	if h.Term < l.term {
		return fmt.Errorf("term falls from %d to %d: %w", l.term, h.Term, journal.ErrCorrupt)
	}
	l.term = h.Term
	if h.Partition != l.g.part.name {
		return fmt.Errorf("belongs to partition %s: %w", h.Partition, journal.ErrCorrupt)
	}
	if index > l.g.log.applied {
		return nil // Raft says when
	}
	if err := follows(l.g.part.name, l.at.Hash, h); err != nil {
		return err
	}
	l.at.Offset, l.at.Hash = h.Offset, b.hash
	l.tail.add(b)
	return nil
}

// check looks whether the log is as long as it must be, and the batches at known positions are there.
func (l *loading) check(j *Journal, known ...codec.Position) error {
	log := &l.g.log
	if uint64(l.at.Offset) > log.last { // indexed up to its last entry
		found, err := log.stored(uint64(l.at.Offset), uint64(l.at.Offset)+1, 0)
		if err != nil {
			return err
		}
		log.last, log.lastElection = uint64(l.at.Offset), found[0].GetTerm()
	}
	if log.last < log.state.Commit {
		return fmt.Errorf("log ends at offset %d and had %d: %w", log.last, log.state.Commit, journal.ErrCorrupt)
	}
	for _, k := range known {
		if err := j.verify(l.g.part.name, k); err != nil {
			return err
		}
	}
	if known[0].Offset == 0 {
		runs := partitionKey(keyRun, l.g.part.name)
		key, _, err := j.store.last(runs, after(runs), false)
		if err != nil {
			return err
		}
		if key != nil {
			return fmt.Errorf("how far the log is indexed is missing: %w", journal.ErrCorrupt)
		}
	}
	log.trim(keepInMemory)
	return nil
}
