package node_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
	"github.com/tutti-rt/tutti/node"
)

// someday is a clock that a test sets forward.
type someday struct{ ahead atomic.Int64 }

func (s *someday) now() time.Time          { return time.Now().Add(time.Duration(s.ahead.Load())) }
func (s *someday) forward(d time.Duration) { s.ahead.Add(int64(d)) }

// record keeps what was logged.
type record struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all.String()
}

// gatherings is an application that tells who comes and goes.
func gatherings() *tutti.Category { return gatheringsWith(tutti.Options{Grace: time.Hour}) }

func gatheringsWith(o tutti.Options) *tutti.Category {
	type came struct{ Who string }
	type gone struct{ Who string }
	type hall struct{ Log []string }
	return tutti.NewCategory("hall",
		tutti.OnConnect(func(t *tutti.Turn[hall]) error { t.Emit(came{t.Claims().Subject}); return nil }),
		tutti.OnDisconnect(func(t *tutti.Turn[hall]) error { t.Emit(gone{t.Claims().Subject}); return nil }),
		tutti.OnEvent(func(s *hall, e came) { s.Log = append(s.Log, "+"+e.Who) }),
		tutti.OnEvent(func(s *hall, e gone) { s.Log = append(s.Log, "-"+e.Who) }),
		tutti.With(o),
	)
}

// venue is a node with such an application, and an operator.
type venue struct {
	*running
	t     *testing.T
	clock someday
	log   record
	base  string
}

func openVenue(t *testing.T, change func(*node.Config)) *venue {
	t.Helper()
	v := &venue{t: t}
	c := config()
	c.Categories = append(c.Categories, gatherings())
	c.Admin, c.AdminToken = "127.0.0.1:0", adminToken
	c.Clock = v.clock.now
	c.Logger = slog.New(slog.NewTextHandler(&v.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if change != nil {
		change(&c)
	}
	v.running = start(t, c)
	v.base = "http://" + v.Addr().String()
	return v
}

// signed returns a token with these claims.
func signed(t *testing.T, c tutti.Claims) string {
	t.Helper()
	s, err := auth.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.Sign(c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// token returns one issued now by the venue's clock, and good for an hour.
func (v *venue) token(sub string) string {
	now := v.clock.now()
	return signed(v.t, tutti.Claims{Subject: sub, IssuedAt: now, ExpiresAt: now.Add(time.Hour)})
}

// post sends a body and returns status and answer.
func (v *venue) post(url, token, body string) (int, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

// ticket asks for one.
func (v *venue) ticket(token string) string {
	v.t.Helper()
	status, body := v.post(v.base+"/v1/tickets", token, "")
	var got struct {
		Ticket    string
		ExpiresIn int `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 || got.Ticket == "" || got.ExpiresIn != 30 {
		v.t.Fatalf("POST /v1/tickets = %d %s, %v, want a ticket for 30 s", status, body, err)
	}
	return got.Ticket
}

// events is a stream of server-sent events.
type events struct {
	t      *testing.T
	lines  *bufio.Reader
	status int
	close  func() error
}

// events opens a stream. A status that is not 200 is for the caller to look at.
func (v *venue) events(path string, header ...string) *events {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.base+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { response.Body.Close() })
	return &events{v.t, bufio.NewReader(response.Body), response.StatusCode, response.Body.Close}
}

// next returns the next frame, "" at the stream's end.
func (s *events) next() string {
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return ""
		}
		if data, ok := strings.CutPrefix(line, "data:"); ok {
			return strings.TrimSpace(data)
		}
	}
}

// until reads up to a frame that contains all parts.
func (s *events) until(parts ...string) string {
	s.t.Helper()
	last := ""
	for frame := s.next(); frame != ""; last, frame = frame, s.next() {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(frame, part)
		}
		if all {
			return frame
		}
	}
	s.t.Fatalf("the stream ended after %q, without %q", last, parts)
	return ""
}

// socket is a WebSocket.
type socket struct {
	t  *testing.T
	ws *websocket.Conn
}

// socket opens a WebSocket, or returns the status of the refusal.
func (v *venue) socket(path, protocol string) (*socket, int) {
	v.t.Helper()
	ws, response, err := websocket.Dial(v.t.Context(), "ws"+strings.TrimPrefix(v.base, "http")+path, &websocket.DialOptions{
		Subprotocols: []string{"tutti.v1", protocol},
	})
	if err != nil {
		if response == nil {
			v.t.Fatal(err)
		}
		return nil, response.StatusCode
	}
	v.t.Cleanup(func() { _ = ws.CloseNow() })
	return &socket{v.t, ws}, 101
}

func (s *socket) send(frame string) {
	s.t.Helper()
	if err := s.ws.Write(s.t.Context(), websocket.MessageText, []byte(frame)); err != nil {
		s.t.Fatal(err)
	}
}

// until reads up to a frame that contains all parts.
func (s *socket) until(parts ...string) string {
	s.t.Helper()
	for {
		_, frame, err := s.ws.Read(s.t.Context())
		if err != nil {
			s.t.Fatalf("the socket ended with %v, without %q", err, parts)
		}
		all := true
		for _, part := range parts {
			all = all && strings.Contains(string(frame), part)
		}
		if all {
			return string(frame)
		}
	}
}

// wantEnd expects a terminate frame and the close code after it.
func (s *socket) wantEnd(code string, closing int) {
	s.t.Helper()
	s.until(`"type":"terminate","code":"` + code)
	if _, frame, err := s.ws.Read(s.t.Context()); int(websocket.CloseStatus(err)) != closing {
		s.t.Errorf("after the terminate frame: %s, %v, want close code %d", frame, err, closing)
	}
}
