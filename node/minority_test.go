package node_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/wire"
)

// TestMinority leaves one node of three: whoever asks there is refused soon, and served again when another is back.
func TestMinority(t *testing.T) {
	s := newSeveral(t)
	a := start(t, s.node("a"))
	b, c := start(t, s.node("b")), start(t, s.node("c"))
	s.calm(a, 3)
	var at []*client.Client
	for _, transport := range []client.Transport{client.WebSocket, client.ServerSentEvents, client.LongPoll} {
		one, err := open(t, "ws", a, client.Config{Token: token(t, "ann", time.Hour), Transports: []client.Transport{transport}})
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, one)
	}
	total := sum(t, at[0], 1)
	for _, n := range []*running{b, c} {
		if err := n.stop(); err != nil {
			t.Fatal(err)
		}
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(5 * time.Second); ; <-tick.C { // until the node knows it, of the partition of tally/a: what it had begun may yet be done
		if got := a.call(t, "tally/fresh", "ann", `{"name":"add","data":{"By":2}}`); got.status == http.StatusServiceUnavailable {
			break
		} else if time.Now().After(until) {
			t.Fatalf("a command in a minority = %d %s", got.status, got.body)
		}
	}
	const soon = time.Second
	for range 3 {
		for _, c := range at {
			ctx, cancel := context.WithTimeout(t.Context(), soon) // its link ends ten seconds after the owner went
			_, err := c.Send(ctx, "add", add{By: 1})
			cancel()
			if rejected, ok := errors.AsType[*client.Rejected](err); !ok || rejected.Code != wire.CodeUnavailable {
				t.Fatalf("a command over %s in a minority = %v", c.Status().Transport, err)
			}
		}
		began := time.Now()
		got := a.call(t, "tally/fresh", "ann", `{"name":"add","data":{"By":2}}`)
		if took := time.Since(began); got.status != http.StatusServiceUnavailable || took > soon {
			t.Fatalf("a call in a minority = %d after %v", got.status, took)
		}
	}
	start(t, s.node("b"))
	for until := time.Now().Add(20 * time.Second); ; <-tick.C {
		if _, err := send(t, at[0], 1); err == nil {
			break
		} else if time.Now().After(until) {
			t.Fatalf("a command after another node is back = %v", err)
		}
	}
	if got := sum(t, at[0], 1); got != total+2 {
		t.Errorf("the tally is %d, want %d: what was refused has not happened", got, total+2)
	}
}
