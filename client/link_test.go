package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/wire"
)

// respond lets the server answer every request with this status.
func (s *server) respond(status int, header, body string) {
	s.refuse(func(w http.ResponseWriter, _ *http.Request) bool {
		if header != "" {
			w.Header().Set("Retry-After", header)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
		return true
	})
}

func TestTerminatedForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(5, "{}"))
		p := start(t, c, "a")
		expectFrames(t, l, "command 1 a")
		l.send(`{"type":"terminate","code":"replaced","message":"another link","reconnect":false}`)
		l.closed()
		check := func(what string, err error) {
			t.Helper()
			if end, ok := errors.AsType[*client.Terminated](err); !ok || end.Code != "replaced" || end.Message != "another link" {
				t.Errorf("%s = %v, want the *Terminated", what, err)
			}
		}
		_, err := outcome(t, p)
		check("Wait", err)
		if !errors.Is(err, client.ErrFateUnknown) {
			t.Errorf("Wait = %v, want ErrFateUnknown as well", err)
		}
		expect(t, c, "state 5 {}")
		for _, err := range c.Updates(t.Context()) {
			check("Updates", err)
		}
		_, err = c.Send(t.Context(), "b", nil)
		check("Send", err)
		check("Err", c.Err())
		check("Status", c.Status().Err)
		time.Sleep(time.Hour)
		if len(s.links) > 0 {
			t.Error("the client came back")
		}
	})
}

func TestTerminatedForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		_, l := s.open(client.Config{}, welcome(5, "{}"))
		before := time.Now()
		l.send(`{"type":"terminate","code":"draining","message":"","reconnect":true,"after":1500}`)
		l = s.link()
		if waited := time.Since(before); waited < 1500*time.Millisecond || waited > 1600*time.Millisecond {
			t.Errorf("the client came back after %v, want 1.5 s", waited)
		}
		l.send(resumed(5))
	})
}

// A link that the server moves is followed by the next one at once, a few times in a row.
func TestMovedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		_, l := s.open(client.Config{}, welcome(5, "{}"))
		for moves := range 12 {
			before := time.Now()
			l.send(`{"type":"terminate","code":"draining","message":"","reconnect":true,"after":0}`)
			l = s.link()
			if waited := time.Since(before); moves < 8 && waited > 0 {
				t.Errorf("after %d moves the client came back after %v, want at once", moves, waited)
			} else if moves > 8 && waited == 0 {
				t.Error("the client comes back at once for ever")
			}
			l.send(resumed(5))
			synctest.Wait()
		}
	})
}

func TestCloseCodes(t *testing.T) {
	for code, back := range map[websocket.StatusCode]bool{4400: false, 4403: false, 4409: false, 4408: true, 4503: true, 1001: true} {
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t)
			c, l := s.open(client.Config{}, welcome(5, "{}"))
			_ = l.ws.Close(code, "")
			synctest.Wait()
			time.Sleep(time.Second)
			if got := len(s.links) > 0; got != back || (c.Err() == nil) != back {
				t.Errorf("after close code %d: came back %t and Err = %v, want %t", code, got, c.Err(), back)
			}
		})
	}
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		_, l := s.open(client.Config{}, welcome(5, "{}")) // which promises a ping every 25 s
		for range 20 {
			time.Sleep(25 * time.Second)
			if err := l.ws.Ping(t.Context()); err != nil {
				t.Fatalf("Ping = %v", err)
			}
		}
		if len(s.links) > 0 {
			t.Fatal("the client gave up a link that is alive")
		}
		before := time.Now()
		l.closed()
		if waited := time.Since(before); waited < 50*time.Second || waited > 75*time.Second {
			t.Errorf("the client gave up the silent link after %v, want two to three heartbeats", waited)
		}
		s.link().send(resumed(5))
	})
}

func TestNoWelcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		_, l := s.open(client.Config{DialTimeout: 3 * time.Second}, welcome(5, "{}"))
		l.drop()
		l = s.link()
		before := time.Now()
		l.closed()
		if waited := time.Since(before); waited != 3*time.Second {
			t.Errorf("the client waited %v for the welcome, want 3 s", waited)
		}
	})
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{Backoff: client.Backoff{Min: time.Second, Max: 20 * time.Second}}, welcome(5, "{}"))
		var at []time.Duration
		before := time.Now()
		s.refuse(func(w http.ResponseWriter, _ *http.Request) bool {
			at = append(at, time.Since(before))
			w.WriteHeader(http.StatusInternalServerError)
			return true
		})
		l.drop()
		time.Sleep(10 * time.Minute)
		s.refuse(nil)
		s.link().send(resumed(5))
		most, last, waits := time.Second, time.Duration(0), 0
		for _, a := range at {
			if a-last > most {
				t.Errorf("attempt %d came after %v, want at most %v", waits, a-last, most)
			}
			most, last, waits = min(2*most, 20*time.Second), a, waits+1
		}
		if waits < 30 || waits > 120 { // 10 minutes of waits between 0 and 20 s
			t.Errorf("%d attempts within ten minutes, want about 60", waits)
		}
		synctest.Wait()
		if got := c.Status().Phase; got != client.Online {
			t.Errorf("Status = %v, want online", got)
		}
	})
}

// A link that is welcomed and lost at once is a failure as well.
func TestBackoffOfShortLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		_, l := s.open(client.Config{Transports: []client.Transport{client.WebSocket}}, welcome(5, "{}"))
		began := time.Now()
		for range 20 {
			l.drop()
			l = s.link()
			l.send(resumed(5))
			synctest.Wait()
		}
		if waited := time.Since(began); waited < 20*time.Second {
			t.Errorf("20 links one after the other took %v", waited)
		}
		time.Sleep(6 * time.Second)
		began = time.Now()
		l.drop()
		s.link()
		if waited := time.Since(began); waited > 100*time.Millisecond {
			t.Errorf("after a link that was steady the client waited %v", waited)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(5, "{}"))
		s.respond(http.StatusServiceUnavailable, "30", `{"title":"draining","detail":"come back"}`)
		l.drop()
		time.Sleep(time.Second)
		s.refuse(nil)
		if r, ok := errors.AsType[*client.Refused](c.Status().Err); !ok || r.Status != 503 || r.Detail != "come back" || r.RetryAfter != 30*time.Second {
			t.Errorf("Status.Err = %v, want the server's answer", c.Status().Err)
		}
		before := time.Now()
		s.link().send(resumed(5))
		if waited := time.Since(before); waited < 28*time.Second || waited > 31*time.Second {
			t.Errorf("the client came back after %v, want 30 s", waited)
		}
	})
}

func TestRefused(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 426} {
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t)
			s.respond(status, "", `{"title":"no"}`)
			before := time.Now()
			_, err := client.Open(t.Context(), "http://memory/v1/room/1", client.Config{HTTPClient: s.client()})
			if r, ok := errors.AsType[*client.Refused](err); !ok || r.Status != status || r.Detail != "no" {
				t.Errorf("Open = %v, want status %d", err, status)
			}
			if time.Since(before) > 0 {
				t.Errorf("Open tried again after status %d", status)
			}
		})
	}
}

func TestOpenGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.respond(http.StatusServiceUnavailable, "", "")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := client.Open(ctx, "ws://memory/v1/room/1", client.Config{HTTPClient: s.client()})
		if _, ok := errors.AsType[*client.Refused](err); !ok || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Open = %v, want DeadlineExceeded and the last refusal", err)
		}
	})
}

