package diskjournal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// A frame is what one node sends to another at a time: a byte with the version, a checksum of the rest, then items of many groups, each of them
// its kind, the partition, and its bytes with their length before them.
const (
	frameVersion = 1
	frameHead    = 1 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// newFrame returns a frame without items.
func newFrame(size int) []byte { return append(make([]byte, 0, size+256), frameVersion, 0, 0, 0, 0) }

// seal puts the checksum into a frame.
func seal(frame []byte) {
	binary.BigEndian.PutUint32(frame[1:], crc32.Checksum(frame[frameHead:], castagnoli))
}

// The kinds of items.
const (
	itemMessage  = 1 // a message of Raft's
	itemSnapshot = 2 // an entity's snapshot that the owner has saved
	itemRemoved  = 3 // the node has no replica any more, as of an index
	itemNoCopy   = 4 // the checkpoint that was announced could not be fetched
	itemLeaving  = 5 // the node is none of the group's any more, as far as it knows
	itemLost     = 6 // the node refuses to have what it has told its leader to have, up to an index
)

// item is one part of a frame.
type item struct {
	kind      byte
	partition journal.Partition
	data      []byte
	message   *pb.Message // of an itemMessage
}

func appendItem(b []byte, kind byte, p journal.Partition, size int) []byte {
	b = append(b, kind)
	b = append(binary.AppendUvarint(b, uint64(len(p.Pool))), p.Pool...)
	b = binary.AppendUvarint(b, uint64(p.Number))
	return binary.AppendUvarint(b, uint64(size))
}

// decodeFrame returns what a frame from a node has in it, or an error when anything is wrong with any of it. It keeps data.
func decodeFrame(data []byte, from uint64) ([]item, error) {
	if len(data) < frameHead || data[0] != frameVersion {
		return nil, fmt.Errorf("not a frame of version %d", frameVersion)
	}
	if binary.BigEndian.Uint32(data[1:]) != crc32.Checksum(data[frameHead:], castagnoli) {
		return nil, errors.New("checksum does not match")
	}
	var items []item
	r := frameReader{rest: data[frameHead:]}
	for len(r.rest) > 0 {
		i := item{kind: r.take(1)[0]}
		i.partition.Pool = string(r.bytes())
		if n := r.uvarint(); n <= math.MaxInt32 {
			i.partition.Number = int(n)
		} else {
			r.bad = true
		}
		i.data = r.bytes()
		if r.bad || checkPartition(i.partition) != nil {
			return nil, fmt.Errorf("item %d is malformed", len(items))
		}
		if i.kind == itemMessage {
			var err error
			if i.message, err = decodeMessage(i.data, i.partition, from); err != nil {
				return nil, fmt.Errorf("item %d: %w", len(items), err)
			}
		}
		items = append(items, i)
	}
	return items, nil
}

type frameReader struct {
	rest []byte
	bad  bool
}

func (r *frameReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *frameReader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *frameReader) bytes() []byte { return r.take(r.uvarint()) }

// decodeMessage decodes a message of Raft's, and looks whether it is one that a node may send.
func decodeMessage(data []byte, p journal.Partition, from uint64) (*pb.Message, error) {
	m := new(pb.Message)
	if err := proto.Unmarshal(data, m); err != nil {
		return nil, err
	}
	if m.GetFrom() != from || len(m.GetResponses()) > 0 {
		return nil, fmt.Errorf("a message of node %d", m.GetFrom())
	}
	switch m.GetType() {
	case pb.MsgApp, pb.MsgAppResp, pb.MsgVote, pb.MsgVoteResp, pb.MsgPreVote, pb.MsgPreVoteResp,
		pb.MsgHeartbeat, pb.MsgHeartbeatResp, pb.MsgTimeoutNow, pb.MsgSnap:
	default:
		return nil, fmt.Errorf("a message of type %s", m.GetType())
	}
	if m.GetTerm() == 0 {
		return nil, errors.New("a message of no election")
	}
	if (m.GetType() == pb.MsgSnap) != !raft.IsEmptySnap(m.GetSnapshot()) {
		return nil, fmt.Errorf("a message of type %s with the wrong content", m.GetType())
	}
	if len(m.GetEntries()) > 0 && m.GetType() != pb.MsgApp {
		return nil, fmt.Errorf("a message of type %s with entries", m.GetType())
	}
	before := m.GetLogTerm()
	for i, e := range m.GetEntries() {
		if err := checkEntry(e, m.GetIndex()+uint64(i)+1, p); err != nil {
			return nil, err
		}
		if e.GetTerm() < before || e.GetTerm() > m.GetTerm() {
			return nil, fmt.Errorf("election %d after %d", e.GetTerm(), before)
		}
		before = e.GetTerm()
	}
	return m, nil
}

// checkEntry verifies an entry from elsewhere.
func checkEntry(e *pb.Entry, at uint64, p journal.Partition) error {
	if e.GetIndex() != at {
		return fmt.Errorf("entry of offset %d at %d", e.GetIndex(), at)
	}
	data := e.GetData()
	switch e.GetType() {
	case pb.EntryConfChange:
		return proto.Unmarshal(data, new(pb.ConfChange))
	case pb.EntryConfChangeV2:
		return proto.Unmarshal(data, new(pb.ConfChangeV2))
	case pb.EntryNormal:
	default:
		return fmt.Errorf("entry of kind %d", e.GetType())
	}
	if len(data) == 0 || bytes.Equal(data, []byte{acquired}) {
		return nil
	}
	h, err := codec.VerifyBatch(data)
	if err != nil {
		return err
	}
	if h.Offset != journal.Offset(at) || h.Election != e.GetTerm() || h.Partition != p {
		return fmt.Errorf("batch of %s, offset %d and election %d at %d", h.Partition, h.Offset, h.Election, at)
	}
	return nil
}
