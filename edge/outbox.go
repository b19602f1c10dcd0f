package edge

import (
	"slices"

	"github.com/tutti-rt/tutti/edge/internal/ring"
	"github.com/tutti-rt/tutti/wire"
)

const (
	// maxPieces is how many pieces one write takes.
	maxPieces = 64
	// maxGather is how many bytes are gathered for one write, and a little more. A blocked link keeps
	// that much of its ring alive.
	maxGather = 64 << 10
	// maxFlush is how many bytes a worker writes to one link before it turns to the next.
	maxFlush = 256 << 10
	// keepItems is the capacity of a list of items that is kept while it is empty.
	keepItems = 4
)

// take moves what came for the link to the lists of whoever holds it.
func (l *link) take() (pong []byte, final *final) {
	l.mu.Lock()
	defer l.mu.Unlock()
	pong, l.pong = l.pong, nil
	inbox := l.inbox
	if cap(inbox) > keepItems {
		l.inbox = nil
	} else {
		l.inbox = inbox[:0]
	}
	for i := range inbox {
		if inbox[i].welcome && len(l.held) > 0 {
			l.forgetWho()
		}
		if inbox[i].ring == nil {
			l.now = append(l.now, inbox[i])
		} else {
			l.held = append(l.held, inbox[i])
		}
		inbox[i] = item{}
	}
	return pong, l.final
}

// forgetWho drops what is held of who is here: it came before a welcome, which goes out first, and the list that follows that one
// knows better. mu is held.
func (l *link) forgetWho() {
	l.held = slices.DeleteFunc(l.held, func(it item) bool {
		if !it.who {
			return false
		}
		l.waitCount--
		l.waitBytes -= it.size()
		l.edge.count.private.Add(-int64(it.size()))
		return true
	})
}

// gather appends what the link is to send next to bufs, counts it as sent, and reports whether
// there may be more. Nothing is left out or sent twice: what is gathered is written, or put into
// out, in this order, before gather is called again.
//
// v is a view of the ring of, or nil; the link takes one of its own when it follows another. A view
// is always taken before the link's inbox: then whatever has a place in it is at hand. When there may
// be more, the next call needs a view that is newer.
func (l *link) gather(bufs [][]byte, of *ring.Ring, v *ring.View) (_ [][]byte, more bool) {
	g := gathering{link: l, bufs: append(bufs, l.out...), room: maxGather}
	l.out = nil
	if l.finished {
		return g.bufs, false
	}
	var own ring.View
	if l.ring != of && l.ring != nil {
		own = l.ring.View()
		v = &own
	}
	of = l.ring
	pong, final := l.take()
	if final == nil || !final.urgent {
		g.add(pong)
		g.immediate()
		switch {
		case l.ring != of:
			more = l.ring != nil // with a view of its own
		case of != nil && g.open():
			g.follow(v)
		}
	}
	if final != nil && !more {
		g.last(final)
	}
	if g.first != 0 {
		l.oldest = ring.Oldest(l.oldest, v.StampAt(g.first))
	}
	if g.frames > 0 {
		l.discount(g.frames, g.bytes)
	}
	return g.bufs, more || g.stale || !g.open()
}

// gathering is one call of gather.
type gathering struct {
	*link
	bufs   [][]byte
	room   int    // bytes left
	frames int    // gathered that count against the link's bounds
	bytes  int    // of those frames
	first  uint64 // position of the ring's first bytes gathered, of those that are new; 0: none
	stale  bool
}

func (g *gathering) open() bool { return g.room > 0 && len(g.bufs) < maxPieces }

func (g *gathering) add(b []byte) {
	if len(b) > 0 {
		g.bufs = append(g.bufs, b)
		g.room -= len(b)
	}
}

func (g *gathering) item(it *item) {
	g.add(it.data)
	for _, b := range it.more {
		g.add(b)
	}
	if !it.free {
		g.frames++
		g.bytes += it.size()
	}
	g.oldest = ring.Oldest(g.oldest, it.sent)
}

// immediate adds what waits for no place.
func (g *gathering) immediate() {
	n := 0
	for n < len(g.now) && g.open() {
		it := g.now[n]
		n++
		if it.ask != 0 && it.ask <= g.void {
			continue // a welcome was faster
		}
		g.item(&it)
		if it.move != nil {
			g.turn(it.move)
		}
	}
	g.now = consume(g.now, n)
}

