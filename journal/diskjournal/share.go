package diskjournal

import (
	"bytes"
	"context"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// The snapshots that an owner saves are sent to the other replicas, so that whoever owns the partition next need not fold
// whole histories. They are no part of the log: what does not get through is made anew.
const (
	maxSharing  = 1 << 20          // bytes that are sent to a node in one tick; more are dropped
	maxArriving = 4 << 20          // bytes that have come and wait for their records; more are dropped
	shareWait   = 10 * time.Second // how long a snapshot may wait for its records
)

// share sends an encoded snapshot to the other replicas.
func (l *Log) share(e journal.Entity, value []byte) {
	if !l.j.clustered() || len(value) > maxShared {
		return
	}
	l.j.call(func() {
		if g := l.part.group; g != nil && g.leading {
			g.share(appendEntity(nil, e), value)
		}
	})
}

func (g *group) share(entity, value []byte) {
	for _, id := range members(g.log.conf) {
		if id == g.id || g.j.shared[id]+len(value) > maxSharing {
			continue
		}
		g.j.shared[id] += len(value)
		i := bulkItem{kind: bulkSnapshot, entity: entity, value: value}
		o := g.j.item(id, itemSnapshot, g.part.name, i.size())
		o.data = i.append(o.data)
	}
}

// arrived is a snapshot from an owner elsewhere.
type arrived struct {
	part  *partition
	value []byte // an encoded bulkItem
}

// takeSnapshot has a snapshot saved beside the loop.
func (j *Journal) takeSnapshot(part *partition, value []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.arriving+len(value) > maxArriving || j.closed {
		return
	}
	j.arriving += len(value)
	j.arrived = append(j.arrived, arrived{part, value})
	if !j.saving {
		select {
		case j.jobs <- j.saveAll:
			j.saving = true
		default: // with the next one
		}
	}
}

// saveAll saves what has arrived, until there is nothing more.
func (j *Journal) saveAll(ctx context.Context) {
	for {
		j.mu.Lock()
		if len(j.arrived) == 0 || j.why() != nil {
			j.arrived, j.arriving, j.saving = nil, 0, false
			j.mu.Unlock()
			return
		}
		a := j.arrived[0]
		j.arrived = j.arrived[1:]
		j.arriving -= len(a.value)
		j.mu.Unlock()
		if err := j.saveArrived(ctx, a); err != nil {
			j.log.Debug("snapshot not taken", "partition", a.part.name.String(), "error", err.Error())
		}
	}
}

func (j *Journal) saveArrived(ctx context.Context, a arrived) error {
	ctx, cancel := context.WithTimeout(ctx, shareWait)
	defer cancel()
	i, err := decodeBulkItem(a.value)
	if err != nil {
		return err
	}
	e, ok := parseEntity(i.entity)
	if !ok {
		return errNoEntity
	}
	key := entityKey(keySnapshot, a.part.name, e)
	s, err := codec.DecodeSnapshot(key, i.value, e)
	if err != nil {
		return err
	}
	r := &Replica{j: j, part: a.part}
	for {
		end := r.End()
		last, err := r.last(ctx, e)
		if err != nil {
			return err
		}
		if last.Seq >= s.Mark.Seq {
			break
		}
		if err := r.Wait(ctx, end); err != nil {
			return err
		}
	}
	if err := j.occupy(ctx, a.part.saving); err != nil {
		return err
	}
	defer func() { <-a.part.saving }()
	return a.part.derive(func() error {
		old, err := j.store.get(key)
		if m, ok := codec.SnapshotMark(old); err == nil && ok && m.Seq >= s.Mark.Seq {
			return nil
		}
		b := j.store.db.NewBatch()
		defer b.Close()
		if err := b.Set(key, bytes.Clone(i.value), nil); err != nil {
			return err
		}
		if j.hasPieces(key) {
			if err := b.DeleteRange(append(bytes.Clone(key), 0), after(key), nil); err != nil {
				return err
			}
		}
		return j.store.apply(b, pebble.NoSync)
	})
}
