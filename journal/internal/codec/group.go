package codec

import "encoding/binary"

// Group is what a replica knows of its group apart from the log.
type Group struct {
	// Base is the index that the log was begun after, and BaseElection the election that it counts as.
	Base, BaseElection uint64
	// Configured is the index of the last entry that changed what follows.
	Configured                               uint64
	Voters, Learners, Outgoing, NextLearners []uint64
	AutoLeave                                bool
	// Alone says that the only voter is whoever has the directory.
	Alone bool
}

// AppendGroup appends g, which is stored under key.
func AppendGroup(dst, key []byte, g *Group) []byte {
	start := len(dst)
	dst = append(dst, groupV1)
	dst = binary.AppendUvarint(dst, g.Base)
	dst = binary.AppendUvarint(dst, g.BaseElection)
	dst = binary.AppendUvarint(dst, g.Configured)
	for _, nodes := range [][]uint64{g.Voters, g.Learners, g.Outgoing, g.NextLearners} {
		dst = binary.AppendUvarint(dst, uint64(len(nodes)))
		for _, n := range nodes {
			dst = binary.AppendUvarint(dst, n)
		}
	}
	dst = append(dst, flag(g.AutoLeave)|flag(g.Alone)<<1)
	return appendSum(dst, start, key)
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// IsGroup reports whether value is one of AppendGroup, without verifying it.
func IsGroup(value []byte) bool { return len(value) > 0 && value[0] == groupV1 }

// DecodeGroup verifies and decodes the group stored under key.
func DecodeGroup(key, value []byte) (Group, error) {
	rest, err := checked("group", groupV1, key, value)
	if err != nil {
		return Group{}, err
	}
	r := reader{rest: rest}
	g := Group{Base: r.uvarint(), BaseElection: r.uvarint(), Configured: r.uvarint()}
	for _, nodes := range []*[]uint64{&g.Voters, &g.Learners, &g.Outgoing, &g.NextLearners} {
		for range r.count() {
			*nodes = append(*nodes, r.uvarint())
		}
	}
	flags := r.take(1)
	if r.bad || len(r.rest) > 0 || flags[0] > 3 {
		return Group{}, corrupt("group", "malformed")
	}
	g.AutoLeave, g.Alone = flags[0]&1 != 0, flags[0]&2 != 0
	return g, nil
}

// State is what a replica has promised in elections, and up to where it knows the log to be committed.
type State struct{ Election, Vote, Commit uint64 }

// AppendState appends s, which is stored under key.
func AppendState(dst, key []byte, s State) []byte {
	start := len(dst)
	dst = append(dst, stateV1)
	dst = binary.AppendUvarint(dst, s.Election)
	dst = binary.AppendUvarint(dst, s.Vote)
	dst = binary.AppendUvarint(dst, s.Commit)
	return appendSum(dst, start, key)
}

// DecodeState verifies and decodes the state stored under key.
func DecodeState(key, value []byte) (State, error) {
	rest, err := checked("state", stateV1, key, value)
	if err != nil {
		return State{}, err
	}
	r := reader{rest: rest}
	s := State{Election: r.uvarint(), Vote: r.uvarint(), Commit: r.uvarint()}
	if r.bad || len(r.rest) > 0 {
		return State{}, corrupt("state", "malformed")
	}
	return s, nil
}

// Entry is an entry of the log that is not a batch.
type Entry struct {
	Election uint64
	Kind     uint64
	Data     []byte
}

// AppendEntry appends e, which is stored under key.
func AppendEntry(dst, key []byte, e Entry) []byte {
	start := len(dst)
	dst = append(dst, entryV1)
	dst = binary.AppendUvarint(dst, e.Election)
	dst = binary.AppendUvarint(dst, e.Kind)
	dst = appendBytes(dst, e.Data)
	return appendSum(dst, start, key)
}

// DecodeEntry verifies and decodes the entry stored under key.
func DecodeEntry(key, value []byte) (Entry, error) {
	rest, err := checked("entry", entryV1, key, value)
	if err != nil {
		return Entry{}, err
	}
	r := reader{rest: rest}
	e := Entry{Election: r.uvarint(), Kind: r.uvarint(), Data: r.bytes()}
	if r.bad || len(r.rest) > 0 {
		return Entry{}, corrupt("entry", "malformed")
	}
	return e, nil
}
