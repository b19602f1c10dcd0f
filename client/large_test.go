package client_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tutti-rt/tutti/client"
)

// refuseLong has every POST answered with 413 that is longer than most, or has more than frames frames.
func (s *server) refuseLong(most, frames int) {
	s.answerPosts(func(w http.ResponseWriter, r *http.Request) bool {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return true // the client is gone
		}
		if len(body) > most || strings.Count(string(body), "\n") >= frames {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return true
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		return false
	})
}

// TestPostTooLarge: what is too large for somebody on the way is rejected, and the rest comes through.
func TestPostTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(sse(), welcome(5, "{}"))
		s.refuseLong(1000, 2)
		var calls []*client.Call
		for _, name := range []string{"a", "b", strings.Repeat("c", 1000), "d", "e"} {
			calls = append(calls, start(t, c, name))
		}
		expectFrames(t, l, "command 1 a", "command 2 b", "command 4 d", "command 5 e")
		for _, id := range []uint64{1, 2, 4, 5} {
			l.send(ack(id, 5))
		}
		for i, p := range calls {
			_, err := outcome(t, p)
			if r, ok := errors.AsType[*client.Rejected](err); ok != (i == 2) || ok && r.Code != "too_large" {
				t.Errorf("Wait of command %d = %v", i+1, err)
			}
		}
		if got := c.Status(); got.Phase != client.Online || len(s.links) > 0 {
			t.Errorf("Status = %+v, want the same link", got)
		}
	})
}

// TestSentBeforeAndTooLarge: a command may have come through over another link.
func TestSentBeforeAndTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{}, welcome(5, "{}"))
		p := start(t, c, "a")
		expectFrames(t, l, "command 1 a")
		s.refuseLong(10, 1)
		if err := c.SetTransports(client.LongPoll); err != nil {
			t.Fatal(err)
		}
		s.link().send(resumed(5))
		_, err := outcome(t, p)
		if r, ok := errors.AsType[*client.Refused](err); !ok || r.Status != http.StatusRequestEntityTooLarge || !errors.Is(err, client.ErrFateUnknown) {
			t.Errorf("Wait = %v, want status 413 and ErrFateUnknown", err)
		}
	})
}
