package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/client"
)

// refusePosts has POSTs answered with a problem of that status, code and Retry-After until the function is called.
func (s *server) refusePosts(status int, kind, code, after string) (stop func()) {
	s.answerPosts(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Retry-After", after)
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"title":"Unavailable","detail":"nobody is there","code":%q}`, code)
		return true
	})
	return func() { s.answerPosts(nil) }
}

const problemType = "application/problem+json"

// TestPostUnserved: what nobody serves is rejected at once, as over a WebSocket, and the link stays.
func TestPostUnserved(t *testing.T) {
	for _, transport := range []client.Transport{client.ServerSentEvents, client.LongPoll} {
		t.Run(string(transport), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				c, l := s.open(client.Config{Transports: []client.Transport{transport}}, welcome(5, "{}"))
				stop := s.refusePosts(http.StatusServiceUnavailable, problemType, "unavailable", "1")
				for _, name := range []string{"a", "b"} {
					_, err := outcome(t, start(t, c, name))
					if r, ok := errors.AsType[*client.Rejected](err); !ok || r.Code != "unavailable" || r.Message != "nobody is there" {
						t.Errorf("Wait = %v, want a rejection that says unavailable", err)
					}
				}
				stop()
				p := start(t, c, "c")
				expectFrames(t, l, "command 3 c")
				l.send(ack(3, 5))
				if _, err := outcome(t, p); err != nil {
					t.Errorf("Wait = %v", err)
				}
				if got := c.Status(); got.Phase != client.Online || len(s.links) > 0 {
					t.Errorf("Status = %+v, want the same link", got)
				}
			})
		})
	}
}

// TestSentBeforeAndUnserved: what may have come through over another link is sent until it has an answer.
func TestSentBeforeAndUnserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(5, "{}"))
		before := start(t, c, "a")
		expectFrames(t, l, "command 1 a")
		stop := s.refusePosts(http.StatusServiceUnavailable, problemType, "unavailable", "1")
		if err := c.SetTransports(client.ServerSentEvents); err != nil {
			t.Fatal(err)
		}
		s.link().send(resumed(5))
		synctest.Wait()
		select {
		case <-before.Done():
			_, err := before.Wait(t.Context())
			t.Fatalf("Wait = %v of a command that may have had its effect", err)
		default:
		}
		stop()
		l = s.link()
		l.send(resumed(5))
		expectFrames(t, l, "command 1 a")
		l.send(ack(1, 6))
		if _, err := outcome(t, before); err != nil {
			t.Errorf("Wait = %v", err)
		}
	})
}

// answered has a command that a POST has acknowledged at revision 6, and whose event the stream lacks.
func answered(t *testing.T) (*server, *serverLink, *client.Call) {
	t.Helper()
	s := newServer(t)
	c, l := s.open(sse(), welcome(5, "{}"))
	s.countedPosts(ack(1, 6))
	p := start(t, c, "a")
	synctest.Wait()
	return s, l, p
}

// TestAnsweredAndUnserved: what a POST has acknowledged is not rejected when it is asked for again in vain.
func TestAnsweredAndUnserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l, p := answered(t)
		s.refusePosts(http.StatusServiceUnavailable, problemType, "unavailable", "1")
		time.Sleep(5 * time.Second)
		l.send(event(6))
		if got, err := outcome(t, p); err != nil || got.Revision != 6 || len(s.links) > 0 {
			t.Errorf("Wait = %+v, %v, and there are %d further links", got, err, len(s.links))
		}
	})
}

// TestAnsweredAndUnservedOverAnotherLink: it is asked for until there is somebody, also where the stream brings nothing.
func TestAnsweredAndUnservedOverAnotherLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l, p := answered(t)
		stop := s.refusePosts(http.StatusServiceUnavailable, problemType, "unavailable", "1")
		l.drop()
		l = s.link()
		l.send(resumed(5))
		time.Sleep(time.Second)
		stop()
		expectFrames(t, l, "command 1 a")
		l.send(event(6))
		if got, err := outcome(t, p); err != nil || got.Revision != 6 {
			t.Errorf("Wait = %+v, %v", got, err)
		}
	})
}

// TestAnsweredByAnEntityThatIsNoMore: what a POST has acknowledged is sent again once the entity is another one, on the same link, and not
// rejected where it finds nobody then.
func TestAnsweredByAnEntityThatIsNoMore(t *testing.T) {
	for _, served := range []bool{true, false} {
		t.Run(fmt.Sprintf("served %t", served), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, l, p := answered(t)
				stop := func() { s.answerPosts(nil) }
				if stop(); !served {
					stop = s.refusePosts(http.StatusServiceUnavailable, problemType, "unavailable", "1")
				}
				l.send(strings.Replace(welcome(0, "{}"), "e1", "e2", 1))
				synctest.Wait()
				if stop(); !served {
					l = s.link()
					l.send(strings.Replace(resumed(0), "e1", "e2", 1))
				}
				expectFrames(t, l, "command 1 a")
				l.send(event(1))
				l.send(ack(1, 1))
				if got, err := outcome(t, p); err != nil || got.Revision != 1 {
					t.Errorf("Wait = %+v, %v", got, err)
				}
			})
		})
	}
}

// TestPostRefusedOtherwise: a command that is refused in any other way is sent again.
func TestPostRefusedOtherwise(t *testing.T) {
	for name, refuse := range map[string]func(*server) func(){
		"a node that stops": func(s *server) func() {
			return s.refusePosts(http.StatusServiceUnavailable, problemType, "unavailable", "0")
		},
		"overloaded": func(s *server) func() {
			return s.refusePosts(http.StatusServiceUnavailable, problemType, "overloaded", "1")
		},
		"a node that stops, says somebody on the way": func(s *server) func() {
			first := true
			s.answerPosts(func(w http.ResponseWriter, _ *http.Request) bool {
				if first {
					first = false
					w.Header().Set("Retry-After", "0")
					w.WriteHeader(http.StatusServiceUnavailable)
				} else {
					w.Header().Set("Retry-After", "1")
					w.Header().Set("Content-Type", problemType)
					w.WriteHeader(http.StatusServiceUnavailable)
					fmt.Fprint(w, `{"code":"unavailable"}`)
				}
				return true
			})
			return func() { s.answerPosts(nil) }
		},
		"outcome unknown": func(s *server) func() {
			return s.refusePosts(http.StatusGatewayTimeout, problemType, "unavailable", "1")
		},
		"somebody on the way": func(s *server) func() {
			return s.refusePosts(http.StatusServiceUnavailable, "application/json", "unavailable", "1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				c, _ := s.open(sse(), welcome(5, "{}"))
				stop := refuse(s)
				p := start(t, c, "a")
				time.Sleep(time.Second)
				stop()
				l := s.link()
				l.send(resumed(5))
				expectFrames(t, l, "command 1 a")
				l.send(ack(1, 5))
				if _, err := outcome(t, p); err != nil {
					t.Errorf("Wait = %v", err)
				}
			})
		})
	}
}
