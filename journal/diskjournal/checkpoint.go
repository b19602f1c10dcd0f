package diskjournal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// A replica that has nothing gets a checkpoint: Raft's snapshot only says up to where there is a log, and who has it. That is fetched beside
// Raft's messages, verified, indexed as it comes, and becomes the replica's when it is whole: until then a key says that it is
// not, and whoever opens the journal meanwhile finds no replica.

var errNoEntity = errors.New("snapshot of no entity")

// copied is what of a log was fetched.
type copied struct {
	next uint64         // index of the first entry that is missing
	at   codec.Position // the last batch
}

// announced begins to fetch the checkpoint that a leader has announced.
func (g *group) announced(m *pb.Message) {
	if g.fetching {
		return
	}
	if g.log.last > 0 {
		g.hasLog(m)
		return
	}
	at := m.GetSnapshot().GetMetadata()
	c := g.copied
	job := func(ctx context.Context) {
		c, err := g.copy(ctx, journal.NodeID(m.GetFrom()), at.GetIndex(), c)
		_ = g.j.post(func() { g.fetched(m, c, err) })
	}
	select {
	case g.j.jobs <- job:
		g.fetching = true
	default: // many are being fetched
		g.noCopyAt = g.ticks + g.j.config.electionTicks()
	}
}

// hasLog tells a leader that has announced a checkpoint up to where this replica has what is committed: it goes on from there. The
// announcement may have crossed with the word that the one before was fetched; and who has a log never drops it, since the leader may
// have heard of it by now, and would not send again what it knows to be here.
func (g *group) hasLog(m *pb.Message) {
	g.noCopyAt = g.ticks + g.j.config.electionTicks() // it may have heard that already, and waits still
	at := g.log.applied
	election, err := g.log.Term(at)
	if err != nil {
		return
	}
	g.step(&pb.Message{
		Type: pb.MsgApp.Enum(), From: m.From, To: m.To, Term: m.Term, Index: new(at), LogTerm: new(election), Commit: new(at),
	})
}

// fetched goes on with Raft's snapshot once what it announced is here.
func (g *group) fetched(m *pb.Message, c copied, err error) {
	g.fetching = false
	g.copied = c
	if g.rn == nil {
		return
	}
	if err != nil {
		g.j.log.Warn("checkpoint not fetched", "partition", g.part.name.String(), "node", m.GetFrom(), "error", err.Error())
		g.noCopyAt = g.ticks + g.j.config.electionTicks()
		return
	}
	g.guard(func() { g.step(m) })
	g.ready() // what comes next finds the log
	if g.rn != nil && g.log.last == 0 {
		g.noCopyAt = g.ticks + g.j.config.electionTicks() // another one leads now
	}
}

// forgottenTicks is after how many elections' time a replica goes that has got nothing and hears of nobody.
const forgottenTicks = 20

// copyLate tells the leader, after a while, that there is no checkpoint here, so that it announces one again.
func (g *group) copyLate() {
	if g.log.last == 0 && !g.fetching && g.ticks-g.heardAt > forgottenTicks*g.j.config.electionTicks() {
		g.drop() // it was made for a message that came late
		return
	}
	if g.log.last == 0 && !g.fetching && g.noCopyAt == 0 {
		g.noCopyAt = g.ticks + g.j.config.electionTicks()
	}
	if g.noCopyAt == 0 || g.ticks < g.noCopyAt || g.fetching {
		return
	}
	g.noCopyAt = 0
	if g.lead != 0 && g.lead != g.id {
		g.j.item(g.lead, itemNoCopy, g.part.name, 0)
	}
}

// restored makes the checkpoint that was fetched the beginning of the log, and returns the encoded group.
func (g *group) restored(at *pb.SnapshotMetadata) []byte {
	c := g.copied
	if c.next != at.GetIndex()+1 {
		panic(fmt.Sprintf("checkpoint up to %d, and the copy is up to %d", at.GetIndex(), c.next-1))
	}
	g.noCopyAt = 0
	l := &g.log
	l.base, l.baseElection, l.last, l.lastElection = at.GetIndex(), at.GetTerm(), at.GetIndex(), at.GetTerm()
	l.floor = firstBase
	l.entries, l.bytes, l.applied = nil, 0, at.GetIndex()
	g.made.Base, g.made.BaseElection = l.base, l.baseElection
	g.configure(at.GetIndex(), at.GetConfState())
	p := g.part
	p.mu.Lock()
	p.end, p.hash, p.indexed, p.tail = c.at.Offset, c.at.Hash, c.at.Offset, tail{}
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
	return g.encodeMade()
}

