package edge_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/wire"
)

// tokens believes tokens of the form sub[;audience[;seconds]].
type tokens struct{}

func (tokens) Verify(_ context.Context, token string) (tutti.Claims, error) {
	parts := strings.Split(token, ";")
	if parts[0] == "bad" {
		return tutti.Claims{}, errors.New("bad token")
	}
	c := tutti.Claims{Subject: parts[0]}
	if len(parts) > 1 {
		c.Extra = map[string]any{"audience": parts[1]}
	}
	if len(parts) > 2 {
		d, err := time.ParseDuration(parts[2])
		if err != nil {
			return c, err
		}
		c.ExpiresAt = time.Now().Add(d)
	}
	return c, nil
}

// platform is an edge with an owner behind it and a listener before it.
type platform struct {
	edge  *edge.Edge
	owner *owner
	url   string // http://… or https://…
	http  *http.Client
	pipes *pipes // of a bubble
	stop  func() // drains the edge and waits for it
}

// starter starts a platform, with plain connections or with TLS.
type starter func(t testing.TB, change func(*edge.Config)) *platform

// both runs a test over plain connections and over TLS.
func both(t *testing.T, test func(t *testing.T, start starter)) {
	t.Run("plain", func(t *testing.T) { test(t, start) })
	t.Run("tls", func(t *testing.T) { test(t, startTLS) })
}

func start(t testing.TB, change func(*edge.Config)) *platform {
	t.Helper()
	return launch(t, change, false)
}

func startTLS(t testing.TB, change func(*edge.Config)) *platform {
	t.Helper()
	return launch(t, change, true)
}

func launch(t testing.TB, change func(*edge.Config), secure bool) *platform {
	t.Helper()
	b := localbus.New()
	c := edge.Config{
		Bus: b, Verifier: tokens{},
		Categories: []edge.Category{{Name: "room"}, {Name: "board"}}, Partitions: partitions,
	}
	if change != nil {
		change(&c)
	}
	e, err := edge.New(c)
	if err != nil {
		t.Fatal(err)
	}
	p := &platform{edge: e, owner: newOwner(t, b)}
	s := httptest.NewUnstartedServer(e)
	s.Listener = smallBuffers{s.Listener}
	if secure {
		s.Listener = edge.Listener(s.Listener)
		s.TLS = &tls.Config{DynamicRecordSizingDisabled: true}
		s.StartTLS()
	} else {
		s.Start()
	}
	p.url, p.http = s.URL, s.Client()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run() = %v, want %v", err, context.Canceled)
		}
	})
	t.Cleanup(func() { p.stop(); s.Close() })
	return p
}

// smallBuffers is a listener whose connections block soon.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(64 << 10)
	}
	return c, err
}

// client is one WebSocket of the test.
type client struct {
	t     testing.TB
	ws    *websocket.Conn
	lines []string // of a message that were not asked for yet
}

// conn returns a connection's name of which the first eight bytes tell it from others.
func conn(i int) string { return fmt.Sprintf("%08d-connection", i) }

func (p *platform) dial(t testing.TB, id string, i int, query, token string) *client {
	t.Helper()
	c, _, err := p.tryDial(t, id, conn(i), query, token)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	return c
}

func (p *platform) tryDial(t testing.TB, id, conn, query, token string) (*client, *http.Response, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	u := p.url + "/v1/room/" + url.PathEscape(id) + "?conn=" + conn + query
	ws, resp, err := websocket.Dial(ctx, u, &websocket.DialOptions{
		Subprotocols: []string{wire.Subprotocol}, HTTPClient: p.http,
		HTTPHeader: http.Header{"Authorization": {"Bearer " + token}},
	})
	if err != nil {
		return nil, resp, err
	}
	ws.SetReadLimit(64 << 20)
	t.Cleanup(func() { _ = ws.CloseNow() })
	return &client{t: t, ws: ws}, resp, nil
}

