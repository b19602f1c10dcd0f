package edge

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// mirrorWait is how long a mirror's answer is waited for, before the owner is asked.
const mirrorWait = 500 * time.Millisecond

// freshness is how old what answers a question may be. The zero value is linearizable.
type freshness struct {
	consistency string // "" or of wire
	maxAge      uint64 // of what is eventual, ms; 0: any
	revision    uint64 // of what is for a session: seen already
}

// weak reports whether a mirror may answer.
func (f *freshness) weak() bool {
	return f.consistency == wire.Session || f.consistency == wire.Eventual
}

// mark has an envelope say it.
func (f *freshness) mark(env *wire.Envelope) {
	if f.consistency == wire.Eventual {
		env.Flags |= wire.Stale
		env.Until = f.maxAge
		return
	}
	env.Revision = f.revision
}

// parseFreshness reads what a URL says of it.
func parseFreshness(values url.Values) (f freshness, ok bool) {
	switch f.consistency = values.Get("consistency"); f.consistency {
	case "", wire.Linearizable, wire.Session, wire.Eventual:
	default:
		return f, false
	}
	if values.Has("max_age_ms") {
		age, err := strconv.ParseUint(values.Get("max_age_ms"), 10, 64)
		if err != nil || age > wire.MaxInteger {
			return f, false
		}
		f.maxAge = age
	}
	return f, true
}

// askMirror asks the node's own mirror of the entity. It returns false where there is none, or when it cannot be had that way: then
// the owner is to be asked. Nothing that is asked of a mirror changes anything.
func (e *Edge) askMirror(done <-chan struct{}, c Category, id string, env *wire.Envelope) (*wire.Envelope, bool) {
	at, ok := e.mirrorOf(c, id)
	if !ok {
		return nil, false
	}
	number, answers := e.asks.begin()
	defer e.asks.end(number)
	env.Category, env.ID, env.Edge, env.Command = c.Name, id, e.name, number
	env.Sent = e.clock().UnixMicro()
	if e.bus.Send(c.Lane, at, env) != nil {
		return nil, false
	}
	limit := time.NewTimer(mirrorWait)
	defer limit.Stop()
	select {
	case got := <-answers:
		return got, got.Code != wire.CodeUnavailable
	case <-limit.C:
	case <-done:
	}
	return nil, false
}

func (e *Edge) mirrorOf(c Category, id string) (bus.Address, bool) {
	if e.mirror == nil {
		return "", false
	}
	return e.mirror(c.Pool, wire.Partition(c.Name, id, e.partitions))
}

// toMirror has the node's own mirror answer a query that may be answered so, and reports whether it is going to. If it does not,
// the query goes to the owner after all.
func (in *inbound) toMirror(f *wire.ClientFrame, query *wire.Envelope) bool {
	fresh := freshness{consistency: f.Consistency, maxAge: f.MaxAge, revision: in.hub.seen.Load()}
	c := Category{Name: in.hub.category, Pool: in.hub.pool, Lane: in.hub.lane}
	if _, ok := in.edge.mirrorOf(c, in.hub.id); !ok || !fresh.weak() || in.tenure == nil {
		return false
	}
	data, err := wire.CompactJSON(make([]byte, 0, len(f.Data)), f.Data)
	if err != nil {
		return false // and is found once more
	}
	in.mu.Lock()
	claims := in.tenure.claims
	in.mu.Unlock()
	env := &wire.Envelope{Kind: wire.KindQuery, Conn: in.conn, Claims: claims, Name: f.Name, Data: data}
	fresh.mark(env)
	query.Data = data
	l := in.link
	now := time.Now()
	in.leaves(now)
	l.edge.open.Add(1) // while the link counts
	go func() {        // for mirrorWait at most; there are as many as a link may have questions without an answer
		defer l.edge.open.Done()
		answer, ok := l.edge.askMirror(nil, c, l.hub.id, env)
		if ok {
			one := *answer
			l.hub.mu.Lock()
			defer l.hub.mu.Unlock()
			one.Link, one.Command = l.number, query.Command // which the link has got anew, perhaps
			l.hub.deliver(&one)
			return
		}
		if l.sendAt(time.Now(), query) != nil {
			l.answered(query.Command)
			l.reject(query.Command, wire.CodeUnavailable, "the entity is not reachable")
		}
	}()
	return true
}

// sayAge says in whole seconds for how long the entity may have been another than what is answered.
func sayAge(h http.Header, got *wire.Envelope) {
	if got.Has(wire.Mirrored) {
		h.Set("Age", strconv.FormatInt((got.Spent+999_999)/1_000_000, 10))
	}
}
