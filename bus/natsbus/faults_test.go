package natsbus_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/natsbus"
	"github.com/tutti-rt/tutti/wire"
)

// lines is a log that can be read.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// stranger is somebody else's client, on the bus's lane.
func stranger(t testing.TB, s *natsbus.Server) *nats.Conn {
	t.Helper()
	user := natsbus.LaneUser("default")
	c, err := nats.Connect(s.ClientURL(), nats.UserInfo(user, natsbus.Password(secret, "test", user)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestGarbageChangesNothing(t *testing.T) {
	var log lines
	server := serve(t, natsbus.ServerConfig{Name: "a"})
	from := open(t, natsbus.Config{Server: server})
	to := open(t, natsbus.Config{Server: server, Logger: log.logger()})
	var numbers []uint64
	done := make(chan struct{})
	defer listen(t, to, "owner.room.1", func(e *wire.Envelope) {
		if numbers = append(numbers, e.Number); e.Number == 2 {
			close(done)
		}
	})()
	send := func(n uint64) {
		if err := from.Send("default", "owner.room.1", &wire.Envelope{Kind: wire.KindCommand, Number: n}); err != nil {
			t.Fatal(err)
		}
	}
	send(1)
	eventually(t, "it has left", func() bool { return from.Stats().Lanes["default"].Envelopes == 1 })
	foreign := stranger(t, server)
	const n = 1000
	r := rand.New(rand.NewPCG(1, 2))
	valid := (&wire.Envelope{Kind: wire.KindCommand, Number: 77}).Append(nil)
	for i := range n {
		m := make([]byte, r.IntN(200))
		for i := range m {
			m[i] = byte(r.Uint32())
		}
		if i%2 == 0 {
			m = valid // an envelope, but no message
		}
		if err := foreign.Publish("tutti.test.default."+natsbus.Token("owner.room.1"), m); err != nil {
			t.Fatal(err)
		}
	}
	if err := foreign.Flush(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is counted", func() bool { return to.Stats().Garbage == n })
	send(2)
	<-done
	if len(numbers) != 2 {
		t.Errorf("took envelopes %v, want those that were sent", numbers)
	}
	if said := strings.Count(log.String(), "garbage"); said != 1 {
		t.Errorf("garbage was logged %d times, want once a minute:\n%s", said, log.String())
	}
}

// TestReconnects has the server of an external NATS end and begin again.
func TestReconnects(t *testing.T) {
	first := serve(t, natsbus.ServerConfig{Name: "first"})
	at := strings.TrimPrefix(first.ClientURL(), "nats://")
	from, to := open(t, elsewhere(first)), open(t, elsewhere(first))
	var last atomic.Uint64
	defer listen(t, to, "a", func(e *wire.Envelope) {
		if before := last.Swap(e.Number); e.Number <= before {
			t.Errorf("envelope %d came after %d", e.Number, before)
		}
	})()
	number := uint64(0)
	send := func() error {
		number++
		return from.Send("default", "a", &wire.Envelope{Kind: wire.KindEvent, Number: number})
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it arrives", func() bool { return last.Load() == 1 })
	first.Close()
	eventually(t, "the sender is told", func() bool { return errors.Is(send(), bus.ErrNobody) })
	lost := number
	serve(t, natsbus.ServerConfig{Name: "second", ClientListen: at})
	eventually(t, "envelopes arrive again", func() bool {
		_ = send()
		return last.Load() > lost
	})
}

func TestForeignersAreRefused(t *testing.T) {
	member := serve(t, natsbus.ServerConfig{Name: "member"})
	for name, c := range map[string]natsbus.ServerConfig{
		"another cluster":  {Name: "a", Cluster: "other"},
		"another secret":   {Name: "b", Secret: []byte("sixteen other bytes")},
		"a duplicate name": {Name: "member"},
	} {
		t.Run(name, func(t *testing.T) {
			var log lines
			c.Logger, c.Routes = log.logger(), []string{member.RouteAddr()}
			foreign := serve(t, c)
			eventually(t, "it is refused", func() bool { return strings.Contains(log.String(), "connection closed") })
			if foreign.Routed() != 0 || member.Routed() != 0 {
				t.Error("it was let in")
			}
			if _, err := natsbus.Open(natsbus.Config{URL: member.ClientURL(), Cluster: "test", Secret: c.Secret}); c.Secret != nil && err == nil {
				t.Error("a client with another secret was let in")
			}
		})
	}
}

// TestRoutesChange has a server join others and leave them while a bus on it is used: what goes on within the node is not
// touched, and no password gets into the log.
func TestRoutesChange(t *testing.T) {
	var log lines
	servers := []*natsbus.Server{serve(t, natsbus.ServerConfig{Name: "a", Logger: log.logger()}), serve(t, natsbus.ServerConfig{Name: "b", Logger: log.logger()})}
	a, within, b := open(t, natsbus.Config{Server: servers[0]}), open(t, natsbus.Config{Server: servers[0]}), open(t, natsbus.Config{Server: servers[1]})
	var last atomic.Uint64
	var number uint64
	defer listen(t, within, "within", func(e *wire.Envelope) {
		if before := last.Swap(e.Number); e.Number != before+1 {
			t.Errorf("envelope %d came after %d", e.Number, before)
		}
	})()
	use := func() {
		for range 100 {
			number++
			if err := a.Send("default", "within", &wire.Envelope{Kind: wire.KindEvent, Number: number}); err != nil {
				t.Errorf("Send = %v", err)
			}
		}
	}
	var seen atomic.Int64
	defer listen(t, b, "across", func(*wire.Envelope) { seen.Add(1) })()
	for i := range 3 {
		use()
		if err := servers[0].SetRoutes([]string{servers[1].RouteAddr()}); err != nil {
			t.Fatalf("SetRoutes = %v", err)
		}
		heard(t, servers[0], "default", "across", true)
		if err := a.Send("default", "across", &wire.Envelope{Kind: wire.KindEvent}); err != nil {
			t.Errorf("Send = %v", err)
		}
		eventually(t, "it arrives", func() bool { return seen.Load() == int64(i+1) })
		use()
		if err := servers[0].SetRoutes(nil); err != nil {
			t.Fatalf("SetRoutes = %v", err)
		}
		heard(t, servers[0], "default", "across", false)
	}
	eventually(t, "nothing was lost within the node", func() bool { return last.Load() == number })
	if text := log.String(); !strings.Contains(text, "xxxxx") || strings.Contains(text, natsbus.Password(secret, "test", "route")) {
		t.Errorf("a password was logged, or the log has no route:\n%s", text)
	}
}

// TestRoutesChangeWhileTheyAreDialled, where the race detector sees that the server looks for routes among those that are replaced.
func TestRoutesChangeWhileTheyAreDialled(t *testing.T) {
	other := serve(t, natsbus.ServerConfig{Name: "b"})
	routes := []string{other.RouteAddr()}
	for port := range 20 {
		routes = append(routes, fmt.Sprintf("127.0.0.1:%d", port+1)) // nobody is there
	}
	slices.SortFunc(routes, func(a, b string) int { return strings.Compare(b, a) })
	for range 5 {
		a := serve(t, natsbus.ServerConfig{Name: "a", Routes: routes})
		if err := a.SetRoutes(routes[:len(routes)-1]); err != nil {
			t.Fatalf("SetRoutes = %v", err)
		}
		eventually(t, "the servers are joined", func() bool { return a.Routed() == 1 })
		a.Close()
	}
}

func TestServeSaysWhatIsWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	good := natsbus.ServerConfig{Cluster: "test", Name: "a", Secret: secret}
	for want, change := range map[string]func(*natsbus.ServerConfig){
		"in use":       func(c *natsbus.ServerConfig) { c.RouteListen = taken.Addr().String() },
		"cluster":      func(c *natsbus.ServerConfig) { c.Cluster = "a b" },
		"name":         func(c *natsbus.ServerConfig) { c.Name = "" },
		"Secret":       func(c *natsbus.ServerConfig) { c.Secret = []byte("short") },
		"twice":        func(c *natsbus.ServerConfig) { c.Lanes = []string{"a", "a"} },
		"RouteListen":  func(c *natsbus.ServerConfig) { c.RouteListen = "nowhere" },
		"route":        func(c *natsbus.ServerConfig) { c.Routes = []string{"nowhere"} },
		"PendingBytes": func(c *natsbus.ServerConfig) { c.PendingBytes = 1 },
	} {
		c := good
		change(&c)
		if s, err := natsbus.Serve(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Serve = %v, want something about %q", err, want)
			if err == nil {
				s.Close()
			}
		}
	}
	taken.Close()
	if _, err := natsbus.Open(natsbus.Config{URL: "nats://ann:hunter2@" + taken.Addr().String(), Cluster: "test"}); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Open = %v, want an error without a password", err)
	}
}
