package diskjournal

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"go.etcd.io/raft/v3"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// acquired is the first byte of the entry that a new owner waits for, unless that is the leader's first. No batch begins with it.
const acquired = 0x01

// proposal is an append, or the acquisition of a partition, on its way into the log.
type proposal struct {
	part *partition
	term uint64 // of the owner; 0: an acquisition
	most int    // bytes of the encoded batch, at most
	done chan struct{}
	at   uint64 // its index, valid once done is closed without an error
	err  error  // valid once done is closed

	election uint64
	spans    []codec.Span
	batch    *tailBatch

	mu      sync.Mutex       // guards what follows
	records []journal.Record // the caller's, until it gives up
	begun   bool             // is in the log, as far as the loop knows
	left    bool             // the caller has given up
}

func (p *proposal) finish(err error) {
	p.err = err
	close(p.done)
}

// leave gives up waiting, and reports whether p is not in the log and will not be.
func (p *proposal) leave() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = true
	return !p.begun
}

// isLeft reports whether nobody waits for p.
func (p *proposal) isLeft() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left
}

// propose puts p at the end of the log, if this is the leader and p the newest owner's.
func (g *group) propose(p *proposal) {
	if g.rn != nil && g.rn.HasReady() {
		g.ready() // the end of the log is known then
	}
	if g.rn == nil {
		p.finish(g.part.lost())
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.left:
		p.finish(journal.ErrFenced) // nobody hears it
	case p.term == 0 && !g.leading:
		g.acquiring = append(slices.DeleteFunc(g.acquiring, (*proposal).isLeft), p)
	case p.term != 0 && (!g.leading || p.term != g.owner):
		p.finish(journal.ErrFenced)
	case p.term == 0 && g.firstIsFree():
		g.takeFirst(p)
	case len(g.waiting) > 0 || g.handing != 0:
		g.waiting = append(g.waiting, p)
	default:
		g.put(p)
	}
}

// firstIsFree reports whether the entry with which this leader has begun can be an acquisition: it is on its way, and nobody has acquired the
// partition since. Another entry behind it would be stored only after it, since a new leader waits for each follower's first answer; one that
// is alone writes both at once.
func (g *group) firstIsFree() bool {
	return !g.alone() && g.owner == 0 && g.handing == 0 && g.log.applied < g.first && len(g.proposed) == 0
}

// takeFirst makes p the acquisition whose entry is this leader's first. The caller holds p's mutex.
//
// Where all of the log before that entry is applied, as after a hand-over, the acquisition is done at once: who was elected has all that was
// ever stored in an election before (Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", 5.4.1), and what it
// appends follows the entry: it is stored after it, or not at all. Nobody has an answer of the owner before something is. Otherwise nobody knows yet what of the log is stored.
func (g *group) takeFirst(p *proposal) {
	p.begun, p.at, p.election = true, g.first, g.election
	g.owner = p.at
	g.part.own(p.at)
	if g.log.applied == g.first-1 {
		p.finish(nil)
		return
	}
	g.proposed = append(g.proposed, p)
}

// put is propose for what may be proposed now. The caller holds p's mutex.
func (g *group) put(p *proposal) {
	data, hash := []byte{acquired}, g.hash
	if p.term != 0 {
		if data, hash = g.encode(p); len(data) > journal.MaxBatchBytes {
			p.finish(fmt.Errorf("%d bytes: %w", len(data), journal.ErrTooLarge))
			return
		}
	}
	err := g.rn.Propose(data)
	g.touch()
	if errors.Is(err, raft.ErrProposalDropped) {
		g.waiting = append(g.waiting, p)
		return
	}
	if err != nil {
		p.finish(err)
		return
	}
	g.last++
	g.j.count.proposed.Add(1)
	p.begun, p.at, p.election, g.hash = true, g.last, g.election, hash
	g.proposed = append(g.proposed, p)
	if p.term == 0 {
		g.owner = p.at
		g.part.own(p.at)
	}
}

// encode encodes p as the next batch, in a buffer that the next one uses again: Raft copies it.
func (g *group) encode(p *proposal) ([]byte, codec.Hash) {
	h := codec.Header{Partition: g.part.name, Term: g.owner, Election: g.election, Offset: journal.Offset(g.last + 1), Previous: g.hash}
	if cap(g.j.encoded) < p.most || cap(g.j.encoded) > maxEncoded && p.most <= maxEncoded {
		g.j.encoded = make([]byte, 0, p.most)
	}
	p.batch = &tailBatch{offset: h.Offset, previous: h.Previous, entries: make([]entry, len(p.records))}
	p.spans = make([]codec.Span, len(p.records))
	data, hash := codec.AppendBatch(g.j.encoded[:0], h, p.records, func(i int, s codec.Span) { p.spans[i] = s })
	for i := range p.records {
		p.batch.entries[i] = newEntry(&p.records[i], nil)
	}
	p.batch.hash, p.batch.size = hash, len(data)
	return data, hash
}

// maxEncoded bounds the buffer for encoded batches, unless one is larger.
const maxEncoded = 1 << 20

// retry proposes again what Raft had no room for.
func (g *group) retry() {
	waiting := g.waiting
	g.waiting = nil
	for _, p := range waiting {
		g.propose(p)
	}
}
