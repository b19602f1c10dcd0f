package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/wire"
)

// overEach runs a test over each transport.
func overEach(t *testing.T, test func(t *testing.T, s *server, only []client.Transport)) {
	for _, transport := range client.AllTransports() {
		t.Run(string(transport), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, newServer(t), []client.Transport{transport}) })
		})
	}
}

// tried notes which transports links were asked for, and lets f answer.
func (s *server) tried(f func(w http.ResponseWriter, r *http.Request) bool) (all func() []client.Transport) {
	var mu sync.Mutex
	var seen []client.Transport
	s.refuse(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			mu.Lock()
			seen = append(seen, transportOf(r))
			mu.Unlock()
		}
		return f(w, r)
	})
	return func() []client.Transport {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen)
	}
}

func TestEachTransport(t *testing.T) {
	overEach(t, func(t *testing.T, s *server, only []client.Transport) {
		c, l := s.open(client.Config{Transports: only, Token: "old", Presence: true}, welcome(5, "{}"))
		if got := c.Status(); got.Phase != client.Online || got.Transport != only[0] {
			t.Errorf("Status = %+v, want online over %s", got, only[0])
		}
		if l.transport != only[0] || l.path != "/v1/room/a%20b" || l.query.Get("presence") != "1" || l.header.Get("Authorization") != "Bearer old" {
			t.Errorf("the link is %s of %s?%s", l.transport, l.path, l.query.Encode())
		}
		l.send(event(6), `{"type":"presence","count":1}`, event(7), `{"type":"status","state":"recovering"}`)
		expect(t, c, "state 5 {}", "event 6", "presence 1 whole=true", "event 7", "serving false")
		p := start(t, c, "a")
		expectFrames(t, l, "command 1 a")
		l.send(event(8), ack(1, 8))
		if got, err := outcome(t, p); err != nil || got.Revision != 8 || string(got.Reply) != `{"n":1}` {
			t.Errorf("Wait = %+v, %v", got, err)
		}
		if err := errors.Join(c.Signal("wave", 1), c.SetPresence("here"), c.SetToken("new")); err != nil {
			t.Error(err)
		}
		for _, want := range []string{wire.TypeSignal, wire.TypePresence, wire.TypeAuth} {
			if f := l.frame(); f.Type != want {
				t.Errorf("the client sent %+v, want %s", f, want)
			}
		}
		l.drop()
		l = s.link()
		if got := l.query.Get("cursor"); got != "e1:8" || l.header.Get("Authorization") != "Bearer new" {
			t.Errorf("the next link has the cursor %q and %s", got, l.header.Get("Authorization"))
		}
		l.send(resumed(8), event(9))
		expect(t, c, "event 8", "event 9")
		if f := l.frame(); f.Type != wire.TypePresence || string(f.Data) != `"here"` {
			t.Errorf("the client sent %+v, want its presence", f)
		}
		if err := c.Leave(t.Context()); err != nil {
			t.Errorf("Leave = %v", err)
		}
		if f := l.frame(); f.Type != wire.TypeLeave {
			t.Errorf("the client sent %+v, want its leave", f)
		}
	})
}

func TestPingOverEachTransport(t *testing.T) {
	overEach(t, func(t *testing.T, s *server, only []client.Transport) {
		c, l := s.open(client.Config{Transports: only}, welcome(5, "{}"))
		go func() {
			f := l.frame()
			time.Sleep(30 * time.Millisecond)
			l.send(fmt.Sprintf(`{"type":"pong","t":%s,"edge_us":7,"state_us":9}`, f.T))
		}()
		got, err := c.Latency(t.Context())
		if err != nil || got.Edge != 7*time.Microsecond || got.RoundTrip != 30*time.Millisecond {
			t.Errorf("Latency = %+v, %v", got, err)
		}
	})
}

