package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
	"github.com/tutti-rt/tutti/client"
)

// token returns one for a subject that is valid for a while.
func token(t *testing.T, subject string, valid time.Duration) string {
	t.Helper()
	s, err := auth.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.Sign(tutti.Claims{Subject: subject, ExpiresAt: time.Now().Add(valid)})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// open connects a client to tally/a of the node.
func open(t *testing.T, scheme string, n *running, c client.Config) (*client.Client, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), endless)
	defer cancel()
	opened, err := client.Open(ctx, client.EntityURL(scheme+"://"+n.Addr().String(), "tally", "a"), c)
	if ctx.Err() != nil && t.Context().Err() == nil {
		return nil, stands(t, "the welcome of a client")
	}
	if err == nil {
		t.Cleanup(func() { opened.Close() })
	}
	return opened, err
}

func mustOpen(t *testing.T, n *running) *client.Client {
	t.Helper()
	c, err := open(t, "ws", n, client.Config{Token: token(t, "ann", time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// send adds to tally/a.
func send(t *testing.T, c *client.Client, by int) (client.Ack, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), endless)
	defer cancel()
	ack, err := c.Send(ctx, "add", add{By: by})
	if ctx.Err() != nil && t.Context().Err() == nil {
		err = stands(t, "the answer to a command")
	}
	return ack, err
}

// sum adds to tally/a and returns what it has then.
func sum(t *testing.T, c *client.Client, by int) int {
	t.Helper()
	ack, err := send(t, c, by)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := json.Unmarshal(ack.Reply, &n); err != nil {
		t.Fatalf("reply %s: %v", ack.Reply, err)
	}
	return n
}

func TestCommandsSurviveRestart(t *testing.T) {
	c := config()
	c.Data = t.TempDir()
	for i := range 3 {
		n := start(t, c)
		if got := sum(t, mustOpen(t, n), 2); got != 2*(i+1) {
			t.Errorf("tally after start %d = %d, want %d", i+1, got, 2*(i+1))
		}
		if err := n.stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
	}
}

func TestTokensAreChecked(t *testing.T) {
	n := start(t, config())
	for name, text := range map[string]string{
		"expired": token(t, "ann", -time.Minute),
		"garbage": "garbage",
		"none":    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.",
	} {
		_, err := open(t, "ws", n, client.Config{Token: text})
		if refused, ok := errors.AsType[*client.Refused](err); !ok || refused.Status != http.StatusUnauthorized {
			t.Errorf("Open with a token that is %s = %v, want 401", name, err)
		}
	}
	if got := sum(t, mustOpen(t, n), 1); got != 1 {
		t.Errorf("tally with a good token = %d, want 1", got)
	}
}

// At the end every client hears that it shall come back, each after a time of its own.
func TestDrain(t *testing.T) {
	c := config()
	c.Data = t.TempDir()
	c.DrainSpread = 300 * time.Millisecond
	n := start(t, c)
	const links = 40
	clients := make([]*client.Client, links)
	for i := range clients {
		clients[i] = mustOpen(t, n)
	}
	sum(t, clients[0], 5)

	var mu sync.Mutex
	afters := make(map[time.Duration]bool)
	var told sync.WaitGroup
	var missed atomic.Int64
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	for _, c := range clients {
		told.Go(func() {
			for s := range c.Statuses(ctx) {
				end, ok := errors.AsType[*client.Terminated](s.Err)
				if !ok {
					continue
				}
				if !end.Reconnect || end.After > 300*time.Millisecond {
					t.Errorf("terminated with %+v, want to come back within the spread", end)
				}
				mu.Lock()
				afters[end.After] = true
				mu.Unlock()
				return
			}
			missed.Add(1)
		})
	}
	began := time.Now()
	if err := n.stop(); err != nil {
		t.Errorf("Run = %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the node took %v to end, want 10 s at most", took)
	}
	limit := time.AfterFunc(10*time.Second, enough)
	told.Wait()
	limit.Stop()
	// A client that is to follow at once may be on its way elsewhere before anybody looks at what it was told.
	if n := missed.Load(); n > 4 {
		t.Errorf("%d of 40 clients were not told that the node ends", n)
	}
	if len(afters) < 10 {
		t.Errorf("40 clients were told %d different times, want them spread", len(afters))
	}

	// The same clients go on with the next node at the same address.
	c.Listen = n.Addr().String()
	start(t, c)
	if got := sum(t, clients[0], 1); got != 6 {
		t.Errorf("tally after the restart = %d, want 6", got)
	}
}

// A client that reads nothing, and never closes, does not keep the node from ending in time. While
// the node waits for it, the operator sees a node that is not ready, and newcomers go elsewhere.
func TestDrainWithStalledClient(t *testing.T) {
	c := config()
	c.Admin, c.AdminToken = "127.0.0.1:0", adminToken
	n := start(t, c)
	stall(t, n.Node)
	began := time.Now()
	stopped := make(chan error)
	go func() { stopped <- n.stop() }()
	eventually(t, "the end of being ready", func() bool {
		status, _ := get(t, "http://"+n.AdminAddr().String()+"/readyz")
		return status == http.StatusServiceUnavailable
	})
	eventually(t, "a refusal of newcomers", func() bool {
		status, _ := upgrade(t, n, "Origin", "http://"+n.Addr().String())
		return status == http.StatusServiceUnavailable
	})
	if err := <-stopped; err != nil {
		t.Errorf("Run = %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the node took %v to end, want 10 s at most", took)
	}
}

func TestOrigins(t *testing.T) {
	c := config()
	c.Origins = []string{"https://app.example"}
	n := start(t, c)
	for origin, want := range map[string]int{
		"https://app.example":         http.StatusSwitchingProtocols,
		"https://evil.example":        http.StatusForbidden,
		"http://" + n.Addr().String(): http.StatusSwitchingProtocols,
	} {
		status, _ := upgrade(t, n, "Origin", origin)
		if status != want {
			t.Errorf("upgrade from %s = %d, want %d", origin, status, want)
		}
	}
}

// upgrade asks for a WebSocket to tally/a and returns the answer.
func upgrade(t *testing.T, n *running, header ...string) (status int, body string) {
	t.Helper()
	return get(t, "http://"+n.Addr().String()+"/v1/tally/a?conn=0123456789abcdef", append(header,
		"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13",
		"Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol", "tutti.v1",
		"Authorization", "Bearer "+token(t, "ann", time.Hour))...)
}
