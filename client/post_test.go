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

// countedPosts has each POST answered so, and returns how many have come.
func (s *server) countedPosts(answer string) *atomic.Int64 {
	posts := &atomic.Int64{}
	s.answerPosts(func(w http.ResponseWriter, _ *http.Request) bool {
		posts.Add(1)
		fmt.Fprintln(w, answer)
		return true
	})
	return posts
}

// TestAnswerThatTheStreamMisses: the client asks again, and at last over another link.
func TestAnswerThatTheStreamMisses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, _ := s.open(sse(), welcome(5, "{}"))
		posts := s.countedPosts(ack(1, 6))
		p := start(t, c, "a")
		before := time.Now()
		l := s.link()
		if waited := time.Since(before); waited < 5*time.Second || waited > 15*time.Second {
			t.Errorf("the client came again after %v", waited)
		}
		if n := posts.Load(); n < 4 || n > 12 {
			t.Errorf("%d POSTs in 10 s", n)
		}
		l.send(resumed(5))
		time.Sleep(time.Second)
		select {
		case <-p.Done():
			t.Error("the command was acknowledged before its event came")
		default:
		}
		l.send(event(6))
		if got, err := outcome(t, p); err != nil || string(got.Reply) != `{"n":1}` {
			t.Errorf("Wait = %+v, %v", got, err)
		}
	})
}

// TestAnswerAskedForAgain: what has no event to wait for comes when it is asked for again, with the reply of the first time.
func TestAnswerAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(sse(), welcome(5, "{}"))
		posts := s.countedPosts(ack(1, 6))
		p := start(t, c, "a")
		before := time.Now()
		for posts.Load() < 2 {
			time.Sleep(time.Millisecond)
		}
		if waited := time.Since(before); waited > 600*time.Millisecond {
			t.Errorf("the client asked again after %v", waited)
		}
		l.send(`{"type":"ack","id":1,"rev":6}`)
		if got, err := outcome(t, p); err != nil || got.Revision != 6 || string(got.Reply) != `{"n":1}` {
			t.Errorf("Wait = %+v, %v", got, err)
		}
		time.Sleep(time.Minute)
		if n := posts.Load(); n > 3 || len(s.links) > 0 {
			t.Errorf("%d POSTs, %d further links", n, len(s.links))
		}
	})
}

// TestAnswerOfWhatWasSeen: an answer whose events have come does not wait for the stream, nor does one that comes before its events
// wait for more than those.
func TestAnswerOfWhatWasSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(sse(), welcome(5, "{}"))
		posts := s.countedPosts(ack(1, 6))
		at := time.Now()
		l.send(event(6))
		synctest.Wait()
		if got, err := outcome(t, start(t, c, "a")); err != nil || got.Revision != 6 || !time.Now().Equal(at) {
			t.Errorf("Wait = %+v, %v after %s", got, err, time.Since(at))
		}
		s.countedPosts(ack(2, 7))
		second := start(t, c, "b")
		synctest.Wait()
		l.send(event(7))
		if got, err := outcome(t, second); err != nil || got.Revision != 7 || !time.Now().Equal(at) {
			t.Errorf("Wait = %+v, %v after %s", got, err, time.Since(at))
		}
		time.Sleep(time.Minute)
		if n := posts.Load(); n != 1 || len(s.links) > 0 {
			t.Errorf("%d POSTs, %d further links", n, len(s.links))
		}
	})
}

// TestTracedAnswerOfAPost: where the time went counts from the answer that counts.
func TestTracedAnswerOfAPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, _ := s.open(sse(), welcome(5, "{}"))
		s.countedPosts(`{"type":"ack","id":1,"rev":5,"trace":{"edge":1,"bus":2,"mailbox":3,"handler":4,"journal":5,"fanout":6,"at":7}}`)
		p, err := c.Start(t.Context(), client.Command{Name: "say", Data: "a", Trace: true})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got, err := outcome(t, p)
		if err != nil || got.Latency.Journal != 5*time.Microsecond || got.Hops == nil {
			t.Errorf("Wait = %+v, %v", got, err)
		}
	})
}

