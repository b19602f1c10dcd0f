package edge

import (
	"encoding/json"
	"math/rand/v2"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/wire"
)

// ending is why a link ends.
type ending struct {
	code      string // of the terminate frame
	message   string
	close     int // WebSocket close code; 0: the one of code
	reconnect bool
	spread    time.Duration // the client comes back within it
	urgent    bool          // nothing else goes out before
}

// reconnectSpread is how far apart clients come back when there is no reason to wait long.
const reconnectSpread = time.Second

// end sends the link its terminate and close frames, then closes the socket: when the peer has
// closed, or after a bounded time. Only the first end of a link counts.
func (l *link) end(why ending) { l.endAt(place{}, why) }

// endAsTold ends the link as its owner says, at its place. hub.mu is held.
func (l *link) endAsTold(e *wire.Envelope) {
	l.decide(verdict{foreign: e.Has(wire.Foreign), refused: e.Has(wire.Refused), code: e.Code, message: e.Message})
	why := ending{code: e.Code, message: e.Message, reconnect: e.Has(wire.Reconnect), spread: reconnectSpread}
	if e.Has(wire.Refused) || e.Has(wire.Foreign) {
		why.close = wire.CloseRefused
	}
	l.endAt(l.here(), why)
}

func (l *link) endAt(at place, why ending) {
	if why.close == 0 {
		why.close = wire.CloseCode(why.code)
	}
	e := wire.Envelope{Kind: wire.KindTerminate, Code: why.code, Message: why.message}
	after := stayAway
	var o wire.FrameOptions
	if why.reconnect {
		e.Flags |= wire.Reconnect
		after = time.Duration(rand.Int64N(int64(max(why.spread, time.Millisecond))))
		o.After = after
	}
	data := encode(l.transport, nil, &e, "", o)
	l.finish(&final{place: at, data: l.transport.end(data, why.close, why.code, after), code: why.code, urgent: why.urgent})
}

// finish sets the link's last bytes, and the time by which its socket is closed.
func (l *link) finish(f *final) {
	l.mu.Lock()
	if l.final != nil || l.gone {
		l.mu.Unlock()
		return
	}
	l.final = f
	l.makeRoom()
	l.mu.Unlock()
	l.ending.Store(true)
	l.worker.schedule(deadline{when: l.edge.now() + int64(l.edge.timing.Close), link: l, what: deadlineSocket})
	l.worker.touch(l)
}

// slow ends a link that does not take what it is to get.
func (l *link) slow(message string) {
	l.edge.count.slow.Add(1)
	l.end(ending{code: wire.EndSlowConsumer, message: message, reconnect: true, spread: reconnectSpread, urgent: true})
}

// due looks at the link when a deadline has passed, and returns the next one of that kind; 0: none.
func (l *link) due(what deadlineKind, now int64) int64 {
	if l.state.Load() == stateDead {
		return 0
	}
	switch what {
	case deadlineSocket:
		if l.state.Load() == stateOpening {
			return now + int64(l.edge.timing.Close) // there is no socket yet
		}
		if l.socket == nil {
			return 0 // it has just been abandoned
		}
		if s, ok := l.socket.(*pulled); ok && !l.drains() && !l.leaves.Load() {
			if at := s.lingers(now); at > now {
				return at
			}
		}
		l.socket.close()
		return 0
	case deadlineLinger:
		if s, ok := l.socket.(*pulled); ok {
			if at := s.lingers(now); at > now {
				return at
			}
			s.close()
		}
		return 0
	case deadlineToken:
		if l.expired() {
			return 0
		}
		return l.edge.tokenDeadline(l.expires.Load())
	}
	return l.beat(now)
}

// drains reports whether the link ends because the node stops.
func (l *link) drains() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.final != nil && l.final.code == wire.EndDraining
}

// tokenDeadline returns when the worker looks at a token that expires at that time of day, in Unix ms; 0: never,
// which the next one may not. Each ping looks, too, so that a clock that was set forward meanwhile is noticed.
func (e *Edge) tokenDeadline(expires int64) int64 {
	left := int64(24 * time.Hour / time.Millisecond) // then it is looked at again
	if expires > 0 {
		left = min(max(expires-e.clock().UnixMilli(), 0), left)
	}
	return e.now() + left*int64(time.Millisecond) + 1
}

// expireAt notes when the link's token expires.
func (l *link) expireAt(at int64) {
	l.expires.Store(at)
	if at > 0 && !l.expiring.Swap(true) {
		l.worker.schedule(deadline{when: l.edge.tokenDeadline(at), link: l, what: deadlineToken})
	}
}

// extend takes what its connection's fresh token says, which was brought beside the link.
func (l *link) extend(e *wire.Envelope) {
	var claims tutti.Claims
	if err := json.Unmarshal(e.Claims, &claims); err != nil {
		return // the edge that has verified it could read it
	}
	l.issued.Store(issued(claims))
	l.expireAt(expiry(claims))
	if l.tenure != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.tenure.claims = e.Claims
	}
}

// expired ends a link whose token has expired. It reports whether it has.
func (l *link) expired() bool {
	at := l.expires.Load()
	if at == 0 || at > l.edge.clock().UnixMilli() {
		return false
	}
	l.end(ending{code: wire.EndTokenExpired, message: "the token has expired", reconnect: true})
	return true
}

// beat pings the client, unless it has not answered the last two pings or there is another reason
// to end the link. It returns when the next ping is due.
func (l *link) beat(now int64) int64 {
	t := &l.edge.timing
	waiting := l.waiting.Load()
	switch {
	case l.ending.Load():
		return 0
	case l.expired():
		return 0
	case waiting != 0 && now-waiting > int64(t.Welcome):
		l.end(ending{code: wire.EndUnavailable, message: "the entity does not answer", reconnect: true, spread: reconnectSpread})
		return 0
	case l.state.Load() == stateOpening:
		return now + int64(t.Heartbeat)
	case l.unponged.Load() >= 2:
		l.end(ending{code: wire.EndHeartbeat, message: "two pings were not answered", reconnect: true, spread: reconnectSpread})
		return 0
	}
	ping, answered := l.transport.ping(nil)
	if answered {
		l.pinged.Store(now)
		l.unponged.Add(1)
	}
	if len(ping) > 0 {
		l.push(item{data: ping, free: true})
	}
	return now + int64(t.Heartbeat)
}
