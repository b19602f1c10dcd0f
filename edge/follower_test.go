package edge_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/edge"
	own "github.com/tutti-rt/tutti/internal/platform"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// lossy is a bus that loses what a test wants it to lose.
type lossy struct {
	*localbus.Bus
	lose atomic.Pointer[func(to bus.Address, e *wire.Envelope) bool]
}

func (b *lossy) Send(lane string, to bus.Address, e *wire.Envelope) error {
	if lose := b.lose.Load(); lose != nil && (*lose)(to, e) {
		return nil
	}
	return b.Bus.Send(lane, to, e)
}

// cluster is a state node and two edges, in a bubble.
type cluster struct {
	t       *testing.T
	began   time.Time
	bus     *lossy
	journal *memjournal.Journal
	edges   [2]*edge.Edge
	states  func()       // ends the state node
	back    atomic.Int64 // ns by which its clock was set back
}

func inCluster(t *testing.T, test func(t *testing.T, c *cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{t: t, began: time.Now(), bus: &lossy{Bus: localbus.New()}, journal: memjournal.New()}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		for i := range c.edges {
			e, err := edge.New(edge.Config{
				Name: fmt.Sprint("edge", i), Bus: c.bus, Verifier: dated{}, Partitions: 4,
				Categories: []edge.Category{{Name: "room"}}, Timing: edge.Timing{Verdict: 100 * time.Millisecond},
			})
			if err != nil {
				t.Fatal(err)
			}
			e.Share(edge.Shared{Tickets: auth.NewTickets([]byte(c.journal.ID())), Member: state.Members(c.journal.ID())})
			c.edges[i] = e
			go func() { ended <- e.Run(ctx) }()
		}
		test(t, c)
		cancel()
		<-ended
		<-ended
		if c.states != nil {
			c.states()
		}
	})
}

// dated believes tokens of the form sub@<Unix s of issue>.
type dated struct{}

func (dated) Verify(_ context.Context, token string) (tutti.Claims, error) {
	var at int64
	sub, when, _ := strings.Cut(token, "@")
	if _, err := fmt.Sscan(when, &at); err != nil {
		return tutti.Claims{}, err
	}
	return tutti.Claims{Subject: sub, IssuedAt: time.Unix(at, 0)}, nil
}

// serve starts a state node, in place of the one before.
func (c *cluster) serve() {
	c.t.Helper()
	if c.states != nil {
		c.states()
	}
	room := tutti.NewCategory("room", tutti.OnCommand(func(*tutti.Turn[struct{}], struct{}) error { return nil }, tutti.Name("nothing")))
	n, err := state.New(state.Config{
		Categories: []*tutti.Category{room, own.Tickets, own.Revocations},
		Journal:    c.journal, Bus: c.bus, Partitions: 4,
		Clock: func() time.Time { return time.Now().Add(-time.Duration(c.back.Load())) },
	})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(c.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	<-n.Ready()
	c.states = func() {
		cancel()
		if err := <-ended; err != nil {
			c.t.Errorf("Run of the state node = %v", err)
		}
	}
}

func (c *cluster) terminate(i int, sub string) {
	c.t.Helper()
	if _, err := c.edges[i].Terminate(c.t.Context(), own.Termination{Sub: sub}); err != nil {
		c.t.Fatalf("Terminate(%s) = %v", sub, err)
	}
}

// status is what an edge answers who asks for a ticket with a token of sub, issued in the beginning.
func (c *cluster) status(i int, sub string) int {
	c.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/v1/tickets", nil)
	r.Header.Set("Authorization", fmt.Sprintf("Bearer %s@%d", sub, c.began.Unix()))
	w := httptest.NewRecorder()
	c.edges[i].ServeHTTP(w, r)
	return w.Code
}

func (c *cluster) want(sub string, want ...int) {
	c.t.Helper()
	for i := range want {
		if got := c.status(i, sub); got != want[i] {
			c.t.Errorf("at edge %d, a token of %s = %d, want %d", i, sub, got, want[i])
		}
	}
}

func TestTerminationsAreKnownAtEveryEdge(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		c.want("ann", 503, 503) // nobody knows who has been terminated
		c.serve()
		time.Sleep(time.Second)
		c.want("ann", 200, 200)
		c.terminate(0, "ann")
		synctest.Wait()
		c.want("ann", 401, 401)
		c.want("bob", 200, 200)
	})
}

