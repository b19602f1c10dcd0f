package node_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/node"
)

// anyLink is a client's link over whatever transport.
type anyLink interface {
	// until reads up to a frame that contains all parts.
	until(parts ...string) string
	// drop ends the link without a word.
	drop()
}

// poller is a client that polls.
type poller struct {
	v      *venue
	path   string
	token  string
	cursor string
	frames []string
	ctx    context.Context
	drop_  context.CancelFunc
}

func (p *poller) drop() { p.drop_() }

// ask sends a poll and returns the beginning of its answer.
func (p *poller) ask() (*http.Response, error) {
	path := p.path
	if p.cursor != "" {
		path += "&cursor=" + p.cursor
	}
	r, err := http.NewRequestWithContext(p.ctx, http.MethodGet, p.v.base+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Prefer", "wait=10")
	r.Header.Set("Authorization", "Bearer "+p.token)
	return http.DefaultClient.Do(r)
}

// poll asks once and returns the status.
func (p *poller) poll() int {
	p.v.t.Helper()
	response, err := p.ask()
	if err != nil {
		p.v.t.Fatalf("poll: %v", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.v.t.Fatalf("poll: %v", err)
	}
	if response.StatusCode == 200 {
		var frames []json.RawMessage
		if err := json.Unmarshal(body, &frames); err != nil {
			p.v.t.Fatalf("poll: %s: %v", body, err)
		}
		for _, f := range frames {
			p.frames = append(p.frames, string(f))
		}
	}
	if c := response.Header.Get("Tutti-Cursor"); c != "" {
		p.cursor = c
	}
	return response.StatusCode
}

func (p *poller) until(parts ...string) string {
	p.v.t.Helper()
	for {
		for len(p.frames) == 0 {
			if status := p.poll(); status != 200 && status != 204 {
				p.v.t.Fatalf("poll = %d, without %q", status, parts)
			}
		}
		frame := p.frames[0]
		p.frames = p.frames[1:]
		if containsAll(frame, parts) {
			return frame
		}
	}
}

func containsAll(s string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(s, part) {
			return false
		}
	}
	return true
}

func (s *events) drop() { _ = s.close() }
func (s *socket) drop() { _ = s.ws.CloseNow() }

var eachTransport = []string{"websocket", "events", "poll"}

// link opens a link to hall/a and waits for its welcome.
func (v *venue) link(transport, conn, token string) anyLink {
	v.t.Helper()
	path := "/v1/hall/a?conn=" + conn
	var l anyLink
	switch transport {
	case "websocket":
		s, status := v.socket(path, "bearer."+token)
		if s == nil {
			v.t.Fatalf("WebSocket = %d", status)
		}
		l = s
	case "events":
		l = v.events(path, "Authorization", "Bearer "+token)
	default:
		ctx, cancel := context.WithCancel(v.t.Context())
		v.t.Cleanup(cancel)
		l = &poller{v: v, path: path, token: token, ctx: ctx, drop_: cancel}
	}
	l.until(`"welcome"`)
	return l
}

// onEach runs a test for each transport.
func onEach(t *testing.T, test func(t *testing.T, transport string)) {
	for _, transport := range eachTransport {
		t.Run(transport, func(t *testing.T) { test(t, transport) })
	}
}

func quick(c *node.Config) { c.Heartbeat = 50 * time.Millisecond }

func TestTokenExpires(t *testing.T) {
	onEach(t, func(t *testing.T, transport string) {
		v := openVenue(t, quick)
		l := v.link(transport, connA, v.token("ann"))
		time.AfterFunc(100*time.Millisecond, func() { v.clock.forward(2 * time.Hour) })
		l.until(`"terminate"`, `"token_expired"`, `"reconnect":true`)
		again := v.link(transport, connA, v.token("ann"))
		again.drop()
	})
}

func TestTerminateOnEachTransport(t *testing.T) {
	onEach(t, func(t *testing.T, transport string) {
		v := openVenue(t, nil)
		bob := v.link("websocket", "connection-of-bob", v.token("bob"))
		l := v.link(transport, connA, v.token("ann"))
		bob.until(`"came"`, `"ann"`)
		var operator sync.WaitGroup
		operator.Go(func() {
			<-time.After(50 * time.Millisecond) // a poll is pending
			v.mustTerminate(`{"sub":"ann"}`)
		})
		l.until(`"terminate"`, `"terminated"`, `"reconnect":false`)
		operator.Wait()
		bob.until(`"gone"`, `"ann"`) // without an hour of grace
	})
}

// Between two polls there is nobody to tell, and the connection ends as well.
func TestTerminateBetweenPolls(t *testing.T) {
	v := openVenue(t, nil)
	bob := v.link("websocket", "connection-of-bob", v.token("bob"))
	token := v.token("ann")
	p := v.link("poll", connA, token).(*poller)
	v.mustTerminate(`{"sub":"ann"}`)
	bob.until(`"gone"`, `"ann"`)
	if got := p.poll(); got != 401 {
		t.Errorf("the next poll = %d, want 401", got)
	}
}

// One link takes the place of another, whatever each of them is, and nobody else sees anything of it.
func TestReplacedAcrossTransports(t *testing.T) {
	for _, first := range eachTransport {
		for _, second := range eachTransport {
			t.Run(first+" by "+second, func(t *testing.T) {
				v := openVenue(t, nil)
				bob := v.link("websocket", "connection-of-bob", v.token("bob"))
				old := v.link(first, connA, v.token("ann"))
				bob.until(`"came"`, `"ann"`)
				replaced := make(chan string, 1)
				if p, ok := old.(*poller); ok {
					go func() {
						p.poll() // with what it says, or 409 when another poll has taken its place
						replaced <- strings.Join(p.frames, "")
					}()
					<-time.After(50 * time.Millisecond) // on the wire
				} else {
					go func() { replaced <- old.until(`"terminate"`) }()
				}
				v.link(second, connA, v.token("ann"))
				got := <-replaced
				if first+second != "pollpoll" && !containsAll(got, []string{`"replaced"`, `"reconnect":false`}) {
					t.Errorf("the first link got %q, want that it is replaced", got)
				}
				v.link("websocket", "connection-of-eve", v.token("eve"))
				if got := bob.until(`"event"`); !strings.Contains(got, `"eve"`) {
					t.Errorf("the next event is %s, want eve's coming", got)
				}
			})
		}
	}
}

// A connection whose link is gone has its grace period, and then has left.
func TestGraceOnEachTransport(t *testing.T) {
	for _, transport := range []string{"websocket", "events"} { // a poll's link stays for a while by itself
		t.Run(transport, func(t *testing.T) {
			v := openVenue(t, func(c *node.Config) {
				c.Categories = []*tutti.Category{gatheringsWith(tutti.Options{Grace: 500 * time.Millisecond})}
			})
			bob := v.link("websocket", "connection-of-bob", v.token("bob"))
			v.link(transport, connA, v.token("ann")).drop()
			bob.until(`"came"`, `"ann"`)
			v.link(transport, connA, v.token("ann")).drop()
			began := time.Now()
			bob.until(`"gone"`, `"ann"`)
			if took := time.Since(began); took < 400*time.Millisecond {
				t.Errorf("the connection was gone after %v, want its grace period of 500 ms", took)
			}
		})
	}
}

func TestSessionTimeoutOnEachTransport(t *testing.T) {
	onEach(t, func(t *testing.T, transport string) {
		v := openVenue(t, func(c *node.Config) {
			c.Categories = []*tutti.Category{gatheringsWith(tutti.Options{Grace: time.Hour, SessionTimeout: 500 * time.Millisecond})}
		})
		l := v.link(transport, connA, v.token("ann"))
		l.until(`"terminate"`, `"session_timeout"`, `"reconnect":false`)
		next := v.link(transport, connA, v.token("ann"))
		next.drop()
	})
}

// A node that ends tells every link to come back, spread, and is gone soon, whatever clients do then.
func TestDrainOnEachTransport(t *testing.T) {
	v := openVenue(t, func(c *node.Config) { c.DrainSpread = 2 * time.Second })
	const each = 20
	var mu sync.Mutex
	afters := make(map[string]map[int]bool)
	var told sync.WaitGroup
	for _, transport := range eachTransport {
		afters[transport] = make(map[int]bool)
		for i := range each {
			l := v.link(transport, fmt.Sprintf("connection-%s-%04d", transport, i), v.token(fmt.Sprint("sub", i)))
			if i%4 == 0 {
				if p, ok := l.(*poller); ok {
					go func() {
						if response, err := p.ask(); err == nil {
							_ = response.Body.Close() // it does not take the answer
						}
					}()
				}
				continue // connected, and nobody reads
			}
			told.Go(func() {
				var end struct {
					Reconnect bool
					After     *int
				}
				frame := l.until(`"terminate"`, `"draining"`)
				if err := json.Unmarshal([]byte(frame), &end); err != nil || !end.Reconnect || end.After == nil || *end.After >= 2000 {
					t.Errorf("%s: %s, want to come back within the spread", transport, frame)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				afters[transport][*end.After] = true
			})
		}
	}
	<-time.After(200 * time.Millisecond) // polls are pending
	began := time.Now()
	if err := v.stop(); err != nil {
		t.Errorf("Run = %v", err)
	}
	if took := time.Since(began); took > 9*time.Second {
		t.Errorf("the node took %v to end, want less than 10 s", took)
	}
	told.Wait()
	for transport, set := range afters {
		if len(set) < each/4 {
			t.Errorf("%s: %d different delays for %d links, want them spread", transport, len(set), each*3/4)
		}
	}
}

// A stream of who is online ends with its subject's links.
func TestTerminateOnlooker(t *testing.T) {
	v := openVenue(t, func(c *node.Config) { c.OnlineClaim = "role=service" })
	now := v.clock.now()
	token := signed(t, tutti.Claims{
		Subject: "ann", IssuedAt: now, ExpiresAt: now.Add(time.Hour), Extra: map[string]any{"role": "service"},
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, v.base+"/v1/online", strings.NewReader(`{"subs":["bob"]}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(r)
	if err != nil || response.StatusCode != 200 {
		t.Fatalf("POST /v1/online = %v, %v", response, err)
	}
	t.Cleanup(func() { response.Body.Close() })
	stream := &events{t, bufio.NewReader(response.Body), 200, response.Body.Close}
	stream.until(`"online"`)
	v.mustTerminate(`{"sub":"bob"}`) // others are none of its business
	v.mustTerminate(`{"sub":"ann","message":"that is all"}`)
	stream.until(`"terminate"`, `"terminated"`, `"that is all"`, `"reconnect":false`)
}
