package diskjournal

import (
	"bufio"
	"bytes"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// frameOf returns a frame from node 2 with a batch, an election's entry and a snapshot in it.
func frameOf(t testing.TB) []byte {
	t.Helper()
	batch, _ := codec.AppendBatch(nil, codec.Header{Partition: partA, Term: 3, Election: 2, Offset: 6}, []journal.Record{record(1)}, nil)
	m := &pb.Message{
		Type: pb.MsgApp.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(uint64(2)), Index: new(uint64(4)), LogTerm: new(uint64(1)),
		Entries: []*pb.Entry{
			{Type: pb.EntryNormal.Enum(), Term: new(uint64(2)), Index: new(uint64(5))},
			{Type: pb.EntryNormal.Enum(), Term: new(uint64(2)), Index: new(uint64(6)), Data: batch},
		},
	}
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	f := append(appendItem(newFrame(0), itemMessage, partA, len(data)), data...)
	i := bulkItem{kind: bulkSnapshot, entity: appendEntity(nil, room), value: []byte("snapshot")}
	f = i.append(appendItem(f, itemSnapshot, partA, i.size()))
	seal(f)
	return f
}

// FuzzDecodeFrame gives the decoder frames whose checksum is right.
func FuzzDecodeFrame(f *testing.F) {
	f.Add(frameOf(f)[frameHead:])
	f.Fuzz(func(t *testing.T, body []byte) {
		frame := append(newFrame(0), body...)
		seal(frame)
		items, err := decodeFrame(frame, 2)
		if err != nil && items != nil {
			t.Fatal("a frame that is refused has items")
		}
		size := 0
		for _, i := range items {
			size += len(i.data)
			if i.kind == itemMessage && (i.message.GetFrom() != 2 || i.message.GetTerm() == 0) {
				t.Fatalf("took a message of node %d in election %d", i.message.GetFrom(), i.message.GetTerm())
			}
		}
		if size > len(body) {
			t.Fatalf("%d bytes of items in a frame of %d", size, len(body))
		}
	})
}

func FuzzDecodeRequest(f *testing.F) {
	f.Add(appendRequest(nil, bulkRequest{partA, 3, 9}))
	f.Fuzz(func(t *testing.T, data []byte) {
		q, err := decodeRequest(data)
		if err != nil {
			return
		}
		if again, err := decodeRequest(appendRequest(nil, q)); err != nil || again != q {
			t.Fatalf("request does not survive encoding: %v, %v", again, err)
		}
	})
}

func FuzzReadBulkItem(f *testing.F) {
	f.Add(bulkItem{kind: bulkEntry, index: 7, value: []byte("value")}.append(nil))
	f.Add(bulkItem{kind: bulkSnapshot, entity: appendEntity(nil, room), value: []byte("value")}.append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		i, err := readBulkItem(bufio.NewReader(bytes.NewReader(data)))
		if err == nil && len(i.value)+len(i.entity) > len(data) {
			t.Fatal("an item is longer than what it was read from")
		}
	})
}

// TestFrames refuses frames with anything wrong in them as a whole.
func TestFrames(t *testing.T) {
	frame := frameOf(t)
	if items, err := decodeFrame(frame, 2); err != nil || len(items) != 2 {
		t.Fatalf("decodeFrame = %d items, %v; want 2", len(items), err)
	}
	if _, err := decodeFrame(frame, 3); err == nil {
		t.Error("took a message of node 2 from node 3")
	}
	for i := range frame {
		bad := bytes.Clone(frame)
		bad[i] ^= 0x10
		if _, err := decodeFrame(bad, 2); err == nil {
			t.Errorf("took a frame with byte %d changed", i)
		}
		if _, err := decodeFrame(frame[:i], 2); err == nil {
			t.Errorf("took %d bytes of a frame", i)
		}
	}
	for name, change := range map[string]func(m *pb.Message){
		"of an election that is to come": func(m *pb.Message) { m.Entries[1].Term = new(uint64(3)) },
		"of another index":               func(m *pb.Message) { m.Index = new(uint64(5)) },
		"with a changed batch":           func(m *pb.Message) { m.Entries[1].Data[20] ^= 1 },
		"with an unknown entry":          func(m *pb.Message) { m.Entries[0].Data = []byte{9} },
		"with a broken change":           func(m *pb.Message) { m.Entries[0].Type, m.Entries[0].Data = pb.EntryConfChangeV2.Enum(), []byte{0xff} },
		"to the store":                   func(m *pb.Message) { m.Type = pb.MsgStorageAppendResp.Enum() },
		"without an election":            func(m *pb.Message) { m.Term = nil },
	} {
		items, err := decodeFrame(frameOf(t), 2)
		if err != nil {
			t.Fatal(err)
		}
		m := items[0].message
		change(m)
		data, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeMessage(data, partA, 2); err == nil {
			t.Errorf("took a message %s", name)
		}
	}
}