// An edge that missed one learns of it, also when nothing follows.
func TestLostTermination(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		c.serve()
		time.Sleep(1500 * time.Millisecond) // between two questions of the edges whether they know everything
		c.terminate(0, "bob")
		deaf := func(to bus.Address, e *wire.Envelope) bool {
			return to == bus.Edge("edge1") && e.Kind == wire.KindEvent
		}
		c.bus.lose.Store(&deaf)
		c.terminate(0, "ann")
		synctest.Wait()
		c.bus.lose.Store(nil)
		c.want("ann", 401, 200)
		time.Sleep(time.Second + time.Millisecond)
		c.want("ann", 401, 401)
		c.want("eve", 200, 200)
	})
}

// An edge that hears nothing of the list's owner serves nobody new until it does.
func TestListOutOfTouch(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		c.serve()
		time.Sleep(time.Second)
		deaf := func(to bus.Address, e *wire.Envelope) bool {
			return to == bus.Edge("edge1") && e.Category == own.Revocations.Name()
		}
		c.bus.lose.Store(&deaf)
		c.terminate(0, "ann")
		time.Sleep(7 * time.Second)
		c.want("ann", 401, 503)
		c.want("bob", 200, 503)
		if _, err := c.edges[1].Terminations(t.Context()); !errors.Is(err, edge.ErrUnavailable) {
			t.Errorf("Terminations out of touch = %v, want ErrUnavailable", err)
		}
		c.bus.lose.Store(nil)
		time.Sleep(7 * time.Second)
		c.want("ann", 401, 401)
		c.want("bob", 200, 200)
	})
}

// A change of owner, with warning and without, loses none.
func TestListAfterItsOwnerFails(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		c.serve()
		time.Sleep(time.Second)
		c.terminate(0, "ann")
		c.serve() // another node
		c.terminate(1, "bob")
		time.Sleep(7 * time.Second)
		c.want("ann", 401, 401)
		c.want("bob", 401, 401)

		// The next append is not answered: the owner begins anew, and nobody knows whether it counts.
		var once atomic.Bool
		c.journal.Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault {
			if once.Swap(true) {
				return memjournal.Fault{}
			}
			return memjournal.Fault{Err: journal.ErrUnknown, Stored: true}
		}})
		if _, err := c.edges[0].Terminate(t.Context(), own.Termination{Sub: "eve"}); err == nil {
			t.Error("Terminate without an outcome = nil, want an error")
		}
		time.Sleep(time.Second)
		c.want("eve", 401, 401) // it was stored
		c.want("joe", 200, 200)
		c.terminate(0, "joe")
		synctest.Wait()
		c.want("joe", 401, 401)
		all, err := c.edges[1].Terminations(t.Context())
		if err != nil || len(all) != 4 || all[0].Sub != "joe" {
			t.Errorf("Terminations = %v, %v, want joe and three before", all, err)
		}
	})
}

// A list that is as long as may be reaches an edge that comes later.
func TestLongList(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		c.serve()
		time.Sleep(time.Second)
		const long = 6000 // above what is encoded within a turn
		for i := range long {
			c.terminate(i%2, fmt.Sprint("sub", i))
		}
		deaf := func(to bus.Address, _ *wire.Envelope) bool { return to == bus.Edge("edge1") }
		c.bus.lose.Store(&deaf)
		time.Sleep(7 * time.Second)
		c.terminate(0, "ann")
		c.bus.lose.Store(nil)
		time.Sleep(7 * time.Second)
		c.want("ann", 401, 401)
		c.want("sub0", 401, 401)
		c.want("sub5999", 401, 401)
		c.want("bob", 200, 200)
		if all, err := c.edges[1].Terminations(t.Context()); err != nil || len(all) != long+1 {
			t.Errorf("Terminations = %d, %v, want %d", len(all), err, long+1)
		}
	})
}
