package client_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/wire"
)

func sse() client.Config {
	return client.Config{Transports: []client.Transport{client.ServerSentEvents}, Token: "secret"}
}

// TestPostsOneAtATime: what gathers while a POST is under way goes with the next one.
func TestPostsOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(sse(), welcome(5, "{}"))
		var under, posts, most atomic.Int64
		s.answerPosts(func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.EscapedPath() != "/v1/room/a%20b/commands" || r.URL.Query().Get("conn") != l.query.Get("conn") || r.Header.Get("Authorization") != "Bearer secret" {
				t.Errorf("POST to %s with %s", r.URL, r.Header.Get("Authorization"))
			}
			posts.Add(1)
			if under.Add(1) > 1 {
				t.Error("two POSTs at a time")
			}
			time.Sleep(time.Second)
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return true // the client is gone
			}
			lines := int64(strings.Count(string(body), "\n") + 1)
			most.Store(max(most.Load(), lines))
			for line := range wire.Frames(body) {
				l.got(line)
			}
			under.Add(-1)
			return true
		})
		var calls []*client.Call
		for i := range 256 {
			calls = append(calls, start(t, c, fmt.Sprint(i)))
		}
		for range 300 {
			if err := c.Signal("wave", strings.Repeat("a", 50)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range calls {
			for f := l.frame(); f.Type != wire.TypeCommand || f.ID != uint64(i+1); f = l.frame() {
				if f.Type == wire.TypeCommand {
					t.Fatalf("command %d came after %d", f.ID, i)
				}
			}
			l.send(ack(uint64(i+1), 5))
		}
		for _, p := range calls {
			if _, err := outcome(t, p); err != nil {
				t.Errorf("Wait = %v", err)
			}
		}
		if most.Load() > 256 || most.Load() < 100 || posts.Load() > 6 {
			t.Errorf("%d POSTs, with up to %d frames", posts.Load(), most.Load())
		}
	})
}

// TestAnswersOfPosts: what a POST says of rejections counts; acknowledgements come after their events.
func TestAnswersOfPosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(sse(), welcome(5, "{}"))
		s.answerPosts(func(w http.ResponseWriter, _ *http.Request) bool {
			fmt.Fprintln(w, `{"type":"reject","id":1,"code":"overloaded","message":"later"}`)
			fmt.Fprintln(w, ack(2, 6))
			return true
		})
		first, second := start(t, c, "a"), start(t, c, "b")
		if _, err := outcome(t, first); err == nil || err.Error() != "rejected: overloaded: later" {
			t.Errorf("Wait = %v, want the rejection", err)
		}
		time.Sleep(5 * time.Second)
		select {
		case <-second.Done():
			t.Error("the command was acknowledged before its event came")
		default:
		}
		l.send(event(6), ack(2, 6))
		if got, err := outcome(t, second); err != nil || got.Revision != 6 {
			t.Errorf("Wait = %v, %v", got, err)
		}
		time.Sleep(15 * time.Second)
		if len(s.links) > 0 {
			t.Error("the client came again though nothing was missing")
		}
	})
}

func TestPostFails(t *testing.T) {
	for name, test := range map[string]struct {
		answer func(w http.ResponseWriter)
		after  time.Duration // until the next link, at least; and half a second more at most
		final  int
	}{
		"taken over": {func(w http.ResponseWriter) { problem(w, http.StatusConflict) }, 0, 0},
		"draining": {func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "7")
			problem(w, http.StatusServiceUnavailable)
		}, 7 * time.Second, 0},
		"cut off":        {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 0, 0},
		"not a frame":    {func(w http.ResponseWriter) { fmt.Fprintln(w, "<html>") }, 0, 0},
		"malformed":      {func(w http.ResponseWriter) { problem(w, http.StatusBadRequest) }, 0, 400},
		"another's conn": {func(w http.ResponseWriter) { problem(w, http.StatusForbidden) }, 0, 403},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				c, _ := s.open(sse(), welcome(5, "{}"))
				s.answerPosts(func(w http.ResponseWriter, _ *http.Request) bool {
					test.answer(w)
					return true
				})
				before := time.Now()
				p := start(t, c, "a")
				if test.final > 0 {
					_, err := outcome(t, p)
					if r, ok := errors.AsType[*client.Refused](err); !ok || r.Status != test.final || !errors.Is(err, client.ErrFateUnknown) {
						t.Errorf("Wait = %v, want status %d and ErrFateUnknown", err, test.final)
					}
					return
				}
				l := s.link()
				if waited := time.Since(before); waited < test.after || waited > test.after+500*time.Millisecond {
					t.Errorf("the client came again after %v, want %v", waited, test.after)
				}
				s.answerPosts(nil)
				l.send(resumed(5))
				expectFrames(t, l, "command 1 a")
				l.send(event(6), ack(1, 6))
				if _, err := outcome(t, p); err != nil {
					t.Errorf("Wait = %v", err)
				}
			})
		})
	}
}

// TestPollsAreNumbered, so that the server knows one that is sent again; what it began anew is told how the client is present.
func TestPollsAreNumbered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		var seen []string
		s.refuse(func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodGet {
				seen = append(seen, r.URL.Query().Get("poll"))
			}
			return false
		})
		c, l := s.open(client.Config{Transports: []client.Transport{client.LongPoll}}, welcome(5, "{}"))
		if err := c.SetPresence("here"); err != nil {
			t.Fatal(err)
		}
		expectFrames(t, l, "presence 0 ")
		for range 2 {
			l.send(resumed(5))
			expectFrames(t, l, "presence 0 ")
		}
		synctest.Wait()
		if got := strings.Join(seen, " "); got != " 1 2 3" {
			t.Errorf("polls were numbered %q, want none for the first, then 1, 2, 3", got)
		}
	})
}

// TestPostThatHangs: the client does not wait for ever on a connection that is dead.
func TestPostThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, _ := s.open(client.Config{Transports: []client.Transport{client.LongPoll}}, welcome(5, "{}"))
		s.answerPosts(func(_ http.ResponseWriter, r *http.Request) bool {
			_, _ = io.ReadAll(r.Body) // so that the end of the client is seen
			<-r.Context().Done()
			return true
		})
		p := start(t, c, "a")
		l := s.link()
		s.answerPosts(nil)
		l.send(resumed(5), ack(1, 5))
		if _, err := outcome(t, p); err != nil {
			t.Errorf("Wait = %v", err)
		}
	})
}
