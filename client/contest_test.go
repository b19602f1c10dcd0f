package client_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/client"
)

// TestTwoPollUnderOneName: a request of the client's own may come late, once. What comes again is another client, which
// is given way to.
func TestTwoPollUnderOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c, l := s.open(client.Config{Transports: []client.Transport{client.LongPoll}}, welcome(5, "{}"))
		conflict := func(rev int) {
			synctest.Wait() // a poll waits
			s.refuse(func(w http.ResponseWriter, r *http.Request) bool {
				later := r.URL.Query().Has("poll")
				if later {
					problem(w, http.StatusConflict)
				}
				return later
			})
			l.send(event(rev)) // ends the poll that waits
			synctest.Wait()
		}
		back := func(rev int) {
			l = s.link()
			s.refuse(nil)
			l.send(resumed(rev))
			synctest.Wait()
			if got := c.Status(); got.Phase != client.Online {
				t.Fatalf("Status = %+v, want online", got)
			}
		}
		conflict(6)
		back(6)
		time.Sleep(31 * time.Second)
		conflict(7)
		back(7)
		conflict(8)
		if end, ok := errors.AsType[*client.Terminated](c.Err()); !ok || end.Code != "replaced" {
			t.Errorf("Err = %v, want that it was replaced", c.Err())
		}
	})
}
