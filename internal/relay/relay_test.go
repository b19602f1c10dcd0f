package relay_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/internal/relay"
)

// echo starts a server that says everything again, and a relay to it.
func echo(t *testing.T, c relay.Config) *relay.Relay {
	t.Helper()
	var lc net.ListenConfig
	server, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Target = server.Addr().String()
	r, err := relay.Listen(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn) // until it is cut
			})
		}
	})
	running.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		server.Close()
		running.Wait()
	})
	return r
}

// say sends text over a new connection and returns what comes back.
func say(t *testing.T, r *relay.Relay, text []byte) []byte {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var sending sync.WaitGroup
	sending.Go(func() {
		_, _ = conn.Write(text) // it may be cut
		_ = conn.(*net.TCPConn).CloseWrite()
	})
	got, _ := io.ReadAll(conn) // it may be cut
	sending.Wait()
	return got
}

func text(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

func TestPassesOn(t *testing.T) {
	r := echo(t, relay.Config{Delay: time.Millisecond})
	want := text(300_000)
	if got := say(t, r, want); !bytes.Equal(got, want) {
		t.Errorf("%d bytes come back, want all %d", len(got), len(want))
	}
	if got := r.Counts(); got != (relay.Counts{Connections: 1}) {
		t.Errorf("Counts = %+v, want one connection without harm", got)
	}
}

func TestCuts(t *testing.T) {
	r := echo(t, relay.Config{CutAfter: 20_000, Silent: 0.3, Stall: 20 * time.Millisecond, StallEvery: 5, Seed: 3})
	want, lengths := text(200_000), make(map[int]bool)
	for range 40 {
		got := say(t, r, want)
		if !bytes.Equal(got, want[:len(got)]) {
			t.Fatal("what comes back is not the beginning of what was said")
		}
		lengths[len(got)] = true
	}
	c := r.Counts()
	if c.Cuts < 38 || c.Silences < 3 || c.Silences > 25 || c.Stalls == 0 || len(lengths) < 3 {
		t.Errorf("Counts = %+v, with %d lengths", c, len(lengths))
	}
	r.Calm()
	if got := say(t, r, want); !bytes.Equal(got, want) {
		t.Errorf("%d bytes come back when it is calm, want all %d", len(got), len(want))
	}
}

func TestAlters(t *testing.T) {
	r := echo(t, relay.Config{Alter: func(_ *relay.Conn, toClient bool, piece []byte) []byte {
		if toClient {
			return bytes.ReplaceAll(piece, []byte("a"), []byte("bb"))
		}
		return piece
	}})
	if got := say(t, r, []byte("a-a")); string(got) != "bb-bb" {
		t.Errorf("%q comes back, want bb-bb", got)
	}
}
