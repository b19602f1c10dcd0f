package edge_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/bus"
	own "github.com/tutti-rt/tutti/internal/platform"
	"github.com/tutti-rt/tutti/wire"
)

// ticket is one for ann, made at the first edge now.
func (c *cluster) ticket() string {
	c.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/v1/tickets", nil)
	r.Header.Set("Authorization", fmt.Sprintf("Bearer ann@%d", time.Now().Unix()))
	w := httptest.NewRecorder()
	c.edges[0].ServeHTTP(w, r)
	var got struct{ Ticket string }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		c.t.Fatal(err)
	}
	return got.Ticket
}

// A ticket is bound for all edges, and by one of those who use it at once.
func TestTicketsAtTwoEdges(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		c.serve()
		time.Sleep(time.Second)
		for range 20 {
			ticket := c.ticket()
			codes := make(chan int, 8)
			use := func(i, conn int) int {
				return c.edges[i].Redeem(t.Context(), "room", "1", fmt.Sprintf("connection-00000%d", conn), ticket)
			}
			for i := range 8 {
				go func() { codes <- use(i%2, i) }()
			}
			good := 0
			for range 8 {
				if <-codes == 0 {
					good++
				}
			}
			if good != 1 {
				t.Fatalf("%d of 8 connections used one ticket, want one", good)
			}
			for conn := range 8 {
				if a, b := use(0, conn), use(1, conn); a != b {
					t.Errorf("connection %d gets %d at one edge and %d at the other", conn, a, b)
				}
			}
		}
	})
}

// What a ticket is refused for is known to an edge that has asked, as is what it is bound to.
func TestTicketsAreAskedForOnce(t *testing.T) {
	inCluster(t, func(t *testing.T, c *cluster) {
		c.serve()
		time.Sleep(time.Second)
		var asked atomic.Int64
		count := func(_ bus.Address, e *wire.Envelope) bool {
			if e.Kind == wire.KindCall && e.Category == own.Tickets.Name() {
				asked.Add(1)
			}
			return false
		}
		c.bus.lose.Store(&count)
		use := func(i int, ticket, conn string, status int) {
			t.Helper()
			asked.Store(0)
			for range 5 {
				if got := c.edges[i].Redeem(t.Context(), "room", "1", conn, ticket); got != status {
					t.Errorf("the ticket is refused with %d, want %d (0: not at all)", got, status)
				}
			}
			if n := asked.Load(); n != 1 {
				t.Errorf("its owner was asked %d times, want once", n)
			}
		}
		bound, late := c.ticket(), c.ticket()
		use(0, bound, "connection-000001", 0)
		use(1, bound, "connection-000002", http.StatusUnauthorized)
		time.Sleep(time.Minute)
		use(0, late, "connection-000001", http.StatusUnauthorized)
	})
}
