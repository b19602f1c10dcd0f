package diskjournal_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tutti-rt/tutti/journal"
)

// TestOldDisk has a node come back with its disk as it was before it acknowledged what one other node has: it says so, and
// neither that node's end nor anything else has the partition led by somebody who lacks it.
func TestOldDisk(t *testing.T) {
	simulated(t, 3, func(t *testing.T, n *network) {
		n.create(part, 1, 2, 3)
		l := acquire(t, n.node(1), part)
		appendN(t, l, 5)
		for _, m := range n.all() {
			m.has(t, part, 5)
		}
		n.isolate(3, true)
		second := n.node(2)
		before := second.fs.CrashClone(vfs.CrashCloneCfg{})
		appendN(t, l, 10)
		second.has(t, part, 10)
		second.close(false)
		second.fs = before
		lost := make(chan [2]journal.Offset, 16)
		second.lost = func(_ journal.Partition, has, had journal.Offset) { lost <- [2]journal.Offset{has, had} }
		second.open()
		select {
		case got := <-lost:
			if got[0] >= got[1] {
				t.Errorf("told that %d are there of %d", got[0], got[1])
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nobody was told that the disk is an old one")
		}
		n.node(1).close(true)
		n.isolate(3, false)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if _, err := n.node(3).j.Acquire(ctx, part); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Acquire by a node that lacks what was acknowledged = %v, want that it waits", err)
		}
		if len(lost) > 0 {
			t.Errorf("told %d times more", len(lost))
		}
		n.node(1).open()
		leads := n.leader(part, 1, 3)
		if leads.id != 1 {
			t.Errorf("node %d leads, which lacked what was acknowledged", leads.id)
		}
		n.node(3).has(t, part, 10)
		appendN(t, acquire(t, n.node(1), part), 12)
		n.node(3).has(t, part, 12)
	})
}

// TestDiskWithSomethingElse has a node come back with its disk as it was before what it has acknowledged took the place of something
// else. It says so, takes no part, and is not told again and again what it refuses; the others go on.
func TestDiskWithSomethingElse(t *testing.T) {
	simulated(t, 3, func(t *testing.T, n *network) {
		n.create(part, 1, 2, 3)
		l := acquire(t, n.node(1), part)
		appendN(t, l, 5)
		for _, m := range n.all() {
			m.has(t, part, 5)
		}
		n.isolate(1, true)
		for seq := uint64(6); seq < 12; seq++ {
			alone, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if _, err := l.Append(alone, oneRecord(seq)); !errors.Is(err, journal.ErrUnknown) {
				t.Fatalf("Append by an owner that is cut off = %v", err)
			}
			cancel()
		}
		first := n.node(1)
		before := first.fs.CrashClone(vfs.CrashCloneCfg{})
		leads := n.leader(part, 2, 3)
		others := acquire(t, leads, part)
		n.isolate(1, false)
		appendN(t, others, 6)
		first.has(t, part, 6)
		first.close(false)
		first.fs = before
		lost := make(chan [2]journal.Offset, 16)
		first.lost = func(_ journal.Partition, has, had journal.Offset) { lost <- [2]journal.Offset{has, had} }
		first.open()
		time.Sleep(5 * time.Second)
		if len(lost) != 1 {
			t.Fatalf("told %d times that the disk has something else, want once", len(lost))
		}
		if got := <-lost; got[0] < got[1] {
			t.Errorf("told that %d are there of %d, want all, of which some are others", got[0], got[1])
		}
		sent := leads.j.Stats().Frames
		appendN(t, others, 7)
		time.Sleep(10 * time.Second)
		if more := leads.j.Stats().Frames - sent; more > 2000 {
			t.Errorf("the leader has sent %d frames in 10 s, want one now and then", more)
		}
		other := n.node(5 - leads.id)
		other.has(t, part, 7)
		leads.close(true)
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
		defer stop()
		if _, err := other.j.Acquire(ctx, part); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Acquire by a node with only the vote of one that has something else = %v, want that it waits", err)
		}
		leads.open()
		appendN(t, acquire(t, n.leader(part, 2, 3), part), 9)
	})
}
