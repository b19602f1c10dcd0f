package diskjournal

import (
	"time"

	"github.com/cockroachdb/pebble/v2"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// storing is what one group has to have stored, in the order in which it hands it over.
type storing struct {
	g         *group
	entries   []*pb.Entry
	cut       bool         // all that is stored from the first of entries on goes
	state     *codec.State // nil: as it is
	promise   bool         // the state is one that others are told of, which has to be durable
	made      []byte       // the encoded group, nil: as it is
	copied    bool         // a checkpoint is whole
	drop      bool         // all that is stored of the partition goes
	responses []*pb.Message
	votes     bool // one of those is a vote
}

func (s *storing) bytes() int {
	n := len(s.made) + 128
	for _, e := range s.entries {
		n += len(e.GetData()) + 64
	}
	return n
}

// maxWrite bounds what one write to Pebble gathers, unless a single one is larger.
const maxWrite = 32 << 20

// write stores what groups have handed over, in as few synced writes as fit.
func (j *Journal) write(all []*storing) error {
	for len(all) > 0 {
		n, size := 0, 0
		for n < len(all) && (n == 0 || size+all[n].bytes() <= maxWrite) {
			size += all[n].bytes()
			n++
		}
		if err := j.writeOnce(all[:n], size); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

func (j *Journal) writeOnce(all []*storing, size int) error {
	if wait := j.config.BeforeWrite; wait != nil {
		wait()
	}
	b := j.store.db.NewBatchWithSize(size)
	defer b.Close()
	entries := 0
	for _, s := range all {
		if s.drop {
			defer s.g.part.empty(j)()
		}
		if err := s.add(b); err != nil {
			return err
		}
		entries += len(s.entries)
	}
	if b.Empty() {
		return j.store.err()
	}
	began := time.Now()
	if err := j.store.apply(b, pebble.Sync); err != nil {
		return err
	}
	j.count.wrote(entries, b.Len(), time.Since(began))
	return nil
}

func (s *storing) add(b *pebble.Batch) error {
	name := s.g.part.name
	if s.drop {
		return wipe(b, name)
	}
	if s.cut {
		from := batchKey(name, journal.Offset(s.entries[0].GetIndex()))
		if err := b.DeleteRange(from, after(partitionKey(keyBatch, name)), nil); err != nil {
			return err
		}
	}
	for _, e := range s.entries {
		key := batchKey(name, journal.Offset(e.GetIndex()))
		if err := b.Set(key, encodeEntry(key, e), nil); err != nil {
			return err
		}
	}
	if s.made != nil {
		if err := b.Set(partitionKey(keyPartition, name), s.made, nil); err != nil {
			return err
		}
	}
	if s.copied {
		if err := b.Delete(partitionKey(keyCopying, name), nil); err != nil {
			return err
		}
	}
	if s.state == nil {
		return nil
	}
	key := partitionKey(keyState, name)
	return b.Set(key, codec.AppendState(nil, key, *s.state), nil)
}

// wipe removes all that is stored of a partition.
func wipe(b *pebble.Batch, p journal.Partition) error {
	for _, kind := range []byte{keyPartition, keyState, keyBatch, keyIndexed, keyRun, keySnapshot, keyWake, keyCopying} {
		from := partitionKey(kind, p)
		if err := b.DeleteRange(from, after(from), nil); err != nil {
			return err
		}
	}
	return nil
}

// empty sees to it that nothing of the partition is written any more besides what the committer does, until the function that it returns is called.
func (p *partition) empty(j *Journal) (done func()) {
	p.saving <- struct{}{}
	p.indexing.Lock()
	p.mu.Lock()
	size := p.tail.bytes
	p.tail, p.stale = tail{}, nil
	p.mu.Unlock()
	j.shrink(size)
	return func() {
		p.indexing.Unlock()
		<-p.saving
	}
}
