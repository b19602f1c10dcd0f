package diskjournal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// history is what was asked of one partition and what was answered, whoever owned it.
type history struct {
	net   *network
	log   journal.Log
	last  journal.Mark
	asked int
	acked []string // notes of what was acknowledged, in order
	nodes []journal.NodeID
}

// acquire has whoever leads own the partition, within the time given, and compares its log with what was acknowledged.
func (h *history) acquire(ctx context.Context, within time.Duration) error {
	h.log = nil
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for ctx.Err() == nil {
		for _, m := range h.net.all() {
			j := m.j
			if j == nil {
				continue
			}
			if s, err := j.Status(part); err != nil || s.Leader != m.id {
				continue
			}
			try, stop := context.WithTimeout(ctx, time.Second)
			l, err := j.Acquire(try, part)
			stop()
			if err != nil {
				continue
			}
			return h.owns(ctx, l)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil // nobody leads
}

func (h *history) owns(ctx context.Context, l journal.Log) error {
	notes, err := notesOf(ctx, l)
	if errors.Is(err, journal.ErrNoReplica) {
		return nil
	}
	if err != nil {
		return err
	}
	at := 0
	for _, n := range notes {
		if at < len(h.acked) && n == h.acked[at] {
			at++
		}
	}
	if at < len(h.acked) {
		return fmt.Errorf("%s was acknowledged and is not in the log of the next owner: %s", h.acked[at], notes)
	}
	if h.last, err = l.Last(ctx, entityOf(0)); err != nil {
		return err
	}
	h.log = l
	return nil
}

func notesOf(ctx context.Context, r journal.Reader) ([]string, error) {
	var notes []string
	for b, err := range r.Read(ctx, 0) {
		if err != nil {
			return nil, err
		}
		notes = append(notes, fmt.Sprintf("%d/%d/%s", b.Offset, b.Term, b.Records[0].Notes))
	}
	return notes, nil
}

func (h *history) append(ctx context.Context) error {
	if h.log == nil {
		return h.acquire(ctx, 300*time.Millisecond)
	}
	h.asked++
	r := journal.Record{Entity: entityOf(0), Seq: h.last.Seq + 1, Notes: fmt.Appendf(nil, "n%d", h.asked)}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	at, err := h.log.Append(ctx, journal.Batch{Records: []journal.Record{r}})
	if err == nil {
		h.last = r.Mark()
		term := uint64(0)
		for b := range h.log.Read(ctx, at-1) {
			term = b.Term
			break
		}
		h.acked = append(h.acked, fmt.Sprintf("%d/%d/%s", at, term, r.Notes))
		return nil
	}
	h.log = nil
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("append never ends: %w", err)
	}
	return nil
}

// agree compares the logs of all replicas: each is the beginning of the longest.
func (h *history) agree(ctx context.Context) error {
	var longest []string
	for _, m := range h.net.all() {
		if m.j == nil {
			continue
		}
		r, err := m.j.Replica(ctx, part)
		if errors.Is(err, journal.ErrNoReplica) {
			continue
		}
		if err != nil {
			return err
		}
		notes, err := notesOf(ctx, r)
		if errors.Is(err, journal.ErrNoReplica) {
			continue
		}
		if err != nil {
			return fmt.Errorf("node %d: %w", m.id, err)
		}
		n := min(len(notes), len(longest))
		if !slices.Equal(notes[:n], longest[:n]) {
			return fmt.Errorf("node %d has %s, another one %s", m.id, notes, longest)
		}
		if len(notes) > len(longest) {
			longest = notes
		}
	}
	return nil
}

// do does one thing.
func (h *history) do(ctx context.Context, what byte) error {
	id := h.nodes[int(what)%len(h.nodes)]
	m := h.net.node(id)
	switch (int(what) / len(h.nodes)) % 12 {
	default:
		return h.append(ctx)
	case 4:
		h.net.isolate(id, true)
	case 5, 6:
		for _, o := range h.nodes {
			h.net.isolate(o, false)
		}
	case 7:
		m.close(what&1 == 0)
		h.log = nil
	case 8:
		for _, o := range h.net.all() {
			if o.j == nil {
				o.open()
			}
		}
	case 9:
		time.Sleep(time.Duration(what) * 2 * time.Millisecond)
	case 10:
		h.net.mu.Lock()
		h.net.loss, h.net.delay = float64(what%4)/20, time.Duration(1+what%16)*time.Millisecond
		h.net.mu.Unlock()
	case 11:
		if m.j == nil || h.log == nil {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		for _, o := range h.net.all() {
			if o.j != nil && o != m {
				_ = o.j.HandOver(ctx, part, id)
			}
		}
	}
	return nil
}

// heal joins all nodes, and looks whether they end up with the same log.
func (h *history) heal(ctx context.Context) error {
	h.net.mu.Lock()
	h.net.loss, h.net.delay = 0, 0
	clear(h.net.cut)
	h.net.mu.Unlock()
	for _, m := range h.net.all() {
		if m.j == nil {
			m.open()
		}
	}
	h.log = nil
	for h.log == nil {
		if err := h.acquire(ctx, 20*time.Second); err != nil {
			return err
		}
		if h.log == nil {
			return errors.New("nobody leads though all nodes are joined")
		}
	}
	if err := h.append(ctx); err != nil {
		return err
	}
	if h.log == nil {
		return errors.New("cannot append though all nodes are joined")
	}
	time.Sleep(2 * time.Second)
	if err := h.agree(ctx); err != nil {
		return err
	}
	for _, m := range h.net.all() {
		r, err := m.j.Replica(ctx, part)
		if err != nil {
			return err
		}
		if r.End() != h.log.End() {
			return fmt.Errorf("node %d has the log up to %d of %d", m.id, r.End(), h.log.End())
		}
	}
	return nil
}

// TestNothingAcknowledgedIsLost has nodes fail, stop and lose each other at random while a partition is written: what was acknowledged is in the
// log of every later owner, at the same offset, and the logs of all replicas are the beginnings of one.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		plan := rapid.SliceOfN(rapid.Byte(), 10, 80).Draw(r, "plan")
		var failed error
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t, 3, 30*time.Millisecond, diskjournal.Config{MemTableBytes: 256 << 10, IndexBytes: 2 << 10})
			defer n.close()
			n.create(part, 1, 2, 3)
			h := &history{net: n, nodes: []journal.NodeID{1, 2, 3}}
			for _, what := range plan {
				if failed = errors.Join(h.do(t.Context(), what), h.agree(t.Context())); failed != nil {
					return
				}
			}
			failed = h.heal(t.Context())
		})
		if failed != nil {
			r.Fatal(failed)
		}
	})
}

