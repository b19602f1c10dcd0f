package peer_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/peer"
	"github.com/tutti-rt/tutti/peer/peertest"
)

// TestRefusals has two nodes that stand and a third process that does not belong to them. All say why, and the two notice nothing.
func TestRefusals(t *testing.T) {
	foreign := bytes.Repeat([]byte("foreign!"), 4)
	cases := map[string]struct {
		id      journal.NodeID
		change  func(n *node, c *peer.Config)
		here    string // what a node that belongs to the cluster logs
		there   string // what the other process logs
		without string // what must not be logged anywhere
	}{
		"another cluster": {3, func(_ *node, c *peer.Config) { c.Cluster = "staging" }, `cluster \"staging\"`, `cluster \"staging\"`, ""},
		"a foreign certificate": {3, func(_ *node, c *peer.Config) {
			c.Credentials, _ = peer.FromSecret(foreign, peer.Identity{Node: 3, Name: "node-3"})
		}, "bad certificate", "unknown authority", string(foreign)},
		"another node's certificate": {3, func(_ *node, c *peer.Config) {
			c.Credentials, _ = peer.FromSecret(secret, peer.Identity{Node: 4, Name: "node-4"})
		}, "certificate is that of node 4", "certificate is that of node 4", string(secret)},
		"another node's name": {3, func(_ *node, c *peer.Config) {
			c.Name = "node-1"
			c.Credentials, _ = peer.FromSecret(secret, peer.Identity{Node: 3, Name: "node-3"})
		}, "certificate is that of node 3", "certificate is that of node 3", string(secret)},
		"a duplicate": {2, func(n *node, _ *peer.Config) { n.host = "n3" }, "node 2 is connected already", "node 2 is connected already", ""},
		"a stranger":  {7, func(n *node, _ *peer.Config) { n.host = "n3" }, "node 7 is no member", "node 7 is no member", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := peertest.New()
				a, b := start(t, network, 1), start(t, network, 2)
				meet(a, b)
				if c.id == 3 {
					a.SetPeer(3, "n3")
				}
				await(t, "up", func() bool { return up(a, b)() && up(b, a)() })
				other := start(t, network, c.id, func(n *node, config *peer.Config) {
					c.change(n, config)
					config.Dial = network.Dialer("n3")
					config.Listener = network.Listen("n3")
				})
				other.SetPeer(1, "n1")
				time.Sleep(30 * time.Second)
				synctest.Wait()
				if !strings.Contains(a.log(), c.here) {
					t.Errorf("the node says\n%swant %q", a.log(), c.here)
				}
				if !strings.Contains(other.log(), c.there) {
					t.Errorf("the other process says\n%swant %q", other.log(), c.there)
				}
				if n := strings.Count(a.log(), "level=WARN"); n > 3 {
					t.Errorf("%d warnings in half a minute:\n%s", n, a.log())
				}
				if c.without != "" && strings.Contains(a.log()+other.log(), c.without) {
					t.Error("a secret was logged")
				}
				if got := fmt.Sprint(a.told(), b.told(), other.told()); got != "[up 2] [up 1] []" {
					t.Errorf("told %s, want that the two are up", got)
				}
			})
		})
	}
}

func TestNodeThatReachesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := peertest.New()
		a := start(t, network, 1)
		a.SetPeer(1, "n1")
		a.SetPeer(2, "n1")
		time.Sleep(time.Second)
		synctest.Wait()
		if !strings.Contains(a.log(), "node 1 has reached itself") || len(a.Stats().Peers) != 1 {
			t.Errorf("logged\n%swant that it has reached itself", a.log())
		}
	})
}

func TestAddressOfAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := peertest.New()
		a, b := start(t, network, 1), start(t, network, 2)
		b.SetPeer(1, "nowhere")
		a.SetPeer(3, "n2")
		time.Sleep(time.Second)
		synctest.Wait()
		if s := a.Stats().Peers[0]; s.Up || s.Refusal != "node 2 is at the address of node 3" {
			t.Errorf("stats = %+v, want the refusal", s)
		}
	})
}

// TestRestartIsNoDuplicate has a host fall silent and its node come back as another process before anybody has noticed.
func TestRestartIsNoDuplicate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, id := range []journal.NodeID{1, 3} { // it decides, or the other does
			network := peertest.New()
			a, b := start(t, network, 2), start(t, network, id)
			meet(a, b)
			await(t, "up", func() bool { return up(a, b)() && up(b, a)() })
			network.Cut("n2", b.host)
			moved := start(t, network, id, func(n *node, _ *peer.Config) { n.host = "moved" })
			a.SetPeer(id, "moved")
			moved.SetPeer(2, "n2")
			before := time.Now()
			await(t, "up again", func() bool { return up(a, b)() && up(moved, a)() })
			if took := time.Since(before); took > 1500*time.Millisecond {
				t.Errorf("node %d was back after %v, want soon after its silence was noticed", id, took)
			}
			if got, want := fmt.Sprint(a.told()), fmt.Sprintf("[up %d down %d up %d]", id, id, id); got != want {
				t.Errorf("told %s, want %s", got, want)
			}
			b.stop()
		}
	})
}

