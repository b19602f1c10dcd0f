package peer_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/peer"
	"github.com/tutti-rt/tutti/peer/peertest"
)

// TestSlowNodeHoldsUpNobody has one node whose handler does not return: what is for it is dropped beyond the bounds, at once,
// and others get theirs.
func TestSlowNodeHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := peertest.New()
		small := func(_ *node, c *peer.Config) { c.QueueFrames, c.QueueBytes = 100, 1<<20 }
		release := make(chan struct{})
		var mu sync.Mutex
		taken := 0
		a, b := start(t, network, 1, small), start(t, network, 2)
		slow := start(t, network, 3, func(n *node, _ *peer.Config) {
			n.with = func(m *peer.Mesh) {
				m.Handle(1, func(journal.NodeID, []byte) {
					<-release
					mu.Lock()
					defer mu.Unlock()
					taken++
				})
			}
		})
		meet(a, b, slow)
		await(t, "up", func() bool { return up(a, b, slow)() && up(b, a)() && up(slow, a)() })
		data := make([]byte, 32<<10)
		sent, before := 0, time.Now()
		for range 1000 {
			if a.Send(3, 1, data) {
				sent++
			}
			if !a.Send(2, 1, []byte("x")) {
				t.Fatal("Send to the other node = false")
			}
			synctest.Wait()
		}
		if time.Since(before) != 0 {
			t.Errorf("sending took %v, want that it never waits", time.Since(before))
		}
		// What is bounded: the queue, what is being written, what the network and the reader hold.
		if held := sent * len(data); held > 1<<20+2<<20 {
			t.Errorf("%d bytes are on their way to a node that does not read, want 3 MiB at most", held)
		}
		if s := a.Stats().Peers[1]; s.Dropped != uint64(1000-sent) || s.Queued > 1<<20 {
			t.Errorf("%d bytes are queued and %d frames dropped, want 1 MiB at most and %d", s.Queued, s.Dropped, 1000-sent)
		}
		if !a.Send(3, 2, []byte("x")) {
			t.Error("another channel of the slow node takes nothing")
		}
		await(t, "the other node's frames", func() bool { return len(b.received()) == 1000 })
		time.Sleep(500 * time.Millisecond)
		close(release)
		await(t, "what was sent", func() bool { mu.Lock(); defer mu.Unlock(); return taken == sent })
		if got := fmt.Sprint(a.told()); strings.Contains(got, "down") {
			t.Errorf("told %s, want that a slow node is not down", got)
		}
	})
}

// TestChannelZeroGoesFirst has a long frame on its way when one comes in channel 0.
func TestChannelZeroGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := peertest.New()
		var order []string
		var mu sync.Mutex
		a := start(t, network, 1)
		b := start(t, network, 2, func(n *node, _ *peer.Config) {
			n.with = func(m *peer.Mesh) {
				for ch := range uint8(3) {
					m.Handle(ch, func(_ journal.NodeID, data []byte) {
						mu.Lock()
						defer mu.Unlock()
						order = append(order, fmt.Sprintf("%d:%d", ch, len(data)))
					})
				}
			}
		})
		meet(a, b)
		await(t, "up", func() bool { return up(a, b)() && up(b, a)() })
		network.CutWay("n1", "n2")
		a.Send(2, 1, bytes.Repeat([]byte{1}, 8<<20))
		a.Send(2, 2, bytes.Repeat([]byte{2}, 1<<20))
		synctest.Wait()
		a.Send(2, 0, []byte("now"))
		network.Heal("n1", "n2")
		await(t, "all", func() bool { mu.Lock(); defer mu.Unlock(); return len(order) == 3 })
		if got := fmt.Sprint(order); got != "[0:3 2:1048576 1:8388608]" {
			t.Errorf("frames came in the order %s", got)
		}
	})
}

// TestLargestFrame goes through, and one byte more is refused.
func TestLargestFrame(t *testing.T) {
	if testing.Short() {
		t.Skip("encrypts 65 MiB")
	}
	a, b := loopback(t, 1), loopback(t, 2)
	introduce(t, a, b)
	data := make([]byte, peer.MaxFrame)
	data[peer.MaxFrame-1] = 7
	if a.Send(2, 1, make([]byte, peer.MaxFrame+1)) {
		t.Error("a frame beyond the bound was taken")
	}
	if !a.Send(2, 1, data) {
		t.Fatal("Send = false")
	}
	if got := <-b.frames; !bytes.Equal(got, data) {
		t.Errorf("got %d bytes, other than sent", len(got))
	}
}