func TestSendOnlyOverEachTransport(t *testing.T) {
	overEach(t, func(t *testing.T, s *server, only []client.Transport) {
		c, l := s.open(client.Config{Transports: only, SendOnly: true}, `{"type":"welcome","member":"m1","epoch":"e1","rev":5,"resumed":false,"acked":0,"known":true,"heartbeat":25000}`)
		if l.query.Get("watch") != "0" {
			t.Errorf("the link is asked for with %s", l.query.Encode())
		}
		p := start(t, c, "a")
		expectFrames(t, l, "command 1 a")
		l.send(ack(1, 6))
		if _, err := outcome(t, p); err != nil {
			t.Errorf("Wait = %v", err)
		}
	})
}

func TestSilenceOverEachTransport(t *testing.T) {
	overEach(t, func(t *testing.T, s *server, only []client.Transport) {
		c, l := s.open(client.Config{Transports: only}, welcome(5, "{}"))
		for range 20 {
			time.Sleep(25 * time.Second)
			if p, ok := l.pipe.(*eventPipe); ok {
				p.mu.Lock()
				fmt.Fprint(p.w, ":\n")
				_ = http.NewResponseController(p.w).Flush() // the client hears or does not
				p.mu.Unlock()
			} else if l.ws != nil {
				_ = l.ws.Ping(t.Context()) // the client hears or does not
			}
		}
		if c.Status().Phase != client.Online || len(s.links) > 0 {
			t.Fatalf("the client gave up a link that is alive: %+v", c.Status())
		}
	})
}

func TestFallsBackWhenRefused(t *testing.T) {
	for _, status := range []int{426, 406, 405, 403} { // the last one from a proxy
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t)
			tried := s.tried(func(w http.ResponseWriter, r *http.Request) bool {
				if transportOf(r) == client.LongPoll {
					return false
				}
				if status == 403 {
					w.WriteHeader(status)
				} else {
					problem(w, status)
				}
				return true
			})
			before := time.Now()
			_, l := s.open(client.Config{}, welcome(5, "{}"))
			if time.Since(before) > 0 || l.transport != client.LongPoll {
				t.Errorf("after status %d the client is linked by %s, after %v", status, l.transport, time.Since(before))
			}
			l.drop()
			s.link().send(resumed(5))
			synctest.Wait()
			if got := tried(); !slices.Equal(got[:2], client.AllTransports()[:2]) || slices.Contains(got[2:], client.WebSocket) {
				t.Errorf("the client tried %v", got)
			}
		})
	}
}

func TestTriesAgainWhatWasRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.tried(func(w http.ResponseWriter, r *http.Request) bool {
			if transportOf(r) == client.WebSocket {
				problem(w, http.StatusUpgradeRequired)
				return true
			}
			return false
		})
		_, l := s.open(client.Config{}, `{"type":"welcome","member":"m1","epoch":"e1","rev":5,"resumed":false,"acked":0,"known":true,"state":{},"heartbeat":0}`)
		s.refuse(nil)
		time.Sleep(9 * time.Minute)
		l.drop()
		if l = s.link(); l.transport != client.ServerSentEvents {
			t.Errorf("nine minutes later the link is %s, want sse", l.transport)
		}
		l.send(strings.Replace(resumed(5), "25000", "0", 1))
		time.Sleep(2 * time.Minute)
		l.drop()
		if l = s.link(); l.transport != client.WebSocket {
			t.Errorf("eleven minutes later the link is %s, want websocket", l.transport)
		}
		l.send(resumed(5))
	})
}

func TestRefusedByAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		tried := s.tried(func(w http.ResponseWriter, _ *http.Request) bool {
			problem(w, http.StatusNotAcceptable)
			return true
		})
		_, err := client.Open(t.Context(), "ws://memory/v1/room/1", client.Config{HTTPClient: s.client()})
		if r, ok := errors.AsType[*client.Refused](err); !ok || r.Status != 406 || !slices.Equal(tried(), client.AllTransports()) {
			t.Errorf("Open = %v after %v, want 406 after each once", err, tried())
		}
	})
}

