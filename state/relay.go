package state

import (
	"time"

	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/wire"
)

// relay passes signals on. Within the budget each goes out at once; beyond it they are gathered, and of each member and name the
// newest goes out when the budget has it.
type relay struct {
	paid  int64 // until then what was passed on counts against the budget, time passed
	at    int64 // when those gathered go on, time passed; 0 when there are none
	by    map[relayed]*gathered
	order []relayed // of by
	bytes int       // of the data in by
}

// relayed names what a signal replaces.
type relayed struct{ member, name string }

// gathered is a signal that waits, and when it came, time passed.
type gathered struct {
	turn.Effect
	at int64
}

// stale is from when on a signal is not worth having any more: it tells of a moment that is over.
const stale = int64(time.Second)

// maxRelayed bounds the bytes of signals that wait at an entity. Beyond it those that wait longest are lost, as a signal may be.
const maxRelayed = 1 << 20

// relayBurst is how far relayed signals may be ahead of the budget before they are gathered, in ns.
const relayBurst = int64(presenceWait)

// relaySignal hands a member's signal on to the others.
func (e *entity) relaySignal(m *member, env *wire.Envelope) {
	r := &e.here.relay
	f := turn.Effect{Kind: turn.EffectBroadcast, Name: env.Name, Data: env.Data, Member: m.id}
	now := e.part.node.passed()
	if r.at == 0 && r.paid-now <= relayBurst {
		e.pass(f, now)
		return
	}
	r.gather(gathered{f, now})
	if r.at == 0 {
		r.at = now + gathering(e.here.watching)
		e.part.remind(e, r.at)
	}
}

// pass hands a signal on and pays for it.
func (e *entity) pass(f turn.Effect, now int64) {
	r := &e.here.relay
	r.paid = max(r.paid, now) + costs(len(f.Name)+len(f.Data), e.here.watching)
	e.broadcast(f, f.Member)
}

func (r *relay) gather(f gathered) {
	key := relayed{f.Member, f.Name}
	if r.by == nil {
		r.by = make(map[relayed]*gathered)
	}
	if old := r.by[key]; old != nil {
		r.bytes += len(f.Data) - len(old.Data)
		*old = f
	} else {
		r.by[key] = &f
		r.order = append(r.order, key)
		r.bytes += len(f.Data) + deliveryBytes
	}
	for r.bytes > maxRelayed {
		r.next()
	}
}

// next takes the signal that has waited longest.
func (r *relay) next() gathered {
	key := r.order[0]
	f := *r.by[key]
	delete(r.by, key)
	r.bytes -= len(f.Data) + deliveryBytes
	if r.order = r.order[1:]; len(r.order) == 0 {
		r.order, r.by = nil, nil
	}
	return f
}

// flushSignals hands on what has been gathered, as much as the budget has until the next time. What is stale by then is lost.
func (e *entity) flushSignals(now int64) {
	r := &e.here.relay
	if r.at == 0 {
		return
	}
	if now < r.at {
		e.part.remind(e, r.at)
		return
	}
	r.at = 0
	until := now + gathering(e.here.watching)
	for len(r.order) > 0 && r.paid < until {
		if f := r.next(); now-f.at <= stale {
			e.pass(f.Effect, now)
		}
	}
	if len(r.order) > 0 {
		r.at = max(until, r.paid-relayBurst)
		e.part.remind(e, r.at)
	}
	e.conclude(nil, nil)
}
