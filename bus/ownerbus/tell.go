package ownerbus

import (
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

const (
	// maxNodes bounds of how many nodes is known what they own.
	maxNodes = 1 << 12
	// maxNodeBytes bounds the name of a node.
	maxNodeBytes = 64
	// maxTerm bounds terms: no partition has had as many elections. Since none after it would count, one that is no
	// term must not be taken for one.
	maxTerm = 1 << 40
)

// repeatNews is how often what has changed is told again, every answerEvery, since the bus may lose it.
const repeatNews = 2

// heard is what another node has told last.
type heard struct {
	epoch  string
	number uint64
	at     time.Time
	owns   map[*route]bool
}

// ask has all nodes tell what they own.
func (b *Bus) ask() {
	err := b.cfg.Bus.Broadcast(b.cfg.Lane, everybody, &wire.Envelope{Kind: wire.KindWhoOwns, From: b.cfg.Node})
	if err != nil {
		b.cfg.Logger.Debug("owners not asked for", "err", err) // they tell by themselves
	}
}

// announce tells all nodes what this one owns, if it is time to. Run's goroutine alone calls it, so that what is told later
// arrives later.
func (b *Bus) announce(now time.Time) {
	e := b.announcement(now)
	if e == nil {
		return
	}
	b.count.told.Add(1)
	if err := b.cfg.Bus.Broadcast(b.cfg.Lane, everybody, e); err != nil {
		b.cfg.Logger.Debug("owners not told", "err", err)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.tell = true
	}
}

func (b *Bus) announcement(now time.Time) *wire.Envelope {
	b.mu.Lock()
	defer b.mu.Unlock()
	since := now.Sub(b.toldAt)
	if !b.tell && since < b.cfg.TellEvery && (!b.asked && b.repeat == 0 || since < answerEvery) {
		return nil
	}
	if b.tell {
		b.repeat = repeatNews
	} else if b.repeat > 0 {
		b.repeat--
	}
	b.told++
	b.tell, b.asked, b.toldAt = false, false, now
	e := &wire.Envelope{Kind: wire.KindOwners, From: b.cfg.Node, Epoch: b.epoch, Number: b.told}
	for r := range b.mine {
		if r.newest == r.claimed && r.here {
			e.Data = wire.AppendOwned(e.Data, wire.Owned{Pool: r.pool, Partition: r.partition, Term: r.claimed.term, Began: r.claimed.began})
		}
	}
	return e
}

// hear takes what another node tells.
func (b *Bus) hear(e *wire.Envelope) {
	if e.From == b.cfg.Node {
		if e.Kind == wire.KindOwners && e.Epoch != b.epoch {
			b.cfg.Logger.Error("another node has the name of this one", "node", e.From)
		}
		return
	}
	ok := e.From != "" && len(e.From) <= maxNodeBytes
	switch {
	case ok && e.Kind == wire.KindWhoOwns:
		b.mu.Lock()
		b.asked = true
		b.mu.Unlock()
		b.wake()
	case ok && e.Kind == wire.KindMissed && b.cfg.Knows(e.From):
		ok = b.missed(e)
	case ok && e.Kind == wire.KindOwners && b.cfg.Knows(e.From):
		b.count.heard.Add(1)
		ok = b.learn(e)
	case ok && e.Kind == wire.KindOwners && len(e.Data) == 0: // a node that may own nothing, as one with the edge role alone, owns nothing
	default:
		ok = false
	}
	if !ok {
		b.count.garbage.Add(1)
	}
}

// learn takes all that a node owns. It returns false, and nothing has changed, when that is malformed.
func (b *Bus) learn(e *wire.Envelope) bool {
	var all []wire.Owned
	for o, err := range wire.DecodeOwned(e.Data) {
		if err != nil || len(all) >= maxRoutes || o.Term > maxTerm {
			return false
		}
		all = append(all, o)
	}
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.heard[e.From]
	if h == nil {
		if len(b.heard) >= maxNodes {
			return false
		}
		h = &heard{epoch: e.Epoch}
		b.heard[e.From] = h
	}
	if h.epoch == e.Epoch && e.Number <= h.number {
		return true // it has been overtaken
	}
	before := h.owns
	h.epoch, h.number, h.at, h.owns = e.Epoch, e.Number, now, make(map[*route]bool, len(all))
	for _, o := range all {
		r := b.makeRoute(bus.Owner(o.Pool, o.Partition))
		if r == nil {
			continue
		}
		h.owns[r] = true
		if r.learn(claim{o.Term, o.Began, e.From}, now) {
			b.count.moves.Add(1)
			b.await(r)
		}
	}
	for r := range before {
		if !h.owns[r] && r.newest.node == e.From {
			r.lose(now, true)
		}
	}
	return true
}

// Gone says that a node is not there any more: it owns nothing until it says so again.
func (b *Bus) Gone(node string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone(node, time.Now())
	b.wake() // what waits may wait in vain
}

func (b *Bus) gone(node string, now time.Time) {
	h := b.heard[node]
	if h == nil {
		return
	}
	for r := range h.owns {
		if r.newest.node == node {
			r.lose(now, false)
		}
	}
	h.owns = nil
}

// Heard reports whether another node has told what it owns, within the time for which one may be silent.
func (b *Bus) Heard(node string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.heard[node]
	return h != nil && time.Since(h.at) <= silentFor*b.cfg.TellEvery
}

// silence gives up nodes that have not been heard of for long.
func (b *Bus) silence(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for node, h := range b.heard {
		if now.Sub(h.at) > silentFor*b.cfg.TellEvery {
			b.gone(node, now)
			delete(b.heard, node)
		}
	}
}