func (c *client) send(frames ...string) {
	c.t.Helper()
	if err := c.ws.Write(c.t.Context(), websocket.MessageText, []byte(strings.Join(frames, "\n"))); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// next returns the next frame's text.
func (c *client) next() string {
	c.t.Helper()
	line, err := c.read()
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return line
}

func (c *client) read() (string, error) {
	if len(c.lines) == 0 {
		ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
		defer cancel()
		_, b, err := c.ws.Read(ctx)
		if err != nil {
			return "", err
		}
		c.lines = strings.Split(string(b), "\n")
	}
	line := c.lines[0]
	c.lines = c.lines[1:]
	return line, nil
}

// want fails unless the next frames contain these texts, in this order.
func (c *client) want(parts ...string) {
	c.t.Helper()
	for _, part := range parts {
		if got := c.next(); !strings.Contains(got, part) {
			c.t.Fatalf("next frame = %.200s, want one with %s", got, part)
		}
	}
}

// ended reads to the end and returns the last frame and the close code.
func (c *client) ended() (last string, code int) {
	c.t.Helper()
	for {
		line, err := c.read()
		if err != nil {
			return last, int(websocket.CloseStatus(err))
		}
		last = line
	}
}

func (c *client) wantEnd(text string, code int) {
	c.t.Helper()
	last, got := c.ended()
	if !strings.Contains(last, text) || got != code {
		c.t.Fatalf("ended with %.200s, close code %d, want %s and %d", last, got, text, code)
	}
}

func TestCommandsAndEvents(t *testing.T) { both(t, testCommandsAndEvents) }

func testCommandsAndEvents(t *testing.T, start starter) {
	p := start(t, nil)
	a := p.dial(t, "1", 1, "", "ann")
	a.want(`{"type":"welcome","member":"m-00000001","epoch":"e1","rev":0,"resumed":false,"acked":0,"known":true,"state":{"n":0},"heartbeat":25000}`)
	b := p.dial(t, "1", 2, "", "bob")
	b.want(`"welcome"`)
	feeder := p.dial(t, "1", 3, "&watch=0", "feed")
	if w := feeder.next(); strings.Contains(w, "state") {
		t.Errorf("welcome of a connection that only sends = %s, want no state", w)
	}
	a.send(`{"type":"command","id":1,"name":"say","data": { "text" : "hi" } }`)
	event := `{"type":"event","rev":1,"name":"say","data":{"text":"hi"},"at":1700000000000,"by":"m-00000001","cmd":1}`
	a.want(event, `{"type":"ack","id":1,"rev":1}`)
	b.want(event)
	feeder.send(`{"type":"command","id":1,"name":"bad","data":1}`, `{"type":"query","id":2,"name":"get","data":[1]}`, `{"type":"ping","t":5}`)
	feeder.want(`{"type":"reject","id":1,"code":"invalid","message":"no"}`, `{"type":"answer","id":2,"rev":1,"data":[1]}`, `{"type":"pong","t":5,"edge_us":`)
	a.send(`{"type":"signal","name":"typing","data":1}`, `{"type":"command","id":2,"name":"say","data":2}`)
	b.want(`{"type":"message","name":"typing","data":1,"by":"m-00000001"}`, `"rev":2`)
	a.want(`"rev":2`, `"ack"`) // the sender skips its own signal
}

func TestResume(t *testing.T) { both(t, testResume) }

func testResume(t *testing.T, start starter) {
	p := start(t, nil)
	watcher := p.dial(t, "1", 9, "", "ann")
	watcher.want(`"welcome"`)
	p.owner.publish("room", "1", 3, `"before"`)
	p.owner.tell("room", "1", wire.Envelope{Kind: wire.KindMessage, Name: "old"})
	p.owner.publish("room", "1", 2, `"after"`)
	watcher.want(`"rev":1`, `"rev":2`, `"rev":3`, `"old"`, `"rev":4`, `"rev":5`)

	a := p.dial(t, "1", 1, "&cursor=e1:2", "ann") // from the ring, without what was ephemeral
	a.want(`"rev":2,"resumed":true`, `"rev":3`, `"rev":4`, `"rev":5`)
	p.owner.tell("room", "1", wire.Envelope{Kind: wire.KindMessage, Name: "new"})
	a.want(`"new"`)
	if n := len(p.owner.received(wire.KindBacklog)); n != 0 {
		t.Errorf("%d backlogs asked for, want none: the ring has it all", n)
	}
	q := p.dial(t, "2", 1, "", "ann")
	q.want(`"welcome"`)
	_ = q.ws.CloseNow()
	p.owner.publish("room", "3", 7, `"unseen"`)
	c := p.dial(t, "3", 1, "&cursor=e1:2", "ann") // from the journal
	c.want(`"resumed":true`, `"rev":3`, `"rev":4`, `"rev":5`, `"rev":6`, `"rev":7`)
	p.owner.publish("room", "3", 1, `"seen"`)
	c.want(`"rev":8`)
}

func TestReplacedAndForeign(t *testing.T) { both(t, testReplacedAndForeign) }

func testReplacedAndForeign(t *testing.T, start starter) {
	p := start(t, nil)
	a := p.dial(t, "1", 1, "", "ann")
	a.want(`"welcome"`)
	b := p.dial(t, "1", 1, "", "ann")
	b.want(`"welcome"`)
	a.wantEnd(`{"type":"terminate","code":"replaced"`, wire.CloseReplaced)
	_, resp, err := p.tryDial(t, "1", conn(1), "", "eve")
	if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
		t.Fatalf("dial with the connection of another subject = %v, %v, want 403", resp, err)
	}
	p.dial(t, "1", 2, "", "refused").wantEnd(`"code":"members_only"`, wire.CloseRefused)
	b.send(`{"type":"command","id":1,"name":"say","data":1}`)
	b.want(`"event"`, `"ack"`)
}

func TestDrain(t *testing.T) { both(t, testDrain) }

func testDrain(t *testing.T, start starter) {
	p := start(t, nil)
	a := p.dial(t, "1", 1, "", "ann")
	a.want(`"welcome"`)
	go p.stop()
	a.wantEnd(`{"type":"terminate","code":"draining","message":"the node stops","reconnect":true,"after":`, wire.CloseDraining)
	p.stop()
	_, resp, err := p.tryDial(t, "1", conn(2), "", "ann")
	if err == nil || resp == nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Fatalf("dial while draining = %v, %v, want 503 with Retry-After", resp, err)
	}
	if s := p.edge.Stats(); s.Links != 0 || s.Entities != 0 || s.Rings != 0 || s.PrivateBytes != 0 {
		t.Errorf("Stats() after the drain = %+v, want nothing left", s)
	}
}

// waitFor waits until done, for as long as a test may take.
func waitFor(t testing.TB, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("the test ended before what it waits for")
		}
	}
}