// copy fetches the log up to an index from a node, on from c.
func (g *group) copy(ctx context.Context, from journal.NodeID, last uint64, c copied) (copied, error) {
	j, name := g.j, g.part.name
	if c.next > last+1 {
		return c, errors.New("more is here than was announced")
	}
	// From now on there is something here that is not a replica.
	if err := g.part.derive(func() error { return j.store.set(partitionKey(keyCopying, name), nil, pebble.Sync) }); err != nil {
		return c, err
	}
	stream, err := j.config.Cluster.Peers.Fetch(ctx, from, appendRequest(nil, bulkRequest{name, c.next, last}))
	if err != nil {
		return c, err
	}
	defer stream.Close()
	r := &copying{g: g, copied: c, r: bufio.NewReaderSize(stream, 64<<10)}
	err = r.all(ctx, last)
	return r.copied, err
}

// copying takes what ServeBulk writes.
type copying struct {
	g       *group
	r       *bufio.Reader
	copied  copied // is stored
	next    copied // has come
	entries []bulkItem
	batches []*tailBatch
	size    int
}

func (c *copying) all(ctx context.Context, last uint64) error {
	c.next = c.copied
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		i, err := readBulkItem(c.r)
		if err != nil {
			return err
		}
		switch i.kind {
		case bulkEntry:
			err = c.entry(i, last)
		case bulkSnapshot:
			if err = c.save(); err == nil {
				err = c.snapshot(i)
			}
		case bulkEnd:
			if c.next.next != last+1 {
				return fmt.Errorf("the log ends before %d, not at %d", c.next.next, last)
			}
			return c.save()
		}
		if err != nil {
			return err
		}
	}
}

// entry takes the next entry, verified, and stores what has come when it is enough.
func (c *copying) entry(i bulkItem, last uint64) error {
	name := c.g.part.name
	if i.index < c.next.next || i.index > last {
		return fmt.Errorf("entry at offset %d out of order", i.index)
	}
	if codec.IsBatch(i.value) {
		b, h, err := decodeTail(i.value)
		if err == nil {
			err = follows(name, c.next.at.Hash, h)
		}
		if err == nil && uint64(h.Offset) != i.index {
			err = fmt.Errorf("batch of offset %d: %w", h.Offset, journal.ErrCorrupt)
		}
		if err != nil {
			return fmt.Errorf("entry at offset %d: %w", i.index, err)
		}
		c.next.at = codec.Position{Offset: b.offset, Hash: b.hash}
		c.batches = append(c.batches, b)
	} else if _, err := codec.DecodeEntry(batchKey(name, journal.Offset(i.index)), i.value); err != nil {
		return fmt.Errorf("entry at offset %d: %w", i.index, err)
	}
	c.next.next = i.index + 1
	c.entries = append(c.entries, i)
	if c.size += len(i.value); c.size >= maxStep/2 {
		return c.save()
	}
	return nil
}

// save stores what has come, and what is derived from it. It is not synced: what makes it a replica's is.
func (c *copying) save() error { return c.g.part.derive(c.write) }

func (c *copying) write() error {
	j, name := c.g.j, c.g.part.name
	b := j.store.db.NewBatchWithSize(c.size + 64*len(c.entries))
	defer b.Close()
	for _, e := range c.entries {
		if err := b.Set(batchKey(name, journal.Offset(e.index)), e.value, nil); err != nil {
			return err
		}
	}
	if err := j.store.apply(b, pebble.NoSync); err != nil {
		return err
	}
	if len(c.batches) > 0 {
		if err := j.indexStep(c.g.part, c.batches, nil); err != nil {
			return err
		}
	}
	c.copied = c.next
	c.entries, c.batches, c.size = nil, nil, 0
	return nil
}

// snapshot takes an entity's snapshot, unless its records are not here yet.
func (c *copying) snapshot(i bulkItem) error {
	e, ok := parseEntity(i.entity)
	if !ok {
		return errNoEntity
	}
	key := entityKey(keySnapshot, c.g.part.name, e)
	s, err := codec.DecodeSnapshot(key, i.value, e)
	if err != nil {
		return err
	}
	prefix := entityKey(keyRun, c.g.part.name, e)
	run, _, err := c.g.j.store.last(prefix, after(prefix), false)
	if err != nil {
		return err
	}
	if m, ok := runMark(run, prefix); run == nil || !ok || m.Seq < s.Mark.Seq {
		return nil
	}
	return c.g.part.derive(func() error { return c.g.j.store.set(key, bytes.Clone(i.value), pebble.NoSync) })
}

