package edge_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// stream is one server-sent events client of the test.
type stream struct {
	t     testing.TB
	resp  *http.Response
	r     *bufio.Reader
	id    string // of the last line with one
	retry string
	beats int // comments
}

// get sends a GET of the room with that Accept header.
func (p *platform) get(t testing.TB, id, query, token, accept string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/v1/room/"+url.PathEscape(id)+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Accept": {accept}, "Authorization": {"Bearer " + token}}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := p.http.Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func (p *platform) stream(t testing.TB, id string, i int, query, token string, header ...string) *stream {
	t.Helper()
	resp := p.get(t, id, "?conn="+conn(i)+query, token, "text/event-stream", header...)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status = %d, want 200", resp.StatusCode)
	}
	return &stream{t: t, resp: resp, r: bufio.NewReader(resp.Body)}
}

// read returns the next frame, as an EventSource reads it.
func (s *stream) read() (string, error) {
	data := ""
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			return "", err
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "":
			if data != "" {
				return data, nil
			}
		case line == ":":
			s.beats++
		case name == "data":
			data += value
		case name == "id":
			s.id = value
		case name == "retry":
			s.retry = value
		default:
			return "", fmt.Errorf("strange line %q", line)
		}
	}
}

func (s *stream) want(parts ...string) {
	s.t.Helper()
	for _, part := range parts {
		got, err := s.read()
		if err != nil || !strings.Contains(got, part) {
			s.t.Fatalf("next frame = %.200s, %v, want one with %s", got, err, part)
		}
	}
}

// wantEnd reads to the end of the stream.
func (s *stream) wantEnd(text string) {
	s.t.Helper()
	last := ""
	for {
		f, err := s.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			s.t.Fatal(err)
		}
		last = f
	}
	if !strings.Contains(last, text) {
		s.t.Fatalf("the last frame is %.200s, want %s", last, text)
	}
}

func TestStream(t *testing.T) { both(t, testStream) }

func testStream(t *testing.T, start starter) {
	p := start(t, nil)
	s := p.stream(t, "1", 1, "&presence=1", "ann")
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
	} {
		if got := s.resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !s.resp.Close || s.resp.ContentLength >= 0 || len(s.resp.TransferEncoding) > 0 {
		t.Errorf("the answer has length %d, encoding %v, close %v, want it to end with the connection", s.resp.ContentLength, s.resp.TransferEncoding, s.resp.Close)
	}
	s.want(`{"type":"welcome","member":"m-00000001","epoch":"e1","rev":0,"resumed":false,"acked":0,"known":true,"state":{"n":0},"heartbeat":25000}`)
	if s.id != "e1:0" || s.retry == "" {
		t.Errorf("after the welcome the cursor is %q and retry %q, want e1:0 and a time", s.id, s.retry)
	}
	s.want(`{"type":"presence","count":1`)
	other := p.dial(t, "1", 2, "&presence=1", "bob") // sees the same over another transport
	other.want(`"welcome"`, `"presence"`)
	other.send(command(1, `"hi"`))
	event := `{"type":"event","rev":1,"name":"say","data":"hi","at":1700000000000,"by":"m-00000002","cmd":1}`
	other.want(event, `"ack"`)
	s.want(event)
	if s.id != "e1:1" {
		t.Errorf("after the event the cursor is %q, want e1:1", s.id)
	}
	other.send(`{"type":"signal","name":"typing","data":1}`)
	s.want(`{"type":"message","name":"typing","data":1,"by":"m-00000002"}`)
	p.owner.tell("room", "1", wire.Envelope{Kind: wire.KindAck, Link: p.owner.linkOf(conn(1)), Command: 7, Revision: 1})
	s.want(`{"type":"ack","id":7,"rev":1}`)
	if s.id != "e1:1" {
		t.Errorf("after frames that are no events the cursor is %q, want e1:1", s.id)
	}
	feeder := p.stream(t, "1", 3, "&watch=0", "feed")
	feeder.want(`"rev":1,"resumed":false,"acked":0,"known":true,"heartbeat":25000}`)
	_ = s.resp.Body.Close()
	waitFor(t, func() bool { return p.edge.Stats().Links == 2 })
}

// TestStreamResumes: the cursor is that of the last event, wherever it comes from.
func TestStreamResumes(t *testing.T) { both(t, testStreamResumes) }

func testStreamResumes(t *testing.T, start starter) {
	p := start(t, nil)
	p.owner.publish("room", "1", 5, `1`)
	p.stream(t, "1", 1, "&cursor=e1:2", "ann").want(`"rev":2,"resumed":true`, `"rev":3`, `"rev":4`, `"rev":5`) // from the journal
	p.stream(t, "1", 2, "&cursor=e1:2", "ann", "Last-Event-ID", "e1:4").want(`"rev":4,"resumed":true`, `"rev":5`)
	p.stream(t, "1", 3, "", "ann", "Last-Event-ID", "e1:5").want(`"rev":5,"resumed":true`)
	p.stream(t, "1", 4, "&cursor=e1:2", "ann", "Last-Event-ID", "").want(`"rev":2,"resumed":true`)
	p.stream(t, "1", 5, "", "ann", "Last-Event-ID", "e9:5").want(`"rev":5,"resumed":false,"acked":0,"known":true,"state":{"n":5}`)
	p.stream(t, "1", 6, "", "ann", "Last-Event-ID", "e1:6").want(`"resumed":false`)
	big := strings.Repeat("x", 40_000)
	p.owner.publish("room", "1", 20, `"`+big+`"`)
	s := p.stream(t, "1", 7, "", "ann", "Last-Event-ID", "e1:5")
	s.want(`"rev":5,"resumed":true`)
	for rev := range 20 {
		s.want(fmt.Sprintf(`"rev":%d,"name":"said","data":"%s"`, 6+rev, big))
		if want := fmt.Sprintf("e1:%d", 6+rev); s.id != want {
			t.Fatalf("the cursor is %q, want %s", s.id, want)
		}
	}
}

