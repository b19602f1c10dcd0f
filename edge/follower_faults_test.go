package edge_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/bus"
	own "github.com/tutti-rt/tutti/internal/platform"
	"github.com/tutti-rt/tutti/wire"
)

// An edge whom the owner of the list refuses does not ask without a pause.
func TestRefusedByTheList(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		var attached atomic.Int64
		refuses := func(to bus.Address, e *wire.Envelope) bool {
			if e.Kind == wire.KindAttach && e.Edge == "edge1" {
				attached.Add(1)
			}
			if to == bus.Edge("edge1") && e.Kind == wire.KindWelcome && attached.Load() < 1000 {
				e.Kind, e.Flags, e.Code = wire.KindTerminate, wire.Reconnect, wire.EndUnavailable
			}
			return false
		}
		c.bus.lose.Store(&refuses)
		c.serve()
		time.Sleep(3 * time.Second)
		c.bus.lose.Store(nil)
		synctest.Wait()
		if n := attached.Load(); n < 5 || n > 40 {
			t.Errorf("%d attempts in 3 s, want one in every 100 ms or so", n)
		}
		time.Sleep(time.Second)
		c.want("ann", 200, 200)
	})
}

// An owner that answers no question whether there is more is out of touch, whatever else it says.
func TestListThatCannotTell(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		c.serve()
		time.Sleep(1500 * time.Millisecond)
		mute := func(to bus.Address, e *wire.Envelope) bool {
			if to == bus.Edge("edge1") && e.Kind == wire.KindAnswer {
				e.Kind, e.Code = wire.KindReject, wire.CodeOverloaded
			}
			return to == bus.Edge("edge1") && (e.Kind == wire.KindEvent || e.Kind == wire.KindWelcome)
		}
		c.bus.lose.Store(&mute)
		c.terminate(0, "ann")
		time.Sleep(7 * time.Second)
		c.want("ann", 401, 503)
		c.want("bob", 200, 503)
		c.bus.lose.Store(nil)
		time.Sleep(7 * time.Second)
		c.want("ann", 401, 401)
		c.want("bob", 200, 200)
	})
}

// An edge that is not given what it asked for begins anew.
func TestLostBacklogOfTheList(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		c.serve()
		time.Sleep(1500 * time.Millisecond)
		var lost atomic.Int64
		deaf := func(to bus.Address, e *wire.Envelope) bool {
			if to == bus.Edge("edge1") && e.Kind == wire.KindBacklogPart {
				lost.Add(1)
				return true
			}
			return to == bus.Edge("edge1") && e.Kind == wire.KindEvent
		}
		c.bus.lose.Store(&deaf)
		c.terminate(0, "ann")
		time.Sleep(9 * time.Second)
		if n := lost.Load(); n != 1 {
			t.Errorf("%d parts were lost, want one", n)
		}
		c.want("ann", 401, 401)
		c.want("bob", 200, 200)
	})
}

// slowly calls between before it lets its reader have the rest.
type slowly struct {
	io.Reader
	between func()
}

func (s *slowly) Read(b []byte) (int, error) {
	if f := s.between; f != nil {
		s.between = nil
		f()
	}
	return s.Reader.Read(b)
}

// Who is terminated while its body is on its way has sent nothing.
func TestTerminatedWhileTheBodyComes(t *testing.T) {
	for query, body := range map[string]string{
		"": `{"name":"nothing","data":{}}`, "?conn=connection-000000": `{"type":"command","id":1,"name":"nothing","data":{}}`,
	} {
		inCluster(t, func(t *testing.T, c *cluster) {
			c.serve()
			time.Sleep(1500 * time.Millisecond)
			post := func(sub string, between func()) int {
				r := httptest.NewRequest(http.MethodPost, "/v1/room/1/commands"+query, &slowly{strings.NewReader(body), between})
				r.Header.Set("Authorization", fmt.Sprintf("Bearer %s@%d", sub, c.began.Unix()))
				w := httptest.NewRecorder()
				c.edges[0].ServeHTTP(w, r)
				return w.Code
			}
			if got := post("ann", func() { c.terminate(1, "bob") }); got != http.StatusOK {
				t.Errorf("POST %s while another is terminated = %d, want 200", query, got)
			}
			if got := post("ann", func() { c.terminate(1, "ann"); synctest.Wait() }); got != http.StatusUnauthorized {
				t.Errorf("POST %s of one who is terminated meanwhile = %d, want 401", query, got)
			}
		})
	}
}

// The same subject terminated again, by a clock that was set back, is refused what it was.
func TestTerminatedAgainByAnEarlierClock(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		c.serve()
		time.Sleep(1500 * time.Millisecond)
		later, err := c.edges[0].Terminate(t.Context(), own.Termination{Sub: "ann"})
		if err != nil {
			t.Fatal(err)
		}
		c.back.Store(int64(time.Hour))
		again, err := c.edges[0].Terminate(t.Context(), own.Termination{Sub: "ann"})
		if err != nil || again.At.Before(later.At) {
			t.Errorf("terminated again = %v, %v, want no earlier than %v", again.At, err, later.At)
		}
		if bob, err := c.edges[0].Terminate(t.Context(), own.Termination{Sub: "bob"}); err != nil || !bob.At.Before(later.At) {
			t.Errorf("another terminated = %v, %v, want the clock set back", bob.At, err)
		}
		synctest.Wait()
		c.want("ann", 401, 401)
	})
}