// TestRefusalForAll: what the server itself says of the entity it says of every transport.
func TestRefusalForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		tried := s.tried(func(w http.ResponseWriter, _ *http.Request) bool {
			problem(w, http.StatusForbidden)
			return true
		})
		_, err := client.Open(t.Context(), "ws://memory/v1/room/1", client.Config{HTTPClient: s.client()})
		if r, ok := errors.AsType[*client.Refused](err); !ok || r.Status != 403 || len(tried()) != 1 {
			t.Errorf("Open = %v after %v, want 403 after one", err, tried())
		}
	})
}

// TestFallsBackWhenNothingComes: a proxy takes the connection and lets nothing through.
func TestFallsBackWhenNothingComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.tried(func(w http.ResponseWriter, r *http.Request) bool {
			switch transportOf(r) {
			case client.WebSocket:
				panic(http.ErrAbortHandler) // when it sees the upgrade
			case client.ServerSentEvents:
				<-r.Context().Done() // it gathers all of the answer first
				return true
			}
			return false
		})
		before := time.Now()
		_, l := s.open(client.Config{DialTimeout: 3 * time.Second}, welcome(5, "{}"))
		if waited := time.Since(before); l.transport != client.LongPoll || waited > 5*time.Second {
			t.Errorf("linked by %s after %v, want long poll within 5 s", l.transport, waited)
		}
	})
}

// TestFallsBackWhenNothingFollows: the welcome comes, and then a proxy gathers.
func TestFallsBackWhenNothingFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.open(client.Config{Transports: []client.Transport{client.ServerSentEvents, client.LongPoll}}, welcome(5, "{}"))
		before := time.Now()
		l := s.link()
		if l.transport != client.LongPoll {
			t.Errorf("the next link is %s, want longpoll", l.transport)
		}
		if waited := time.Since(before); waited < 50*time.Second || waited > 75*time.Second {
			t.Errorf("it came after %v, want two to three heartbeats", waited)
		}
		l.send(resumed(5))
	})
}

// TestStaysWhenTheNetworkGoes: a link that was alive and falls silent says nothing against its transport.
func TestStaysWhenTheNetworkGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		_, l := s.open(client.Config{}, welcome(5, "{}"))
		time.Sleep(30 * time.Second)
		l.send(event(6))
		if l = s.link(); l.transport != client.WebSocket {
			t.Errorf("the next link is %s, want websocket", l.transport)
		}
		l.send(resumed(6))
	})
}

func TestSetTransports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(5, "{}"))
		l.send(event(6))
		p := start(t, c, "a")
		expectFrames(t, l, "command 1 a")
		if err := c.SetTransports(client.LongPoll, client.WebSocket); err != nil {
			t.Fatal(err)
		}
		l.closed()
		l = s.link()
		if got := l.query.Get("cursor"); l.transport != client.LongPoll || got != "e1:6" {
			t.Errorf("the next link is %s with the cursor %s, want longpoll with e1:6", l.transport, got)
		}
		l.send(resumed(6), event(7))
		expectFrames(t, l, "command 1 a")
		l.send(event(8), ack(1, 8))
		if got, err := outcome(t, p); err != nil || got.ID != p.ID() {
			t.Errorf("Wait = %+v, %v", got, err)
		}
		expect(t, c, "state 5 {}", "event 6", "event 7", "event 8")
		if err := c.SetTransports("pigeon"); err == nil {
			t.Error("SetTransports of what is not known succeeded")
		}
		if err := c.SetTransports(client.LongPoll); err != nil || len(s.links) > 0 {
			t.Errorf("SetTransports = %v, and the link made way for another one of its own kind", err)
		}
	})
}

// TestReplacedByItself: a request that the client gave up reaches the server after the one that followed.
func TestReplacedByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const replaced = `{"type":"terminate","code":"replaced","message":"","reconnect":false}`
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(5, "{}"))
		l.drop()
		l = s.link()
		l.send(resumed(5), replaced)
		l = s.link()
		l.send(resumed(5), replaced) // by somebody else, then
		l.closed()
		synctest.Wait()
		if end, ok := errors.AsType[*client.Terminated](c.Err()); !ok || end.Code != wire.EndReplaced {
			t.Errorf("Err = %v, want the end by another link", c.Err())
		}
	})
}