// TestStreamRefusals: what an EventSource is refused with a status it does not ask for again.
func TestStreamRefusals(t *testing.T) {
	p := start(t, nil)
	p.stream(t, "1", 1, "", "ann").want(`"welcome"`)
	for _, c := range []struct {
		name, query, token, last string
		status                   int
		code                     string
	}{
		{"no conn", "", "ann", "", 400, ""},
		{"malformed cursor", "?conn=" + conn(2) + "&cursor=7", "ann", "", 400, ""},
		{"malformed last event", "?conn=" + conn(2), "ann", "7", 400, ""},
		{"no token", "?conn=" + conn(2), "", "", 401, ""},
		{"bad token", "?conn=" + conn(2), "bad", "", 401, ""},
		{"conn of another subject", "?conn=" + conn(1), "eve", "", 403, ""},
		{"refused by the entity", "?conn=" + conn(2), "refused", "", 403, "members_only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := p.get(t, "1", c.query, c.token, "text/event-stream", "Last-Event-ID", c.last)
			var problem struct{ Code string }
			if err := json.NewDecoder(resp.Body).Decode(&problem); err != nil || resp.StatusCode != c.status || problem.Code != c.code {
				t.Errorf("status = %d, code %q, %v, want %d and %q", resp.StatusCode, problem.Code, err, c.status, c.code)
			}
		})
	}
	if n := p.edge.Stats().Links; n != 1 {
		t.Errorf("%d links, want the one that was there", n)
	}
}

// TestStreamEnds says why and when to come back.
func TestStreamEnds(t *testing.T) { both(t, testStreamEnds) }

func testStreamEnds(t *testing.T, start starter) {
	p := start(t, nil)
	first := p.stream(t, "1", 1, "", "ann")
	first.want(`"welcome"`)
	second := p.stream(t, "1", 1, "", "ann")
	second.want(`"welcome"`)
	first.wantEnd(`"code":"replaced"`)
	if first.retry != "86400000" {
		t.Errorf("retry after the end of a link that is not to come back = %q, want a day", first.retry)
	}
	expiring := p.stream(t, "1", 2, "", "bob;red;1ms")
	expiring.wantEnd(`"code":"token_expired"`)
	if expiring.retry == "86400000" {
		t.Error("a client whose token has expired is told to stay away")
	}
	go p.stop()
	second.wantEnd(`"code":"draining"`)
	p.stop()
	if resp := p.get(t, "1", "?conn="+conn(1), "ann", "text/event-stream"); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("while the node drains the status is %d, want 503 with Retry-After", resp.StatusCode)
	}
	if s := p.edge.Stats(); s.Links != 0 || s.Rings != 0 || s.PrivateBytes != 0 {
		t.Errorf("Stats() = %+v, want nothing left", s)
	}
}

// TestStreamIgnoresWhatClientsSend, up to a bound.
func TestStreamIgnoresWhatClientsSend(t *testing.T) { both(t, testStreamIgnoresWhatClientsSend) }

func testStreamIgnoresWhatClientsSend(t *testing.T, start starter) {
	p := start(t, nil)
	r := p.rawRequest(t, "GET /v1/room/1?conn="+conn(1)+" HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"+
		"Authorization: Bearer ann\r\nContent-Length: 9999999\r\n\r\n"+command(1, "1"))
	resp, err := http.ReadResponse(r.r, nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("answer = %v, %v, want 200", resp, err)
	}
	s := &stream{t: t, resp: resp, r: bufio.NewReader(resp.Body)}
	s.want(`"welcome"`)
	for range 30 {
		r.write(make([]byte, 2000))
	}
	p.owner.publish("room", "1", 1, "1")
	s.want(`"event"`)
	r.write(make([]byte, 10_000))
	s.wantEnd(`"code":"bad_frame"`)
}

// TestStreamHeartbeat sends comments, and lives as long as the client wants though it answers nothing.
func TestStreamHeartbeat(t *testing.T) {
	bubble(t, nil, func(t *testing.T, p *platform, _ dialer) {
		r, w := p.pipe(t, "GET /v1/room/1?conn="+conn(1)+" HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer ann\r\n\r\n")
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := &stream{t: t, resp: resp, r: bufio.NewReader(resp.Body)}
		s.want(`"welcome"`)
		go func() {
			time.Sleep(10 * time.Minute)
			p.owner.publish("room", "1", 1, "1")
		}()
		s.want(`"event"`)
		if s.beats != 24 && s.beats != 23 {
			t.Errorf("%d comments in 10 min, want one every 25 s", s.beats)
		}
		_ = w.Close()
	})
}