func TestOpenReportsEveryMistake(t *testing.T) {
	_, err := client.Open(t.Context(), "ftp://memory", client.Config{Conn: "short", InFlight: 257, Unread: -1, MaxMessage: -1, Cursor: wire.Cursor{Epoch: "é"}})
	if err == nil {
		t.Fatal("Open succeeded")
	}
	for _, want := range []string{"ftp", "Conn", "InFlight", "Unread", "negative", "Cursor"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Open = %v, which does not name %s", err, want)
		}
	}
}

func TestSignalAndPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(5, "{}"))
		if err := c.Signal("cursor", [2]int{3, 4}); err != nil {
			t.Errorf("Signal = %v", err)
		}
		if f := l.frame(); f.Type != wire.TypeSignal || f.Name != "cursor" || string(f.Data) != "[3,4]" {
			t.Errorf("the client sent %+v", f)
		}
		if err := c.SetPresence("here"); err != nil {
			t.Errorf("SetPresence = %v", err)
		}
		if f := l.frame(); f.Type != wire.TypePresence || string(f.Data) != `"here"` {
			t.Errorf("the client sent %+v", f)
		}
		l.drop()
		synctest.Wait()
		if err := c.Signal("cursor", nil); !errors.Is(err, client.ErrOffline) {
			t.Errorf("Signal without a link = %v, want ErrOffline", err)
		}
		l = s.link()
		l.send(resumed(5))
		if f := l.frame(); f.Type != wire.TypePresence || string(f.Data) != `"here"` {
			t.Errorf("over the next link the client sent %+v, want its presence", f)
		}
		expectFrames(t, l)
	})
}

func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(5, "{}"))
		done := make(chan error)
		go func() { done <- c.Leave(t.Context()) }()
		expectFrames(t, l, "leave 0 ")
		l.closed()
		if err := <-done; err != nil {
			t.Errorf("Leave = %v", err)
		}
		time.Sleep(time.Minute)
		if len(s.links) > 0 || !errors.Is(c.Err(), client.ErrClosed) {
			t.Errorf("after Leave the client came back, or Err = %v", c.Err())
		}
	})
}

// TestCloseDoesNotWaitForADeadServer has a server that answers nothing any more.
func TestCloseDoesNotWaitForADeadServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(5, "{}"))
		l.deaf <- struct{}{}
		defer func() { <-l.deaf }()
		if err := c.Signal("x", nil); err != nil {
			t.Errorf("Signal = %v", err)
		}
		synctest.Wait()
		before := time.Now()
		if err := c.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		if waited := time.Since(before); waited > 2*time.Second {
			t.Errorf("Close took %v", waited)
		}
	})
}

func TestSignalOverABusyLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(5, "{}"))
		l.deaf <- struct{}{}
		defer func() { <-l.deaf }()
		taken := 0
		for c.Signal("x", nil) == nil {
			synctest.Wait()
			taken++
		}
		if err := c.Signal("x", nil); !errors.Is(err, client.ErrBusy) || taken > 2000 {
			t.Errorf("Signal = %v after %d that were taken, want ErrBusy", err, taken)
		}
	})
}

func TestStatuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(5, "{}"))
		var got []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			for status := range c.Statuses(t.Context()) {
				got = append(got, fmt.Sprintf("%v recovering=%t failed=%t", status.Phase, status.Recovering, status.Err != nil))
			}
		}()
		synctest.Wait()
		l.send(`{"type":"status","state":"recovering"}`)
		synctest.Wait()
		l.send(`{"type":"status","state":"serving"}`)
		synctest.Wait()
		l.drop()
		s.link().send(resumed(5))
		synctest.Wait()
		_ = c.Close()
		<-done
		want := []string{
			"online recovering=false failed=false", "online recovering=true failed=false", "online recovering=false failed=false",
			"waiting recovering=false failed=true", "connecting recovering=false failed=false",
			"online recovering=false failed=false", "closed recovering=false failed=false",
		}
		if !slices.Equal(got, want) {
			t.Errorf("Statuses = %q, want %q", got, want)
		}
	})
}