// TestGarbageAndSilenceCostLittle has many connections that are no node's; a node comes through all the same.
func TestGarbageAndSilenceCostLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := peertest.New()
		few := func(_ *node, c *peer.Config) { c.Unproved, c.Handshake = 8, 2*time.Second }
		a := start(t, network, 1, few)
		dial := network.Dialer("stranger")
		junk := make([]byte, 4096)
		_, _ = rand.Read(junk)
		closed := make(chan error, 100)
		for i := range 100 {
			c, err := dial(t.Context(), "n1")
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				if i%2 == 0 {
					_, _ = c.Write(junk)
				}
				_, err := io.Copy(io.Discard, c)
				closed <- err
				c.Close()
			}()
		}
		synctest.Wait()
		if n := a.Stats().Unproved; n > 8 {
			t.Errorf("%d connections are held that have proved nothing, want 8 at most", n)
		}
		b := start(t, network, 2)
		meet(a, b)
		await(t, "up", func() bool { return up(a, b)() && up(b, a)() })
		time.Sleep(3 * time.Second)
		for range 100 {
			<-closed
		}
		if s := a.Stats(); s.Unproved != 0 || s.Refused != 100 {
			t.Errorf("stats = %+v, want 100 refused and none held", s)
		}
		if n := strings.Count(a.log(), "connection refused"); n != 1 {
			t.Errorf("said %d times that a host was refused, want once", n)
		}
	})
}

// spoken is the beginning of every handshake, with what comes after it.
func spoken(body []byte) []byte {
	return append(append([]byte("tuttiP2P"), byte(len(body)>>8), byte(len(body))), body...)
}

// TestForeignProtocols has somebody with the right credentials speak what is no protocol, or a version that is newer.
func TestForeignProtocols(t *testing.T) {
	newer := append([]byte{0, 9, 0, 12, 1}, make([]byte, 100)...)
	newer[12] = 2 // its node
	for name, c := range map[string]struct {
		say  []byte
		hear string
		log  string
	}{
		"a newer protocol": {spoken(newer), "speaks versions 9 to 12", "speaks versions 9 to 12"},
		"another protocol": {[]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "", "not a handshake"},
		"a long hello":     {append([]byte("tuttiP2P"), 0xff, 0xff), "", "not a handshake"},
		"a short hello":    {spoken([]byte{0, 1}), "", "too short"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := peertest.New()
				a := start(t, network, 1)
				heard := say(t, network, c.say)
				if !strings.Contains(heard, c.hear) || c.hear == "" && heard != "" {
					t.Errorf("heard %q, want %q", heard, c.hear)
				}
				synctest.Wait()
				if !strings.Contains(a.log(), c.log) {
					t.Errorf("logged\n%swant %q", a.log(), c.log)
				}
			})
		})
	}
}

// say sends bytes to n1 with the right credentials and returns what is answered.
func say(t *testing.T, network *peertest.Network, b []byte) string {
	t.Helper()
	raw, err := network.Dialer("n2")(t.Context(), "n1")
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	c := tls.Client(raw, fromSecret(t, secret, peer.Identity{Node: 2, Name: "node-2"}).TLS())
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	heard, _ := io.ReadAll(c)
	return string(heard)
}

// TestNoFrames has a member send what is no frame, or one that is longer than frames may be: its connection alone ends.
func TestNoFrames(t *testing.T) {
	hello := append([]byte{0, 1, 0, 1, 1}, make([]byte, 16)...)
	hello[12], hello[20] = 2, 1
	hello = append(hello, make([]byte, 16)...)
	for _, text := range []string{"test", "node-2", ""} {
		hello = append(append(hello, 0, byte(len(text))), text...)
	}
	for name, frame := range map[string][]byte{
		"an unknown kind":   {99, 0, 0, 0, 0},
		"too long a piece":  {0, 0, 2, 0, 0},
		"an endless frame":  bytes.Repeat(append([]byte{1, 0x80, 1, 0, 0}, make([]byte, 1<<16)...), 2000),
		"a ping too short":  {254, 0, 0, 0, 1, 0},
		"more and nothing":  {1, 0x80, 0, 0, 0},
		"alive, with bytes": {255, 0, 0, 0, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := peertest.New()
				a := start(t, network, 1)
				a.SetPeer(2, "n2")
				raw, err := network.Dialer("n2")(t.Context(), "n1")
				if err != nil {
					t.Fatal(err)
				}
				defer raw.Close()
				c := tls.Client(raw, fromSecret(t, secret, peer.Identity{Node: 2, Name: "node-2"}).TLS())
				go io.Copy(io.Discard, c)
				if _, err := c.Write(spoken(hello)); err != nil {
					t.Fatal(err)
				}
				await(t, "up", func() bool { return a.Stats().Peers[0].Up })
				_, _ = c.Write(frame)
				await(t, "down", func() bool { return len(a.told()) == 2 })
				if !strings.Contains(a.log(), "not a frame") {
					t.Errorf("logged\n%swant what was wrong", a.log())
				}
			})
		})
	}
}

func TestConfigIsChecked(t *testing.T) {
	_, err := peer.New(peer.Config{Cluster: "A B", Name: "", Silence: time.Millisecond, Streams: -1})
	for _, want := range []string{"cluster name", "node name", "credentials", "silence", "Streams"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, want something about %s", err, want)
		}
	}
}

// TestListenerThatFails ends Run.
func TestListenerThatFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m, err := peer.New(peer.Config{
		Cluster: "test", Name: "a", Node: 1, Listener: l, Credentials: fromSecret(t, secret, peer.Identity{Node: 1, Name: "a"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := m.Run(context.WithoutCancel(t.Context())); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run = %v, want that the listener is closed", err)
	}
}