// TestReplicasMove has partitions change their nodes at random while they are written, and nodes fail meanwhile.
func TestReplicasMove(t *testing.T) {
	fewer(t, 25)
	rapid.Check(t, func(r *rapid.T) {
		plan := rapid.SliceOfN(rapid.Byte(), 5, 30).Draw(r, "plan")
		var failed error
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t, 5, 30*time.Millisecond, diskjournal.Config{MemTableBytes: 256 << 10, IndexBytes: 2 << 10})
			defer n.close()
			n.create(part, 1)
			h := &history{net: n, nodes: []journal.NodeID{1, 2, 3, 4, 5}}
			voters := []journal.NodeID{1}
			for _, what := range plan {
				if h.log == nil {
					failed = h.acquire(t.Context(), 20*time.Second)
				}
				for range what % 8 {
					failed = errors.Join(failed, h.append(t.Context()))
				}
				target := pick(what)
				for tries := 0; !bytes.Equal(ids(target), ids(voters)); tries++ {
					if tries == 50 {
						failed = errors.Join(failed, fmt.Errorf("the voters never become %v", target))
						break
					}
					for _, m := range n.all() {
						ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
						if m.j.Reconfigure(ctx, part, target) == nil {
							voters = target
						}
						cancel()
					}
					if what&0x80 != 0 && tries == 0 {
						m := n.node(target[0])
						m.close(true)
						m.open()
						h.log = nil
					}
				}
				if failed = errors.Join(failed, h.agree(t.Context())); failed != nil {
					return
				}
			}
			h.log = nil
			if failed = h.acquire(t.Context(), 20*time.Second); failed == nil && h.log == nil {
				failed = errors.New("nobody leads")
			}
			time.Sleep(10 * time.Second)
			for _, m := range n.all() {
				if _, err := m.j.Status(part); slices.Contains(voters, m.id) != (err == nil) {
					failed = errors.Join(failed, fmt.Errorf("node %d: %v, the voters are %v", m.id, err, voters))
				}
			}
		})
		if failed != nil {
			r.Fatal(failed)
		}
	})
}

// pick returns one or three of five nodes.
func pick(what byte) []journal.NodeID {
	at := func(i int) journal.NodeID { return journal.NodeID((int(what)+i)%5 + 1) }
	all := []journal.NodeID{at(0)}
	if what&0x20 != 0 {
		all = append(all, at(1), at(3))
	}
	slices.Sort(all)
	return all
}

func ids(nodes []journal.NodeID) []byte {
	var b []byte
	for _, n := range nodes {
		b = append(b, byte(n))
	}
	return b
}
