package peer_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/peer"
	"github.com/tutti-rt/tutti/peer/peertest"
)

// reason returns why err says that something was refused, 0 for another error.
func reason(err error) peer.Reason {
	if r, ok := errors.AsType[*peer.Refusal](err); ok {
		return r.Reason
	}
	return 0
}

func TestCallsAndStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := peertest.New()
		a, b := start(t, network, 1), start(t, network, 2)
		meet(a, b)
		for _, n := range []int{0, 1, 64 << 10, 64<<10 + 1, 3 << 20} {
			request := bytes.Repeat([]byte{7}, n)
			got, err := a.Call(t.Context(), 2, "echo", request)
			if err != nil || !bytes.Equal(got, request) {
				t.Errorf("Call with %d bytes = %d bytes, %v", n, len(got), err)
			}
		}
		s, err := b.Open(t.Context(), 1, "fail", nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(s)
		if string(got) != "half" || reason(err) != peer.ReasonFailed || err.Error() != "refused: disk is full" {
			t.Errorf("reading a stream that fails = %q, %v", got, err)
		}
		s.Close()
		if _, err := a.Call(t.Context(), 2, "nothing", nil); reason(err) != peer.ReasonService {
			t.Errorf("Call of a service that is not there = %v", err)
		}
		if _, err := a.Call(t.Context(), 9, "echo", nil); !errors.Is(err, peer.ErrUnknownNode) {
			t.Errorf("Call to a node that is not set = %v", err)
		}
		if _, err := a.Call(t.Context(), 2, "echo", make([]byte, peer.MaxFrame+1)); !errors.Is(err, peer.ErrTooLarge) {
			t.Errorf("Call with too long a request = %v", err)
		}
	})
}

// TestStrangersMayJoin has a process call that is no member yet.
func TestStrangersMayJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := peertest.New()
		start(t, network, 1)
		for _, id := range []journal.NodeID{0, 9} {
			m, err := peer.New(peer.Config{
				Cluster: "test", Name: "new", Node: id, Dial: network.Dialer("new"),
				Credentials: fromSecret(t, secret, peer.Identity{Node: id, Name: "new"}),
			})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := m.CallAt(t.Context(), "n1", "from", nil); err != nil || string(got) != "0" {
				t.Errorf("CallAt of a service for anybody = %q, %v, want to be node 0", got, err)
			}
			if _, err := m.CallAt(t.Context(), "n1", "echo", nil); reason(err) != peer.ReasonStranger {
				t.Errorf("CallAt of a service for members = %v, want a refusal", err)
			}
		}
	})
}

func TestStreamsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := peertest.New()
		one := func(_ *node, c *peer.Config) { c.Streams = 1 }
		a, b := start(t, network, 1), start(t, network, 2, one)
		meet(a, b)
		ctx, cancel := context.WithCancel(t.Context())
		called := make(chan error)
		go func() {
			_, err := a.Call(ctx, 2, "wait", nil)
			called <- err
		}()
		await(t, "served", func() bool { return b.Stats().Streams == 1 })
		time.Sleep(time.Minute) // a service may take its time
		if _, err := a.Call(t.Context(), 2, "echo", nil); reason(err) != peer.ReasonBusy {
			t.Errorf("one call too many = %v, want busy", err)
		}
		cancel()
		if err := <-called; !errors.Is(err, context.Canceled) {
			t.Errorf("a call whose context has ended = %v", err)
		}
		await(t, "not served any more", func() bool { return b.Stats().Streams == 0 })

		// A host that falls silent, and one whose process dies: never the end of the answer.
		for name, harm := range map[string]func(){
			"silence": func() { network.Cut("n1", "n2") },
			"death":   func() { network.Break("n2") },
		} {
			s, err := a.Open(t.Context(), 2, "wait", nil)
			if err != nil {
				t.Fatal(err)
			}
			harm()
			before := time.Now()
			if _, err := io.ReadAll(s); err == nil || time.Since(before) > 11*time.Second {
				t.Errorf("%s: reading = %v after %v", name, err, time.Since(before))
			}
			s.Close()
			network.Heal("n1", "n2")
			await(t, "not served any more", func() bool { return b.Stats().Streams == 0 })
		}
	})
}

func TestStreamsAreBoundInBandwidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := peertest.New()
		slow := func(_ *node, c *peer.Config) { c.Bandwidth = 1 << 20 }
		a, b := start(t, network, 1), start(t, network, 2, slow)
		meet(a, b)
		before := time.Now()
		done := make(chan int)
		for range 2 {
			go func() {
				s, err := a.Open(t.Context(), 2, "echo", make([]byte, 2<<20))
				if err != nil {
					t.Error(err)
				}
				got, err := io.ReadAll(s)
				if err != nil {
					t.Error(err)
				}
				s.Close()
				done <- len(got)
			}()
		}
		if n := <-done + <-done; n != 4<<20 {
			t.Errorf("got %d bytes", n)
		}
		if took := time.Since(before); took < 3800*time.Millisecond || took > 4200*time.Millisecond {
			t.Errorf("4 MiB at 1 MiB/s took %v", took)
		}
		before = time.Now()
		if _, err := a.Call(t.Context(), 2, "echo", make([]byte, 2<<20)); err != nil || time.Since(before) > time.Second {
			t.Errorf("a call took %v, %v, want that it is not bound", time.Since(before), err)
		}
	})
}
