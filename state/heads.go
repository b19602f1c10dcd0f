package state

import (
	"context"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// heads is what a mirror knows of how far the owner's log went, and when. Times are since the node was made.
type heads struct {
	number uint64 // of the last question
	asked  int64  // when it was asked; 0: it is answered
	// The answer that the mirror has not caught up with, and when it was asked for.
	to   journal.Offset
	toAt int64
	// known is the last moment of which the mirror has everything that was stored before it; 0: of none.
	known int64
}

// headPatience is how long the answer to a question for the owner's head is waited for before another is asked.
const headPatience = 250 * time.Millisecond

// headsAtOnce bounds how many questions for its head an owner answers at once; more are lost.
const headsAtOnce = 64

// reached notes that the mirror has followed the log up to that offset.
func (h *heads) reached(at journal.Offset) {
	if h.toAt != 0 && at >= h.to {
		h.known, h.toAt = max(h.known, h.toAt), 0
	}
}

// freshen waits until the mirror has everything that was stored at that moment, and reports whether it has.
func (m *mirror) freshen(ctx context.Context, moment int64) bool {
	for {
		m.mu.Lock()
		fresh, changed := m.heads.known != 0 && m.heads.known >= moment, m.changed
		ask := !fresh && m.heads.toAt == 0 && (m.heads.asked == 0 || m.part.node.passed()-m.heads.asked > int64(headPatience))
		if ask {
			m.heads.number++
			m.heads.asked = m.part.node.passed()
		}
		number := m.heads.number
		m.mu.Unlock()
		if fresh {
			return true
		}
		if ask {
			n, id := m.part.node, m.part.id
			n.send("default", n.address(id), &wire.Envelope{Kind: wire.KindHead, Edge: n.cfg.Name, Number: number})
		}
		select {
		case <-ctx.Done():
			return false
		case <-changed:
		}
	}
}

// learn has the owner say once how far its log goes, so that the mirror can say how old its answers are also when it is first asked
// while there is no owner.
func (m *mirror) learn(ctx context.Context) {
	for known := false; !known && ctx.Err() == nil; {
		one, cancel := context.WithTimeout(ctx, mirrorRetry)
		known = m.freshen(one, 0)
		cancel()
	}
}

// age returns for how long what the mirror has may have been outdated, and false when that is not known.
func (m *mirror) age() (time.Duration, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Duration(m.part.node.passed() - m.heads.known), m.heads.known != 0
}

// headIs takes the answer of the owner.
func (m *mirror) headIs(env *wire.Envelope) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := &m.heads
	if env.Number != h.number || h.asked == 0 {
		return
	}
	h.to, h.toAt, h.asked = journal.Offset(env.Until), h.asked, 0
	h.reached(m.at)
	m.tell()
}

// head answers a mirror: like every effect, when what was decided before is stored and this node still owns the partition.
func (p *partition) head(env *wire.Envelope) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || env.Edge == "" || p.heads >= headsAtOnce {
		return
	}
	p.heads++
	answer := effect{lane: "default", to: bus.Mirror(env.Edge, p.id.Pool, p.id.Number), env: &wire.Envelope{Kind: wire.KindHeadIs, Number: env.Number}}
	p.turns.Go(func() {
		p.commit(&change{effects: []effect{answer}})
		p.mu.Lock()
		defer p.mu.Unlock()
		p.heads--
	})
}
