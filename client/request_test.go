package client_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/client"
)

// TestEdgeThatStops: a request that an edge refuses because it stops is made again, and the link stays; a poll once.
func TestEdgeThatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{Transports: []client.Transport{client.LongPoll}}, welcome(5, "{}"))
		var requests, most atomic.Int64
		most.Store(5)
		stops := func(w http.ResponseWriter) bool {
			if requests.Add(1)%most.Load() == 0 {
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
		requests.Store(0)
		most.Store(2)
		s.refuse(func(w http.ResponseWriter, _ *http.Request) bool { return stops(w) })
		l.send(event(6)) // ends the poll
		time.Sleep(time.Second)
		l.send(event(7))
		expect(t, c, "state 5 {}", "event 6", "event 7")
		if len(s.links) > 0 {
			t.Errorf("%d further links", len(s.links))
		}
		time.Sleep(time.Second)
		requests.Store(0)
		most.Store(3)
		l.send(event(8))
		l = s.link()
		l.send(resumed(8))
		expect(t, c, "event 8")
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
