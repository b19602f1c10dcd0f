package edge

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/edge/internal/websock"
	"github.com/tutti-rt/tutti/wire"
)

// ServeHTTP accepts or refuses a client.
func (e *Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p := e.serve(w, r); p != nil {
		e.count.refused.Add(1)
		p.write(w)
		return
	}
	e.count.accepted.Add(1)
}

func (e *Edge) serve(w http.ResponseWriter, r *http.Request) *problem {
	if p := e.awaitRun(r.Context()); p != nil {
		return p
	}
	q, p := e.parse(r)
	if p != nil {
		return p
	}
	claims, p := e.authenticate(r.Context(), q.token)
	if p != nil {
		return p
	}
	l, p := e.admit(q, claims)
	if p != nil {
		return p
	}
	if p := e.attach(r.Context(), l, q, claims); p != nil {
		l.abandon()
		return p
	}
	if p := e.upgrade(w, l, q); p != nil {
		l.abandon()
		return p
	}
	return nil
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

func (e *Edge) authenticate(ctx context.Context, token string) (tutti.Claims, *problem) {
	unauthorized := func(detail string) *problem {
		return refuse(http.StatusUnauthorized, detail).with("WWW-Authenticate", "Bearer")
	}
	if token == "" {
		return tutti.Claims{}, unauthorized("there is no token")
	}
	ctx, cancel := context.WithTimeout(ctx, e.timing.Verify)
	defer cancel()
	claims, err := e.verifier.Verify(ctx, token)
	if err != nil {
		e.log.Debug("token refused", "error", err)
		return tutti.Claims{}, unauthorized("the token is not valid")
	}
	return claims, nil
}

// admit makes a link, if there may be one more. Whoever gets it calls abandon, or serves it.
func (e *Edge) admit(q *request, claims tutti.Claims) (*link, *problem) {
	e.opening.RLock()
	defer e.opening.RUnlock()
	switch {
	case e.draining:
		return nil, refuse(http.StatusServiceUnavailable, "the node stops").retry(e.timing.Spread)
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
		e.count.rateLimit.Add(1)
		return nil, refuse(http.StatusTooManyRequests, "too many handshakes of the subject").retry(time.Second)
	}
	// Not before: whoever has no token, or has had its share, could otherwise use up the handshakes of the others. To
	// check a token is a small part of what its request costs anyway.
	if !e.handshakes.take(now, e.limits.Handshakes, e.limits.Handshakes) {
		e.subjects.leave(sub)
		e.count.rateLimit.Add(1)
		return nil, refuse(http.StatusTooManyRequests, "too many handshakes").retry(time.Second)
	}
	number := e.lastLink.Add(1)
	l := &link{
		edge: e, worker: e.workers[number%uint64(len(e.workers))], format: webSocket{}, number: number,
		conn: q.conn, sub: sub, watch: q.watch, presence: q.presence, verdict: make(chan verdict, 1),
	}
	l.waiting.Store(max(now, 1))
	l.expires.Store(expiry(claims))
	e.open.Add(1)
	e.enter(l, q.category, q.id)
	return l, nil
}

// expiry returns when the claims expire, in Unix ms; 0: never.
func expiry(c tutti.Claims) int64 {
	if c.ExpiresAt.IsZero() {
		return 0
	}
	return max(c.ExpiresAt.UnixMilli(), 1)
}

// attach asks the entity whether it takes the connection, and waits a moment for the answer: a
// connection of somebody else is refused before the upgrade.
func (e *Edge) attach(ctx context.Context, l *link, q *request, claims tutti.Claims) *problem {
	encoded, err := json.Marshal(claims)
	if err != nil {
		e.log.Error("claims cannot be encoded", "error", err)
		return refuse(http.StatusInternalServerError, "")
	}
	env := &wire.Envelope{Kind: wire.KindAttach, Claims: encoded}
	if q.watch {
		env.Flags |= wire.Watch
	}
	if q.presence {
		env.Flags |= wire.Presence
	}
	if q.cursor != nil {
		env.Flags |= wire.HasCursor
		env.Epoch, env.Revision = q.cursor.Epoch, q.cursor.Revision
	}
	if err := l.send(env); err != nil {
		if !errors.Is(err, bus.ErrNobody) {
			e.log.Warn("attach could not be sent", "entity", l.hub.entity(), "error", err)
		}
		return unavailable("nobody serves this entity just now")
	}
	wait := time.NewTimer(e.timing.Verdict)
	defer wait.Stop()
	select {
	case v := <-l.verdict:
		if v.foreign {
			return refuse(http.StatusForbidden, "the connection belongs to another subject")
		}
	case <-wait.C: // what the entity says comes over the link
	case <-ctx.Done():
		return unavailable("the client went away")
	}
	return nil
}

// upgrade takes the connection over from the HTTP server. Its poller serves the link, or a goroutine of its own, whose
// stack is small.
func (e *Edge) upgrade(w http.ResponseWriter, l *link, q *request) *problem {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		e.log.Warn("connection cannot be upgraded", "error", err)
		return refuse(http.StatusHTTPVersionNotSupported, "a WebSocket needs HTTP/1.1")
	}
	_ = conn.SetDeadline(time.Time{}) // fails only when closed, which the reader notices
	var early []byte
	if n := rw.Reader.Buffered(); n > 0 {
		early = make([]byte, n)
		_, _ = rw.Reader.Read(early) // what is buffered can be read
	}
	l.open(newSocket(conn, e.buffers, l.worker.poller), websock.AppendAccept(nil, q.key, wire.Subprotocol), early)
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
	l.worker.schedule(deadline{when: l.edge.now() + int64(l.edge.timing.Heartbeat), link: l, what: deadlinePing})
	if at := l.expires.Load(); at > 0 {
		l.worker.schedule(deadline{when: l.edge.tokenDeadline(at), link: l, what: deadlineToken})
	}
	l.worker.touch(l)
	l.serve(early)
}

// decide says what the entity said, to whoever waits for it.
func (l *link) decide(v verdict) {
	select {
	case l.verdict <- v:
	default: // it said something before
	}
}

func (h *hub) entity() string { return h.category + "/" + h.id }
