package edge

import (
	"encoding/json"
	"hash/maphash"
	"net/http"
	"strconv"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/wire"
)

// longPoll is the transport of long polls: each answer is an array of the frames after its request's cursor. The link of a
// connection stays between two polls, attached and with its place in the ring, so that nothing is missed in between and a
// poll costs no attachment. Who polls without a connection observes, until the answer.
type longPoll struct{}

var _ transport = longPoll{}

func (longPoll) head(dst []byte, _ int) []byte { return dst }

// tail appends what separates the frame from the next one, which answer takes back from the last.
func (longPoll) tail(dst []byte, _ *wire.Envelope, _ string) []byte { return append(dst, ',') }

func (longPoll) ping(dst []byte) ([]byte, bool) { return dst, false }

func (longPoll) end(dst []byte, _ int, _ string, _ time.Duration) []byte { return dst }

func (longPoll) decoder(in *inbound) decoder { return &deaf{inbound: in} }

const (
	// pollOwed is how much longer than it wanted to a poll waits for an owner that owes an answer.
	pollOwed = 5 * time.Second
	// pollWrite is how long an answer may take.
	pollWrite = time.Minute
	// pollAstray is how long a poll that goes on at another edge waits for more than its welcome. Where balancers spread polls
	// over edges, they would else follow each other without a pause.
	pollAstray = time.Second
)

// poll is one request of a long poll, with its link.
type poll struct {
	*exchange
	socket *pulled
	hold   *hold
	begun  bool // the link is this poll's own
	astray bool // the poll before was at another edge, as far as is known here
}

func (t longPoll) serve(x *exchange) *problem {
	if p := x.parseLink(false); p != nil {
		return p
	}
	claims, p := x.authenticate()
	if p != nil {
		return p
	}
	if x.conn == "" {
		x.flags, x.presence = wire.Observer, false
	}
	q := &poll{exchange: x}
	found, p := q.resume(claims)
	if !found && p == nil {
		p = q.begin(t, claims)
	}
	if p != nil {
		return p
	}
	defer q.socket.letGo(q.hold)
	return q.wait()
}

// resume finds the link of the poll before, where this one goes on from what that one was answered.
func (q *poll) resume(claims tutti.Claims) (bool, *problem) {
	s := q.edge.pollOf(q.request)
	if s != nil && q.late(s) && s.link.sub.name == claims.Subject {
		return false, refuse(http.StatusConflict, "a later request of this connection has come before")
	}
	q.astray = s == nil || s.link.replaced() || q.elsewhere(s)
	if s == nil || q.welcome || q.attempt != s.attempt || s.link.replaced() || s.link.sub.name != claims.Subject || s.link.watch != q.watch || s.link.presence != q.presence {
		return false, nil
	}
	if p := q.edge.visit(s.link.sub); p != nil {
		return false, p
	}
	h := s.acquire(q.r.Context())
	if h == nil {
		return false, nil
	}
	if !same(s.given, q.cursor) || q.number != 0 && q.number == s.answered || q.astray {
		s.letGo(h)
		return false, nil // an answer may have been lost, and with it what no cursor tells
	}
	q.socket, q.hold = s, h
	s.latest.Store(q.number)
	if p := q.renew(claims); p != nil {
		s.close()
		s.letGo(h)
		return false, p
	}
	return true, nil
}

// late reports whether the client has sent another request since, which has come before this one.
func (q *poll) late(s *pulled) bool {
	if q.attempt == 0 || q.attempt != s.attempt {
		return q.attempt != 0 && q.attempt < s.attempt
	}
	return q.number != 0 && q.number < s.latest.Load()
}

// elsewhere reports whether polls of the client have gone to other edges since: the owner has replaced the link, even if that has not
// been heard of here.
func (q *poll) elsewhere(s *pulled) bool {
	return q.number > s.latest.Load()+1
}

// same reports whether two cursors are the same; nil: none.
func same(a, b *wire.Cursor) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// pollOf returns the link that waits for the next poll of the connection, or nil.
func (e *Edge) pollOf(q *request) *pulled {
	if q.conn == "" {
		return nil
	}
	k := hubKey{q.category.Name, q.id}
	t := e.table(k)
	t.mu.RLock()
	defer t.mu.RUnlock()
	h := t.hubs[k]
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.polls[q.conn]; l != nil {
		return l.socket.(*pulled)
	}
	return nil
}

// begin attaches a link of its own, which takes the place of the one that the connection has here.
func (q *poll) begin(t longPoll, claims tutti.Claims) *problem {
	before := q.edge.pollOf(q.request)
	q.terse = !q.welcome && q.conn == "" // what became of a connection's commands, and of its link before, a welcome tells
	l, v, p := q.connectAs(t, claims)
	if p != nil {
		return p
	}
	if v.refused {
		l.abandon()
		return v.problem()
	}
	q.begun = true
	q.socket, q.hold = l.pull()
	q.socket.claims, q.socket.given, q.socket.attempt = q.edge.sum(claims), q.cursor, q.attempt
	q.socket.latest.Store(q.number)
	if q.conn != "" {
		q.edge.keepPoll(l)
		l.worker.schedule(deadline{when: q.edge.now() + int64(q.edge.timing.Linger), link: l, what: deadlineLinger})
	}
	if before != nil && before.link.sub.name == l.sub.name {
		before.retire(q.r.Context())
	}
	return nil
}

// keepPoll lets the next poll of the connection find the link.
func (e *Edge) keepPoll(l *link) {
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	if l.hub.polls == nil {
		l.hub.polls = make(map[string]*link)
	}
	l.hub.polls[l.conn] = l
}