// consume returns items without the first n.
func consume(items []item, n int) []item {
	if n == 0 {
		return items
	}
	rest := copy(items, items[n:])
	clear(items[rest:])
	if rest == 0 && cap(items) > keepItems {
		return nil
	}
	return items[:rest]
}

// turn makes the link follow a ring, or ask the owner.
func (l *link) turn(m *move) {
	if m.cursor != nil {
		l.rev, l.revKnown, l.revEpoch = m.cursor.Revision, true, m.cursor.Epoch
	}
	switch {
	case m.ask != nil:
		l.askOwner(m.ask)
		return
	case m.fan == nil:
		return
	}
	l.ring, l.group, l.pos, l.replay = m.fan.ring, m.fan.audience, m.pos, m.replay
	l.void = l.asks
	l.waiting.Store(0)
}

// follow adds the ring's bytes from the link's position on, and what is held for its places there.
func (g *gathering) follow(v *ring.View) {
	n := 0
	for g.open() {
		if g.pos < v.Tail {
			g.fellOut()
			break
		}
		stop := v.Head
		if n < len(g.held) {
			if it := &g.held[n]; it.ring != g.ring { // the link has been given another ring
				g.item(it)
				n++
				continue
			}
			stop = min(stop, g.held[n].at)
		}
		if g.pos < stop {
			if !g.entries(v, stop) {
				g.fellOut()
				break
			}
			continue
		}
		if n == len(g.held) {
			break
		}
		if g.held[n].at > g.pos {
			g.stale = true // the view is older than the item
			break
		}
		it := &g.held[n]
		if it.until > v.Head {
			break // the entry to leave out is about to come
		}
		g.pos = max(g.pos, it.until)
		g.item(it)
		n++
	}
	g.held = consume(g.held, n)
	if g.ring != nil && g.pos == v.Head && !g.revKnown {
		g.rev, g.revKnown = v.Last, true
	}
}

// entries adds entries up to stop, and of those before the link came only the durable ones. It
// reports false when they are gone.
func (g *gathering) entries(v *ring.View, stop uint64) bool {
	from, to := g.pos, stop
	if g.pos < g.replay {
		var ok bool
		stop = min(stop, g.replay)
		if from, to, ok = g.ring.NextDurable(g.pos, stop); !ok {
			return false
		}
	} else if g.first == 0 {
		g.first = from
	}
	before := len(g.bufs)
	bufs, pos := v.Append(g.bufs, from, to, maxPieces-len(g.bufs), g.room)
	for _, b := range bufs[before:] {
		g.room -= len(b)
	}
	g.bufs, g.pos, g.revKnown = bufs, pos, false
	return true
}

// last adds the link's last bytes, once everything before their place has been added.
func (g *gathering) last(f *final) {
	if f.urgent || (g.open() && len(g.now) == 0 && (g.ring == nil || g.ring != f.ring || g.pos >= f.at)) {
		g.add(f.data)
		g.finished = true
	}
}

// fellOut is called when the link's position is gone from its ring: it catches up from the journal
// where it knows where it was. A closed ring is of an epoch that is over, and presence is not in
// the journal.
func (l *link) fellOut() {
	if !l.revKnown || l.presence || l.ring.Closed() {
		l.conflate()
		return
	}
	l.edge.count.backlogs.Add(1)
	l.askOwner(&wire.Envelope{Kind: wire.KindBacklog, Audience: l.group, Revision: l.rev, Until: l.ring.Last()})
}

// conflate asks for a fresh welcome instead of what the link has missed.
func (l *link) conflate() {
	l.edge.count.conflations.Add(1)
	l.askOwner(&wire.Envelope{Kind: wire.KindRefresh})
}

// askOwner sends e and lets the link follow nothing until the answer has come.
func (l *link) askOwner(e *wire.Envelope) {
	l.ring = nil
	if e.Kind == wire.KindBacklog {
		l.asks++
		e.Command = l.asks
	}
	l.waiting.Store(max(l.edge.now(), 1))
	if err := l.send(e); err != nil {
		l.end(ending{code: wire.EndUnavailable, message: "the entity is not reachable", reconnect: true})
	}
}
