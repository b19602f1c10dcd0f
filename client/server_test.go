package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/wire"
)

// server is a server that does what a test tells it, over connections in memory, so that its time
// is the test's.
type server struct {
	unreachable atomic.Int64 // so many dials fail

	t     *testing.T
	http  http.Server
	conns chan net.Conn
	links chan *serverLink
	done  chan struct{}
	end   sync.WaitGroup

	mu      sync.Mutex
	refusal func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
	posted  func(w http.ResponseWriter, r *http.Request) bool
	present map[string]*serverLink // without WebSocket, by conn
}

// newServer starts a server. It ends with the test.
func newServer(t *testing.T) *server {
	s := &server{t: t, conns: make(chan net.Conn), links: make(chan *serverLink, 16), done: make(chan struct{})}
	s.http.Handler = http.HandlerFunc(s.serve)
	s.end.Go(func() {
		if err := s.http.Serve(s); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve = %v", err)
		}
	})
	t.Cleanup(func() {
		_ = s.http.Close()
		s.end.Wait()
	})
	return s
}

// Accept, Close and Addr make the server its own net.Listener.
func (s *server) Accept() (net.Conn, error) {
	select {
	case conn := <-s.conns:
		return conn, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}

func (s *server) Close() error {
	close(s.done)
	return nil
}

func (s *server) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

// client returns an http.Client that reaches the server.
func (s *server) client() *http.Client {
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			if s.unreachable.Add(-1) >= 0 {
				return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
			}
			ours, theirs := net.Pipe()
			select {
			case s.conns <- ours:
				return theirs, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-s.done:
				return nil, net.ErrClosed
			}
		},
	}
	return &http.Client{Transport: transport}
}

// refuse lets f answer instead of the upgrade; nil: nobody is refused.
func (s *server) refuse(f func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = f
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	s.end.Add(1)
	defer s.end.Done()
	s.mu.Lock()
	refusal := s.refusal
	s.mu.Unlock()
	if refusal != nil && refusal(w, r) {
		return
	}
	switch {
	case r.Method == http.MethodPost:
		s.post(w, r)
	case transportOf(r) == client.ServerSentEvents:
		s.stream(w, r)
	case transportOf(r) == client.LongPoll:
		s.poll(w, r)
	default:
		s.upgrade(w, r)
	}
}

func (s *server) newLink(p pipe, r *http.Request) *serverLink {
	return &serverLink{t: s.t, pipe: p, transport: transportOf(r), query: r.URL.Query(), header: r.Header, path: r.URL.EscapedPath(), frames: make(chan wire.ClientFrame, 4096), deaf: make(chan struct{}, 1)}
}

func (s *server) upgrade(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{wire.Subprotocol}})
	if err != nil {
		s.t.Errorf("Accept = %v", err)
		return
	}
	l := s.newLink(socketPipe{ws}, r)
	l.ws = ws
	s.links <- l
	l.read(context.WithoutCancel(r.Context()))
}

// socketPipe is a WebSocket.
type socketPipe struct{ ws *websocket.Conn }

func (p socketPipe) write(frames string) error {
	return p.ws.Write(context.Background(), websocket.MessageText, []byte(frames))
}

func (p socketPipe) drop() { _ = p.ws.CloseNow() }

// link returns the next link that a client made.
func (s *server) link() *serverLink {
	s.t.Helper()
	select {
	case l := <-s.links:
		return l
	case <-time.After(time.Hour):
		s.t.Fatal("no link within an hour")
		return nil
	}
}

// open opens a client whose first link gets this welcome.
func (s *server) open(c client.Config, welcome string) (*client.Client, *serverLink) {
	s.t.Helper()
	c.HTTPClient = s.client()
	links := make(chan *serverLink, 1)
	go func() {
		l := <-s.links
		l.send(welcome)
		links <- l
	}()
	opened, err := client.Open(s.t.Context(), "ws://memory/v1/room/a%20b", c)
	if err != nil {
		s.t.Fatalf("Open = %v", err)
	}
	s.t.Cleanup(func() { _ = opened.Close() })
	return opened, <-links
}

