package client_test

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/client"
)

// An edge that stops has others asked almost at once, whatever the transport, which stays the same; where there is no other, not for ever.
func TestRefusedByAnEdgeThatStops(t *testing.T) {
	for _, transport := range client.AllTransports() {
		t.Run(string(transport), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				order := slices.DeleteFunc(client.AllTransports(), func(other client.Transport) bool { return other == transport })
				c, l := s.open(client.Config{Transports: append([]client.Transport{transport}, order...)}, welcome(5, "{}"))
				var tries atomic.Int64
				stops := func(most int64) {
					tries.Store(0)
					s.refuse(func(w http.ResponseWriter, _ *http.Request) bool {
						if tries.Load() == most {
							return false
						}
						tries.Add(1)
						w.Header().Set("Retry-After", "0")
						problem(w, http.StatusServiceUnavailable)
						return true
					})
				}
				stops(4)
				before := time.Now()
				l.send(`{"type":"terminate","code":"draining","message":"","reconnect":true,"after":0}`)
				l = s.link()
				if waited := time.Since(before); tries.Load() != 4 || waited > 4*30*time.Millisecond {
					t.Errorf("the client came back after %v and %d refusals, want soon after 4", waited, tries.Load())
				}
				l.send(resumed(5))
				synctest.Wait()
				if got := c.Status(); got.Transport != transport || got.Phase != client.Online {
					t.Errorf("Status = %+v, want online over %s", got, transport)
				}
				stops(-1)
				l.send(`{"type":"terminate","code":"draining","message":"","reconnect":true,"after":0}`)
				time.Sleep(10 * time.Minute)
				if n := tries.Load(); n > 1000 {
					t.Errorf("%d tries within ten minutes", n)
				}
			})
		})
	}
}

// A poll that comes to an edge that stops begins a link at another edge at once, but not without end where every second one comes there.
func TestPollsAtAnEdgeThatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		_, l := s.open(client.Config{Transports: []client.Transport{client.LongPoll}}, welcome(5, "{}"))
		s.refuse(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Has("welcome") {
				return false
			}
			w.Header().Set("Retry-After", "0")
			problem(w, http.StatusServiceUnavailable)
			return true
		})
		l.send(event(6)) // ends the poll
		var at []time.Duration
		for began := time.Now(); len(at) < 12; at = append(at, time.Since(began)) {
			l = s.link()
			l.send(resumed(6))
		}
		if at[7] > time.Second || at[11] < 3*time.Second || at[11] > 6*time.Second {
			t.Errorf("links began after %v, want 8 within a second and then one in each", at)
		}
	})
}
