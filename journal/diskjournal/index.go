package diskjournal

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// What one run of records holds at most, unless a single record is larger.
const (
	maxRunBytes   = 64 << 10
	maxRunRecords = 256
)

// maxStep bounds how much of a log is indexed in one write to Pebble, unless a batch is larger.
const maxStep = 8 << 20

// grown says that a tail has grown by n bytes, and starts indexing when there is enough to do.
// A call must be under way.
func (j *Journal) grown(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.behind += n
	if j.behind >= j.config.IndexBytes && !j.indexing && j.failure == nil {
		j.indexing = true
		j.work.Go(j.indexBehind)
	}
}

// room waits until the tails have room for another batch.
func (j *Journal) room(done <-chan struct{}) {
	for {
		j.mu.Lock()
		full, shrunk := j.behind >= 8*j.config.IndexBytes, j.shrunk
		j.mu.Unlock()
		if !full {
			return
		}
		select {
		case <-shrunk:
		case <-done:
			return
		case <-j.closing:
			return
		}
	}
}

// indexBehind indexes until there is little left to index. There is one such goroutine at a time.
func (j *Journal) indexBehind() {
	for {
		j.indexAll()
		if err := j.store.witness.sync(); err != nil {
			j.store.died(fmt.Errorf("sync the witness: %w", err))
		}
		j.mu.Lock()
		if j.behind < j.config.IndexBytes || j.failure != nil {
			j.indexing = false
			j.mu.Unlock()
			return
		}
		j.mu.Unlock()
	}
}

// indexAll indexes what the tails hold now. Only one goroutine at a time may do so.
func (j *Journal) indexAll() {
	j.mu.Lock()
	parts := make([]*partition, 0, len(j.partitions))
	for _, p := range j.partitions {
		parts = append(parts, p)
	}
	j.mu.Unlock()
	for _, p := range parts {
		if err := j.index(p); err != nil {
			j.store.died(fmt.Errorf("index %s: %w", p.name, err))
			return
		}
	}
}

// index writes, for the batches in p's tail, what is derived from them. It is not synced: after a crash
// the log is read again from where the index ends.
func (j *Journal) index(p *partition) error {
	p.indexing.Lock()
	defer p.indexing.Unlock()
	p.mu.Lock()
	batches := p.tail.batches
	stale := p.stale
	p.stale = nil
	p.mu.Unlock()
	for len(batches) > 0 || len(stale) > 0 {
		n, size := 0, 0
		for n < len(batches) && (n == 0 || size+batches[n].size <= maxStep) {
			size += batches[n].size
			n++
		}
		if err := j.indexStep(p, batches[:n], stale); err != nil {
			return err
		}
		batches, stale = batches[n:], nil
		p.mu.Lock()
		if n > 0 {
			p.indexed = p.tail.batches[n-1].offset
		}
		dropped := p.tail.drop(n)
		p.mu.Unlock()
		j.shrink(dropped)
	}
	return nil
}

// shrink says that a tail is shorter by n bytes.
func (j *Journal) shrink(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.behind -= n
	close(j.shrunk)
	j.shrunk = make(chan struct{})
}

// indexStep writes the derived data of batches in one go, with the position that they reach, and
// removes the stale wakes.
func (j *Journal) indexStep(p *partition, batches []*tailBatch, stale [][]byte) error {
	w := j.store.db.NewBatch()
	defer w.Close()
	entities := make(map[journal.Entity][]*entry)
	var order []journal.Entity
	for _, b := range batches {
		for i := range b.entries {
			e := &b.entries[i]
			if len(entities[e.entity]) == 0 {
				order = append(order, e.entity)
			}
			entities[e.entity] = append(entities[e.entity], e)
		}
	}
	var x indexer
	for _, e := range order {
		entries := entities[e]
		if err := x.runs(w, p.name, e, entries); err != nil {
			return err
		}
		if wake := entries[len(entries)-1].wake; wake != 0 {
			if err := w.Set(wakeKey(p.name, wake, e), nil, nil); err != nil {
				return err
			}
		}
	}
	for _, key := range stale {
		at, e, ok := parseWake(key)
		if !ok {
			continue
		}
		wake, err := j.indexedWake(p.name, e)
		if errors.Is(err, journal.ErrCorrupt) {
			continue // whoever reads the entity hears of it
		}
		if err != nil {
			return err
		}
		if entries := entities[e]; len(entries) > 0 {
			wake = entries[len(entries)-1].wake
		}
		if wake != at {
			if err := w.Delete(key, nil); err != nil {
				return err
			}
		}
	}
	if n := len(batches); n > 0 {
		key := partitionKey(keyIndexed, p.name)
		at := codec.Position{Offset: batches[n-1].offset, Hash: batches[n-1].hash}
		if err := w.Set(key, codec.AppendPosition(nil, key, at), nil); err != nil {
			return err
		}
	}
	return j.store.apply(w, pebble.NoSync)
}

// indexer holds what is used again from run to run.
type indexer struct {
	key, value []byte
	bodies     [][]byte
}

// runs writes the entries of one entity as one run or several.
func (x *indexer) runs(w *pebble.Batch, p journal.Partition, e journal.Entity, entries []*entry) error {
	prefix := entityKey(keyRun, p, e)
	for len(entries) > 0 {
		x.bodies = x.bodies[:0]
		size := 0
		for _, r := range entries {
			if n := len(x.bodies); n > 0 && (n == maxRunRecords || size+len(r.body) > maxRunBytes) {
				break
			}
			x.bodies, size = append(x.bodies, r.body), size+len(r.body)
		}
		n := len(x.bodies)
		x.key = appendMark(append(x.key[:0], prefix...), entries[n-1].mark)
		x.value = codec.AppendRun(x.value[:0], x.key, entries[0].mark.Seq, x.bodies)
		if err := w.Set(x.key, x.value, nil); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

// indexedWake returns the wake of the entity's last indexed record, 0 when it has none.
func (j *Journal) indexedWake(p journal.Partition, e journal.Entity) (int64, error) {
	prefix := entityKey(keyRun, p, e)
	key, value, err := j.store.last(prefix, after(prefix), true)
	if err != nil || key == nil {
		return 0, err
	}
	records, err := codec.DecodeRun(nil, key, value, e)
	if err != nil {
		return 0, fmt.Errorf("last run of %s: %w", e, err)
	}
	return records[len(records)-1].Wake, nil
}
