package client_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/client"
)

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

// TestTracedAnswerOfAPost: a traced command that a POST acknowledges says where the time went, from when that was sent.
func TestTracedAnswerOfAPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, _ := s.open(sse(), welcome(5, "{}"))
		s.answerPosts(func(w http.ResponseWriter, _ *http.Request) bool {
			time.Sleep(20 * time.Millisecond)
			fmt.Fprintln(w, `{"type":"ack","id":1,"rev":5,"trace":{"edge":1,"bus":2,"mailbox":3,"handler":4,"journal":5,"fanout":6,"at":7}}`)
			return true
		})
		time.Sleep(time.Second) // the client's clock is not at its beginning
		p, err := c.Start(t.Context(), client.Command{Name: "say", Data: "a", Trace: true})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		got, err := outcome(t, p)
		if l := got.Latency; err != nil || l.RoundTrip != 20*time.Millisecond || l.Journal != 5*time.Microsecond || got.Hops == nil {
			t.Errorf("Wait = %+v, %v, want a round trip of 20ms and 5µs for the journal", got, err)
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