// TestAnswerOfAnotherEpoch: what was told of an entity that has lost its history since, says nothing.
func TestAnswerOfAnotherEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(sse(), welcome(5, "{}"))
		s.countedPosts(ack(1, 6))
		p := start(t, c, "a")
		synctest.Wait()
		s.answerPosts(nil)
		l.drop()
		l = s.link()
		l.send(strings.ReplaceAll(welcome(9, "{}"), "e1", "e2"))
		expectFrames(t, l, "command 1 a")
		select {
		case <-p.Done():
			t.Error("the command was acknowledged by what is no more")
		default:
		}
		l.send(ack(1, 10))
		if got, err := outcome(t, p); err != nil || got.Revision != 10 {
			t.Errorf("Wait = %+v, %v", got, err)
		}
	})
}

// TestAnswerAtAnotherEdge: polls have gone to another edge, and the answer through the one before is lost. The client comes again
// soon where asking again does not help.
func TestAnswerAtAnotherEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{Transports: []client.Transport{client.LongPoll}}, welcome(5, "{}"))
		s.countedPosts(ack(1, 6))
		p := start(t, c, "a")
		synctest.Wait()
		l.send(resumed(5))
		before := time.Now()
		l = s.link()
		if waited := time.Since(before); waited > 3*time.Second {
			t.Errorf("the client came again after %v", waited)
		}
		s.answerPosts(nil)
		l.send(resumed(5), event(6), ack(1, 6))
		if _, err := outcome(t, p); err != nil {
			t.Errorf("Wait = %v", err)
		}
	})
}

// TestEdgeThatStops: a request that an edge refuses because it stops is made again, and the link stays.
func TestEdgeThatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{Transports: []client.Transport{client.LongPoll}}, welcome(5, "{}"))
		var requests atomic.Int64
		stops := func(w http.ResponseWriter) bool {
			if requests.Add(1)%5 == 0 {
				return false
			}
			w.Header().Set("Retry-After", "0")
			problem(w, http.StatusServiceUnavailable)
			return true
		}
		s.answerPosts(func(w http.ResponseWriter, _ *http.Request) bool {
			if !stops(w) {
				fmt.Fprintln(w, ack(1, 5))
			}
			return true
		})
		p := start(t, c, "a")
		time.Sleep(time.Second)
		if _, err := outcome(t, p); err != nil || requests.Load() != 5 {
			t.Errorf("Wait = %v after %d requests", err, requests.Load())
		}
		s.refuse(func(w http.ResponseWriter, _ *http.Request) bool { return stops(w) })
		l.send(event(6)) // ends the poll
		time.Sleep(time.Second)
		l.send(event(7))
		expect(t, c, "state 5 {}", "event 6", "event 7")
		if len(s.links) > 0 {
			t.Errorf("%d further links", len(s.links))
		}
	})
}

// TestNobodyDialed: a request that nobody has got is made again, and the link stays; not for ever.
func TestNobodyDialed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{Transports: []client.Transport{client.LongPoll}}, welcome(5, "{}"))
		posts := s.countedPosts(ack(1, 5))
		s.unreachable.Store(4)
		p := start(t, c, "a")
		time.Sleep(600 * time.Millisecond)
		if _, err := outcome(t, p); err != nil {
			t.Errorf("Wait = %v", err)
		}
		s.unreachable.Store(4)
		l.send(event(6)) // ends the poll
		expect(t, c, "state 5 {}", "event 6")
		time.Sleep(time.Second)
		l.send(event(7))
		expect(t, c, "event 7")
		if n := posts.Load(); n != 1 || len(s.links) > 0 {
			t.Errorf("%d POSTs, %d further links", n, len(s.links))
		}
		s.unreachable.Store(1000)
		start(t, c, "b")
		time.Sleep(time.Second)
		if s := c.Status(); s.Phase == client.Online {
			t.Errorf("the client is %+v though nobody can be reached", s)
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
