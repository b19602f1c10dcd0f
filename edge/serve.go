package edge

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// exchange is one HTTP request and its answer.
type exchange struct {
	edge *Edge
	w    http.ResponseWriter
	r    *http.Request
	*request
	arrived time.Time // when the whole body was there
}

// ServeHTTP answers a client.
func (e *Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p := e.serve(w, r); p != nil {
		e.count.refused.Add(1)
		p.write(w)
		return
	}
	e.count.accepted.Add(1)
}

func (e *Edge) serve(w http.ResponseWriter, r *http.Request) *problem {
	if r.Context().Err() != nil {
		// The HTTP server has taken the client for one that is gone, as after a deadline that ran out while the process stood still, and
		// does so for whatever comes over the connection.
		return refuse(http.StatusServiceUnavailable, "the connection is not good any more").with("Retry-After", "0").with("Connection", "close")
	}
	if p := e.awaitRun(r.Context()); p != nil {
		return p
	}
	if !e.allowed(r) {
		return refuse(http.StatusForbidden, "the origin is not allowed")
	}
	allowOrigin(w.Header(), r)
	if preflight(r) {
		allowRequest(w)
		return nil
	}
	x := &exchange{edge: e, w: w, r: r, request: &request{}}
	serve, p := x.route()
	if p != nil {
		return p
	}
	return serve(x)
}

// connect makes a link over t of the exchange, and asks the entity for its verdict. Whoever gets the link calls abandon,
// or serves it.
func (x *exchange) connect(t transport) (*link, verdict, *problem) {
	claims, p := x.authenticate()
	if p != nil {
		return nil, verdict{}, p
	}
	return x.connectAs(t, claims)
}

func (x *exchange) connectAs(t transport, claims tutti.Claims) (*link, verdict, *problem) {
	l, p := x.edge.admit(t, x.request, claims)
	if p != nil {
		return nil, verdict{}, p
	}
	v, p := x.edge.attach(x.r.Context(), l, x.request, claims)
	if p != nil {
		l.abandon()
		return nil, verdict{}, p
	}
	return l, v, nil
}

// awaitRun waits for Run to have begun, so that a node may start its parts in any order.
func (e *Edge) awaitRun(ctx context.Context) *problem {
	select {
	case <-e.ready:
		return nil
	default:
	}
	wait := time.NewTimer(e.timing.Verdict)
	defer wait.Stop()
	select {
	case <-e.ready:
		return nil
	case <-ctx.Done():
	case <-wait.C:
	}
	return unavailable("the node starts")
}

func unavailable(detail string) *problem {
	return refuse(http.StatusServiceUnavailable, detail).retry(time.Second)
}

// admit makes a link, if there may be one more. Whoever gets it calls abandon, or serves it.
func (e *Edge) admit(t transport, q *request, claims tutti.Claims) (*link, *problem) {
	e.opening.RLock()
	defer e.opening.RUnlock()
	switch {
	case e.draining:
		return nil, e.stops()
	case e.count.links.Load() >= int64(e.limits.Links):
		e.count.rateLimit.Add(1)
		return nil, unavailable("the node has as many links as it may have")
	}
	now := e.now()
	sub, why := e.subjects.enter(claims.Subject, now, &e.limits)
	switch why {
	case subjectTooMany:
		e.count.rateLimit.Add(1)
		return nil, refuse(http.StatusTooManyRequests, "the subject has as many links as it may have").retry(10 * time.Second)
	case subjectTooFast:
		return nil, e.tooMany("too many handshakes of the subject")
	}
	// Not before: whoever has no token, or has had its share, could otherwise use up the handshakes of the others. To
	// check a token is a small part of what its request costs anyway.
	if !e.handshakes.take(now, e.limits.Handshakes, e.limits.Handshakes) {
		e.subjects.leave(sub)
		return nil, e.tooMany("too many handshakes")
	}
	number := e.lastLink.Add(1)
	l := &link{
		edge: e, worker: e.workers[number%uint64(len(e.workers))], transport: t, number: number,
		conn: q.conn, sub: sub, watch: q.watch, presence: q.presence, flags: q.flags, terse: q.terse, verdict: make(chan verdict, 1),
	}
	if e.recovery != nil {
		l.tenure = &tenure{}
	}
	l.waiting.Store(max(now, 1))
	l.expires.Store(expiry(claims))
	l.issued.Store(issued(claims))
	e.open.Add(1)
	e.enter(l, q.category, q.id)
	if _, ok := e.terminated(l.bearer()); ok { // since it was authenticated
		l.abandon()
		return nil, unauthorized(tokenTerminated)
	}
	return l, nil
}