// serverLink is one link at the server.
type serverLink struct {
	t         *testing.T
	pipe      pipe
	ws        *websocket.Conn // nil for other transports
	transport client.Transport
	query     url.Values
	header    http.Header
	path      string
	frames    chan wire.ClientFrame // closed when the client has closed
	deaf      chan struct{}         // holds a token while the server reads nothing

	mu   sync.Mutex
	over bool // frames is closed
}

func (l *serverLink) read(ctx context.Context) {
	defer l.end()
	for {
		_, message, err := l.ws.Read(ctx)
		if err != nil {
			return
		}
		for line := range wire.Frames(message) {
			l.got(line)
		}
		l.deaf <- struct{}{} // waits while it is full
		<-l.deaf
	}
}

// send sends frames in one message.
func (l *serverLink) send(frames ...string) {
	if err := l.pipe.write(strings.Join(frames, "\n")); err != nil {
		l.t.Errorf("server's Write = %v", err)
	}
}

// frame returns the next frame of the client.
func (l *serverLink) frame() wire.ClientFrame {
	l.t.Helper()
	select {
	case f, ok := <-l.frames:
		if !ok {
			l.t.Fatal("the client has closed the link")
		}
		return f
	case <-time.After(time.Hour):
		l.t.Fatal("no frame within an hour")
	}
	return wire.ClientFrame{}
}

// closed waits until the client has closed the link.
func (l *serverLink) closed() {
	l.t.Helper()
	for {
		select {
		case _, ok := <-l.frames:
			if !ok {
				return
			}
		case <-time.After(time.Hour):
			l.t.Fatal("the client has not closed the link within an hour")
		}
	}
}

// drop breaks the link without a word.
func (l *serverLink) drop() { l.pipe.drop() }

func welcome(rev int, state string) string {
	return fmt.Sprintf(`{"type":"welcome","member":"m1","epoch":"e1","rev":%d,"resumed":false,"acked":0,"known":true,"state":%s,"heartbeat":25000}`, rev, state)
}

func resumed(rev int) string {
	return fmt.Sprintf(`{"type":"welcome","member":"m1","epoch":"e1","rev":%d,"resumed":true,"acked":0,"known":true,"heartbeat":25000}`, rev)
}

func event(rev int) string {
	return fmt.Sprintf(`{"type":"event","rev":%d,"name":"said","data":%d,"at":1700000000000,"by":"m2","cmd":9}`, rev, rev)
}

func ack(id uint64, rev int) string {
	return fmt.Sprintf(`{"type":"ack","id":%d,"rev":%d,"reply":{"n":%d}}`, id, rev, id)
}

// brief is one word for an update.
func brief(u client.Update) string {
	switch u := u.(type) {
	case client.State:
		return fmt.Sprintf("state %d %s", u.Revision, u.Data)
	case client.Event:
		if data := string(u.Data); data != fmt.Sprint(u.Revision) && data != "null" {
			return fmt.Sprintf("event %d with data %s", u.Revision, data)
		}
		return fmt.Sprintf("event %d", u.Revision)
	case client.Message:
		return "message " + u.Name
	case client.Presence:
		return fmt.Sprintf("presence %d whole=%t", u.Count, u.Whole)
	case client.Serving:
		return fmt.Sprintf("serving %t", u.Now)
	}
	return fmt.Sprintf("%T", u)
}

// expect reads updates and compares them, in brief.
func expect(t *testing.T, c *client.Client, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for u, err := range c.Updates(ctx) {
		if err != nil {
			t.Fatalf("Updates = %v, want %v", err, want)
		}
		if got := brief(u); got != want[0] {
			t.Fatalf("Updates = %s, want %s", got, want[0])
		}
		if want = want[1:]; len(want) == 0 {
			return
		}
	}
	t.Fatalf("Updates ended, want %v", want)
}