// renew brings what the poll's token says to a link that began with another one.
func (q *poll) renew(claims tutti.Claims) *problem {
	l, sum := q.socket.link, q.edge.sum(claims)
	if sum == q.socket.claims {
		return nil
	}
	encoded, err := json.Marshal(claims)
	if err != nil {
		return refuse(http.StatusInternalServerError, "")
	}
	if err := l.send(&wire.Envelope{Kind: wire.KindClaims, Claims: encoded}); err != nil {
		return unavailable("nobody serves this entity just now")
	}
	q.socket.claims = sum
	l.issued.Store(issued(claims))
	l.expireAt(expiry(claims))
	return nil
}

// sum tells claims from others.
func (e *Edge) sum(claims tutti.Claims) uint64 {
	encoded, err := json.Marshal(claims)
	if err != nil {
		return 0
	}
	return maphash.Bytes(e.seed, encoded)
}

// wait answers with the first frames that come, or that none did.
func (q *poll) wait() *problem {
	l := q.socket.link
	if q.conn == "" {
		defer q.socket.close()
	}
	begun := time.Now()
	q.lasts(q.patience + pollOwed)
	defer noteWaiting(q.r.Context())()
	limit := time.NewTimer(q.patience)
	defer limit.Stop()
	for {
		frames, why := q.socket.take(q.r.Context(), q.hold, limit.C)
		if q.begun && len(frames) > 0 {
			frames = q.more(q.rest(frames))
		}
		switch {
		case len(frames) > 0 && !l.finished && !l.revKnown:
			// The ring lost the place of the last event in this moment. The client still has its cursor.
			q.socket.close()
			return unavailable("the events came too fast")
		case why == takenAway:
			return q.hold.gone()
		case len(frames) > 0:
			q.answer(frames)
		case l.finished:
			return unavailable("the link has ended")
		case l.waiting.Load() != 0 && time.Since(begun) < q.patience+pollOwed:
			limit.Reset(pollOwed)
			continue
		case q.socket.given == nil:
			return unavailable("the entity does not answer just now")
		default:
			q.head()
			q.w.WriteHeader(http.StatusNoContent)
		}
		if l.finished {
			q.socket.close()
		}
		return nil
	}
}

// rest adds to the welcome what comes after the cursor, which the owner is asked for then and sends a moment later.
func (q *poll) rest(frames [][]byte) [][]byte {
	l, wait := q.socket.link, q.edge.timing.Verdict
	end, limit := time.Now().Add(wait), time.NewTimer(wait)
	defer limit.Stop()
	for l.waiting.Load() != 0 && !l.finished && total(frames) < maxTake && time.Now().Before(end) {
		more, why := q.socket.take(q.r.Context(), q.hold, limit.C)
		frames = append(frames, more...)
		if why != takenFrames {
			break // what has been taken is answered nevertheless
		}
	}
	return frames
}

// more waits for something else than the welcome of a poll that goes on from one at another edge, and has missed nothing.
func (q *poll) more(frames [][]byte) [][]byte {
	l, few := q.socket.link, 1
	if q.presence {
		few = 2 // who is here
	}
	missed := q.cursor == nil || !l.revKnown || l.revEpoch != q.cursor.Epoch || l.rev != q.cursor.Revision
	if q.number == 0 || q.welcome || !q.astray || missed || len(frames) > few || l.finished {
		return frames
	}
	limit := time.NewTimer(min(pollAstray, q.patience))
	defer limit.Stop()
	for len(frames) <= few && !l.finished {
		more, why := q.socket.take(q.r.Context(), q.hold, limit.C)
		frames = append(frames, more...)
		if why != takenFrames {
			break // what has been taken is answered nevertheless
		}
	}
	return frames
}

func total(frames [][]byte) int {
	n := 0
	for _, b := range frames {
		n += len(b)
	}
	return n
}

// lasts has the HTTP server leave the exchange alone for d and the time of an answer. A server that bounds its requests
// does so again for the next one.
func (q *poll) lasts(d time.Duration) {
	out, end := http.NewResponseController(q.w), time.Now().Add(d+pollWrite)
	_, _ = out.SetReadDeadline(end), out.SetWriteDeadline(end) // fail only when closed
}

// head sets the headers that every answer to a poll has.
func (q *poll) head() {
	h := q.w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Preference-Applied", "wait="+strconv.Itoa(int(q.patience/time.Second)))
	if c := q.socket.given; c != nil {
		h.Set("Tutti-Cursor", c.String())
	}
}

// answer writes frames, each of which ends in a comma, as an array.
func (q *poll) answer(frames [][]byte) {
	size := 1 + total(frames)
	if l := q.socket.link; l.revKnown {
		q.socket.given = &wire.Cursor{Epoch: l.revEpoch, Revision: l.rev}
	}
	q.socket.answered = q.number
	q.head()
	h := q.w.Header()
	h.Set("Content-Type", mediaJSON)
	h.Set("Content-Length", strconv.Itoa(size+1))
	last := frames[len(frames)-1]
	frames[len(frames)-1] = last[:len(last)-1]
	_, err := q.w.Write([]byte("["))
	for _, b := range frames {
		if err == nil {
			_, err = q.w.Write(b)
		}
	}
	if err == nil {
		_, err = q.w.Write([]byte("]\n"))
	}
	if err == nil {
		err = http.NewResponseController(q.w).Flush()
	}
	if err != nil {
		q.socket.close() // what it was about to get is lost: the next poll begins anew
	}
}