// visit lets a client that has a link send another request for it.
func (e *Edge) visit(sub *subject) *problem {
	now := e.now()
	if !e.subjects.visit(sub, now, &e.limits) {
		return e.tooMany("too many handshakes of the subject")
	}
	if !e.handshakes.take(now, e.limits.Handshakes, e.limits.Handshakes) {
		return e.tooMany("too many handshakes")
	}
	return nil
}

func (e *Edge) tooMany(detail string) *problem {
	e.count.rateLimit.Add(1)
	return refuse(http.StatusTooManyRequests, detail).retry(time.Second)
}

// expiry returns when the claims expire, in Unix ms; 0: never.
func expiry(c tutti.Claims) int64 {
	if c.ExpiresAt.IsZero() {
		return 0
	}
	return max(c.ExpiresAt.UnixMilli(), 1)
}

// attach asks the entity whether it takes the connection, and waits a moment for the answer: a
// connection of somebody else is refused before the upgrade. The verdict is zero when it has not come.
func (e *Edge) attach(ctx context.Context, l *link, q *request, claims tutti.Claims) (verdict, *problem) {
	encoded, err := json.Marshal(claims)
	if err != nil {
		e.log.Error("claims cannot be encoded", "error", err)
		return verdict{}, refuse(http.StatusInternalServerError, "")
	}
	env := &wire.Envelope{Kind: wire.KindAttach, Flags: q.flags, Claims: encoded, Command: q.attempt, At: e.clock().UnixMilli()}
	if q.watch {
		env.Flags |= wire.Watch
	}
	if q.presence {
		env.Flags |= wire.Presence
	}
	pointTo(env, q.cursor)
	if err := l.send(env); err != nil {
		if !errors.Is(err, bus.ErrNobody) {
			e.log.Warn("attach could not be sent", "entity", l.hub.entity(), "error", err)
		}
		return verdict{}, unavailable("nobody serves this entity just now")
	}
	wait := time.NewTimer(e.timing.Verdict)
	defer wait.Stop()
	select {
	case v := <-l.verdict:
		if v.foreign {
			return v, refuse(http.StatusForbidden, "the connection belongs to another subject")
		}
		return v, nil
	case <-wait.C: // what the entity says comes over the link
	case <-ctx.Done():
		return verdict{}, unavailable("the client went away")
	}
	return verdict{}, nil
}

// takeOver takes the connection over from the HTTP server for a link, on which first is written first. Its poller serves
// the link, or a goroutine of its own, whose stack is small.
func (x *exchange) takeOver(l *link, first []byte) *problem {
	conn, rw, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		l.abandon()
		x.edge.log.Warn("connection cannot be taken over", "error", err)
		return refuse(http.StatusHTTPVersionNotSupported, "a link needs HTTP/1.1")
	}
	_ = conn.SetDeadline(time.Time{}) // fails only when closed, which the reader notices
	if _, answered := l.transport.ping(nil); !answered {
		giveUpAfter(conn, 2*x.edge.timing.Heartbeat)
	}
	var early []byte
	if n := rw.Reader.Buffered(); n > 0 {
		early = make([]byte, n)
		_, _ = rw.Reader.Read(early) // what is buffered can be read
	}
	l.open(newSocket(conn, x.edge.buffers, l.worker.poller), first, early)
	return nil
}

// open lets the link use its socket, on which it writes first before anything else. early has been
// read from it already.
func (l *link) open(s socket, first, early []byte) {
	if len(first) > 0 {
		l.out = [][]byte{first}
	}
	l.socket = s
	l.state.Store(stateIdle)
	l.watchTime()
	l.worker.touch(l)
	l.serve(early)
}

// watchTime has the worker look at the link when something is due.
func (l *link) watchTime() {
	l.worker.schedule(deadline{when: l.edge.now() + int64(l.edge.timing.Heartbeat), link: l, what: deadlinePing})
	l.expireAt(l.expires.Load())
}

// decide says what the entity said, to whoever waits for it.
func (l *link) decide(v verdict) {
	select {
	case l.verdict <- v:
	default: // it said something before
	}
}

func (h *hub) entity() string { return h.category + "/" + h.id }
