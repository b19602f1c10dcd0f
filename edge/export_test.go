package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/internal/platform"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// FakeSocket is a socket of which a test says how many bytes it takes.
type FakeSocket struct {
	in   chan []byte
	Cost time.Duration // of one write, which keeps the worker busy

	mu     sync.Mutex
	room   int
	got    []byte
	more   chan struct{} // closed when there is room, or none will come
	closed bool
	gone   chan struct{}
}

var _ socket = (*FakeSocket)(nil)

// NewFakeSocket returns a socket that takes nothing yet.
func NewFakeSocket() *FakeSocket {
	return &FakeSocket{in: make(chan []byte, 1000), more: make(chan struct{}), gone: make(chan struct{})}
}

// Allow lets the socket take n more bytes.
func (s *FakeSocket) Allow(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room += n
	close(s.more)
	s.more = make(chan struct{})
}

// Block lets the socket take nothing more.
func (s *FakeSocket) Block() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room = 0
}

// Send has the client send p.
func (s *FakeSocket) Send(p []byte) { s.in <- p }

// Got returns what the socket took since the last call.
func (s *FakeSocket) Got() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	s.got = nil
	return got
}

// Closed reports whether the edge has closed the socket.
func (s *FakeSocket) Closed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Hangup ends the connection from the client's side.
func (s *FakeSocket) Hangup() { s.close() }

func (s *FakeSocket) try(bufs [][]byte) (int, error) {
	if s.Cost > 0 {
		time.Sleep(s.Cost) // of the bubble
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, errors.New("closed")
	}
	n := 0
	for _, b := range bufs {
		k := min(len(b), s.room)
		s.got = append(s.got, b[:k]...)
		s.room -= k
		n += k
	}
	return n, nil
}

func (s *FakeSocket) write(bufs [][]byte, d time.Duration) (int, error) {
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		more := s.more
		s.mu.Unlock()
		if n, err := s.try(bufs); n > 0 || err != nil {
			return n, err
		}
		select {
		case <-more:
		case <-s.gone:
		case <-deadline.C:
			return 0, os.ErrDeadlineExceeded
		}
	}
}

func (s *FakeSocket) unsent() bool { return false }
func (s *FakeSocket) settled()     {}

func (s *FakeSocket) read() ([]byte, error) {
	select {
	case p := <-s.in:
		return p, nil
	case <-s.gone:
		return nil, io.EOF
	}
}

func (s *FakeSocket) release()    {}
func (s *FakeSocket) closeWrite() {}

func (s *FakeSocket) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.gone)
	}
}

// Open opens a link on a socket of the test, as an accepted upgrade does.
func (e *Edge) Open(ctx context.Context, category, id, conn, query string, c tutti.Claims, s *FakeSocket) error {
	return e.openOver(ctx, webSocket{}, category, id, conn, query, c, s)
}

// OpenStream opens a link for server-sent events.
func (e *Edge) OpenStream(ctx context.Context, category, id, conn, query string, c tutti.Claims, s *FakeSocket) error {
	return e.openOver(ctx, eventStream{}, category, id, conn, query, c, s)
}

func (e *Edge) openOver(ctx context.Context, over transport, category, id, conn, query string, c tutti.Claims, s *FakeSocket) error {
	q := &request{category: e.categories[category], id: id}
	if p := q.parseQuery("conn="+conn+query, true); p != nil {
		return errors.New(p.detail)
	}
	l, p := e.admit(over, q, c)
	if p != nil {
		return errors.New(p.detail)
	}
	if _, p := e.attach(ctx, l, q, c); p != nil {
		l.abandon()
		return errors.New(p.detail)
	}
	l.open(s, nil, nil)
	return nil
}

// Age lets go of n rings that got nothing since they were last looked at.
func (e *Edge) Age(n int) { e.budget.Age(n) }

// Take delivers an envelope as the bus does.
func (e *Edge) Take(env *wire.Envelope) { e.take(env) }

// Listen lets the edge answer without Run: a benchmark sweeps itself.
func (e *Edge) Listen() (stop func(), err error) {
	stop, err = e.bus.Listen(bus.Edge(e.name), e.take)
	close(e.ready)
	return stop, err
}

// Pass has every worker do what there is to do.
func (e *Edge) Pass() {
	for _, w := range e.workers {
		w.pass()
	}
}

// Redeem uses a ticket for a connection, and returns the status of the refusal, 0 for none.
func (e *Edge) Redeem(ctx context.Context, category, id, conn, ticket string) (status int) {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/", nil)
	x := &exchange{edge: e, r: r, request: &request{category: e.categories[category], id: id, conn: conn}}
	if _, p := x.redeem(ticket); p != nil {
		return p.status
	}
	return 0
}

// Parse returns the entity's id and the connection that a request names, or the status of its refusal.
func (e *Edge) Parse(r *http.Request) (id, conn string, status int) {
	if !e.allowed(r) {
		return "", "", http.StatusForbidden
	}
	x := &exchange{edge: e, w: httptest.NewRecorder(), r: r, request: &request{}}
	_, p := x.route()
	if p == nil {
		p = x.parseLink(true)
	}
	if p != nil {
		return "", "", p.status
	}
	return x.id, x.conn, 0
}

// Deadlines returns how many deadlines the workers keep. Run has returned.
func (e *Edge) Deadlines() (n int) {
	for _, w := range e.workers {
		n += len(w.deadlines)
	}
	return n
}

// Waiting returns how many handlers have a link and nothing to do.
func (e *Edge) Waiting() (n int) {
	for _, l := range e.links() {
		if l.state.Load() == stateIdle {
			if _, ok := l.socket.(*pulled); ok {
				n++
			}
		}
	}
	return n
}

// Negotiate returns the media type that an Accept header gets, and how long a Prefer header has a poll wait.
func Negotiate(accept, prefer string) (media string, wait time.Duration, asked, ok bool) {
	wait, asked, ok = preferredWait([]string{prefer})
	return preferred([]string{accept}), wait, asked, ok
}

// LastEvent returns the cursor that a Last-Event-ID header means, or the status of its refusal; "" where there is none.
func LastEvent(id string) (cursor string, status int) {
	x := &exchange{r: &http.Request{Header: http.Header{"Last-Event-Id": {id}}}, request: &request{}}
	if p := x.parseLastEvent(); p != nil {
		return "", p.status
	}
	if x.cursor == nil {
		return "", 0
	}
	return x.cursor.String(), 0
}

// Terminated returns a look-up of a bearer among so many terminations, half of them of members of the bearer's entity.
func Terminated(standing int) (look func() bool) {
	t := newTerminations()
	for i := range standing {
		one := platform.Termination{At: time.Unix(1_700_000_000, 0)}
		if name := fmt.Sprintf("%016d", i); i%2 == 0 {
			one.Sub = name
		} else {
			one.Category, one.ID, one.Member = "room", "1", name
		}
		t.add(one)
	}
	b, now := &bearer{sub: "ann", category: "room", id: "1", conn: "connection-000000"}, time.Now()
	member := state.Members("0123456789abcdef")
	return func() bool { _, ok := t.of(b, now, member); return ok }
}
