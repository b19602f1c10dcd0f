package diskjournal

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/tutti-rt/tutti/internal/pace"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// maxShared bounds the snapshots of entities that go to other nodes. Larger ones are made anew by whoever needs them.
const maxShared = 1 << 20

// ServeBulk writes what the journal of another node has asked for with Peers.Fetch. It does not hold up appends, and
// keeps to the bytes that may be sent in a second.
func (j *Journal) ServeBulk(ctx context.Context, w io.Writer, request []byte) error {
	q, err := decodeRequest(request)
	if err == nil {
		err = j.serve(ctx, w, q)
	}
	if err != nil {
		return fmt.Errorf("serve a checkpoint of %s: %w", q.partition, err)
	}
	return nil
}

func (j *Journal) serve(ctx context.Context, w io.Writer, q bulkRequest) error {
	if !j.clustered() {
		return errNoCluster
	}
	if err := j.ready(ctx); err != nil {
		return err
	}
	part := j.known(q.partition)
	there := false
	err := j.ask(ctx, func() {
		there = part != nil && part.group != nil && part.group.rn != nil && part.group.log.applied >= q.to
	})
	if err != nil {
		return err
	}
	if !there {
		return journal.ErrNoReplica
	}
	s := &serving{j: j, part: part, w: bufio.NewWriterSize(paced{ctx, j.bulk, w}, pacedBytes)}
	if err := s.entries(ctx, q.from, q.to); err != nil {
		return err
	}
	if err := s.snapshots(ctx); err != nil {
		return err
	}
	if _, err := s.w.Write(bulkItem{kind: bulkEnd}.append(nil)); err != nil {
		return err
	}
	return s.w.Flush()
}

// serving is a checkpoint that is being written.
type serving struct {
	j    *Journal
	part *partition
	w    *bufio.Writer
}

// SetBulkBytes says how many bytes of checkpoints are sent to all nodes in a second, from now on. A journal without a Cluster sends none.
func (j *Journal) SetBulkBytes(perSecond int) {
	if j.clustered() && perSecond > 0 {
		j.bulk.Set(perSecond)
	}
}

// pacedBytes is how much is sent at a time, so that another rate counts soon.
const pacedBytes = 64 << 10

// paced writes no faster than allowed, beside others that share the pacer.
type paced struct {
	ctx  context.Context // of the call that it is for
	pace *pace.Pacer
	w    io.Writer
}

// Write implements io.Writer.
func (p paced) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		some := b[:min(len(b), pacedBytes)]
		if err := p.pace.Wait(p.ctx, len(some)); err != nil {
			return n, err
		}
		m, err := p.w.Write(some)
		if n += m; err != nil {
			return n, err
		}
		b = b[len(some):]
	}
	return n, nil
}

// page calls f with keys from lower up to upper, as many as are a page, and returns the key to go on from, nil at the end.
func (s *serving) page(ctx context.Context, lower, upper []byte, f func(key, value []byte)) (next []byte, err error) {
	r := Replica{j: s.j, part: s.part}
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	defer s.j.end()
	size, keys := 0, 0
	err = s.j.store.scan(lower, upper, func(key []byte, value func() ([]byte, error)) (bool, error) {
		v, err := value()
		if err != nil {
			return false, err
		}
		f(append([]byte(nil), key...), append([]byte(nil), v...))
		keys++
		if size += len(v); size < pageBytes && keys < pageKeys {
			return true, nil
		}
		next = append(append([]byte(nil), key...), 0)
		return false, nil
	})
	return next, err
}

// write writes items.
func (s *serving) write(items []bulkItem) error {
	for _, i := range items {
		if _, err := s.w.Write(i.append(nil)); err != nil {
			return err
		}
	}
	return nil
}

func (s *serving) entries(ctx context.Context, from, to uint64) error {
	next, upper := batchKey(s.part.name, journal.Offset(from)), batchKey(s.part.name, journal.Offset(to+1))
	for next != nil {
		var items []bulkItem
		var err error
		next, err = s.page(ctx, next, upper, func(key, value []byte) {
			at, _ := keyOffset(key)
			items = append(items, bulkItem{kind: bulkEntry, index: uint64(at), value: value})
		})
		if err != nil {
			return err
		}
		if err := s.write(items); err != nil {
			return err
		}
	}
	return nil
}

func (s *serving) snapshots(ctx context.Context) error {
	prefix := partitionKey(keySnapshot, s.part.name)
	next, upper := prefix, after(prefix)
	for next != nil {
		var items []bulkItem
		var err error
		next, err = s.page(ctx, next, upper, func(key, value []byte) {
			entity := key[len(prefix):]
			if _, ok := parseEntity(entity); ok && !codec.InPieces(value) && len(value) <= maxShared {
				items = append(items, bulkItem{kind: bulkSnapshot, entity: entity, value: value})
			}
		})
		if err != nil {
			return err
		}
		if err := s.write(items); err != nil {
			return err
		}
	}
	return nil
}