// derive calls f, unless the replica is gone, while nobody removes it.
func (p *partition) derive(f func() error) error {
	p.indexing.Lock()
	defer p.indexing.Unlock()
	if err := p.lost(); err != nil {
		return err
	}
	return f()
}

// removeUnfinished removes the checkpoints that were being fetched when the journal was closed.
func (j *Journal) removeUnfinished() error {
	b := j.store.db.NewBatch()
	defer b.Close()
	err := j.store.scan([]byte{keyCopying}, []byte{keyCopying + 1}, func(key []byte, _ func() ([]byte, error)) (bool, error) {
		p, rest, ok := parsePartition(key)
		if !ok || len(rest) > 0 {
			return false, fmt.Errorf("key %x: %w", key, journal.ErrCorrupt)
		}
		return true, wipe(b, p)
	})
	if err != nil || b.Empty() {
		return err
	}
	return j.store.apply(b, pebble.Sync)
}

// bulkRequest asks for a part of a log.
type bulkRequest struct {
	partition journal.Partition
	from, to  uint64
}

func appendRequest(b []byte, r bulkRequest) []byte {
	b = appendItem(append(b, frameVersion), 0, r.partition, 0)
	return binary.AppendUvarint(binary.AppendUvarint(b, r.from), r.to)
}

func decodeRequest(data []byte) (bulkRequest, error) {
	r := frameReader{rest: data}
	version, kind := r.take(1), r.take(1)
	q := bulkRequest{partition: journal.Partition{Pool: string(r.bytes()), Number: int(min(r.uvarint(), 1<<32))}}
	_ = r.bytes()
	q.from, q.to = r.uvarint(), r.uvarint()
	if r.bad || len(r.rest) > 0 || version[0] != frameVersion || kind[0] != 0 || checkPartition(q.partition) != nil {
		return q, errors.New("request is malformed")
	}
	return q, nil
}

// The kinds of what ServeBulk writes.
const (
	bulkEntry    = 1
	bulkSnapshot = 2
	bulkEnd      = 3
)

// bulkItem is one thing that ServeBulk writes.
type bulkItem struct {
	kind   byte
	index  uint64 // of an entry
	entity []byte // of a snapshot
	value  []byte
}

// size returns how many bytes append adds.
func (i bulkItem) size() int {
	n := 1 + len(i.entity) + len(i.value)
	for _, v := range []uint64{i.index, uint64(len(i.entity)), uint64(len(i.value))} {
		n += len(binary.AppendUvarint(nil, v))
	}
	return n
}

func (i bulkItem) append(b []byte) []byte {
	b = binary.AppendUvarint(append(b, i.kind), i.index)
	b = append(binary.AppendUvarint(b, uint64(len(i.entity))), i.entity...)
	return append(binary.AppendUvarint(b, uint64(len(i.value))), i.value...)
}

// decodeBulkItem decodes what append has made.
func decodeBulkItem(data []byte) (bulkItem, error) {
	r := bytes.NewReader(data)
	i, err := readBulkItem(bufio.NewReader(r))
	return i, err
}

func readBulkItem(r *bufio.Reader) (i bulkItem, err error) {
	if i.kind, err = r.ReadByte(); err != nil {
		return i, err
	}
	if i.kind == 0 || i.kind > bulkEnd {
		return i, fmt.Errorf("item of kind %d", i.kind)
	}
	if i.index, err = binary.ReadUvarint(r); err != nil {
		return i, err
	}
	for _, part := range []struct {
		into *[]byte
		most uint64
	}{{&i.entity, 3 * maxName}, {&i.value, journal.MaxBatchBytes}} {
		n, err := binary.ReadUvarint(r)
		if err != nil {
			return i, err
		}
		if n > part.most {
			return i, fmt.Errorf("item of %d bytes: %w", n, journal.ErrTooLarge)
		}
		var b bytes.Buffer // grows with what comes
		if _, err := io.CopyN(&b, r, int64(n)); err != nil {
			return i, err
		}
		*part.into = b.Bytes()
	}
	return i, nil
}
