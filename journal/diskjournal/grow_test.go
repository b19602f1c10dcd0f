package diskjournal_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// TestNodeAloneGrows has a node that was alone become one of three while it is written, under the ID that it is given then.
func TestNodeAloneGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewCrashableMem()
		j, err := diskjournal.OpenFS(fs, dir, small)
		if err != nil {
			t.Fatal(err)
		}
		l, err := j.Acquire(t.Context(), part)
		if err != nil {
			t.Fatal(err)
		}
		appendN(t, l, 100)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		n := newNetwork(t, 0, 30*time.Millisecond, small)
		old := &member{net: n, id: 7, fs: fs}
		n.nodes[7] = old
		old.open()
		n.add(8)
		n.add(9)
		grown := acquire(t, old, part)
		appendN(t, grown, 110)
		appended := make(chan error, 1)
		go func() {
			for seq := uint64(111); seq <= 300; seq++ {
				if _, err := grown.Append(t.Context(), oneRecord(seq)); err != nil {
					appended <- err
					return
				}
				time.Sleep(time.Millisecond)
			}
			appended <- nil
		}()
		if err := old.j.Reconfigure(t.Context(), part, []journal.NodeID{7, 8, 9}); err != nil {
			t.Fatal(err)
		}
		if err := <-appended; err != nil {
			t.Fatal(err)
		}
		old.close(true)
		next := n.leader(part, 8, 9)
		appendN(t, acquire(t, next, part), 310)
		old.open()
		for _, m := range n.all() {
			m.has(t, part, 310)
		}
		n.close()
		if j, err = diskjournal.OpenFS(old.fs, dir, small); err != nil {
			t.Fatal(err)
		}
		if _, err := j.Acquire(t.Context(), part); err == nil {
			t.Error("a partition with replicas on three nodes was acquired by one alone")
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// brokenFetch has a member's checkpoints end early.
type brokenFetch struct {
	*member
	after int64
	mu    sync.Mutex
	cut   int
}

func (b *brokenFetch) Fetch(ctx context.Context, from journal.NodeID, request []byte) (io.ReadCloser, error) {
	r, err := b.member.Fetch(ctx, from, request)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil || b.after == 0 {
		return r, err
	}
	b.cut++
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(r, b.after), r}, nil
}

// TestUnfinishedCheckpoint has checkpoints break off, and the power fail meanwhile: there is nothing of the partition then, and in the
// end all of it.
func TestUnfinishedCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 1, 30*time.Millisecond, small)
		n.create(part, 1)
		l := acquire(t, n.node(1), part)
		appendN(t, l, 400)
		fs := vfs.NewCrashableMem()
		peers := &brokenFetch{member: &member{net: n, id: 2, fs: fs, ways: make(map[journal.NodeID]chan sent), carry: new(sync.WaitGroup)}, after: 20_000}
		n.nodes[2] = peers.member
		c := small
		c.Cluster = &diskjournal.Cluster{Node: 2, Peers: peers}
		open := func(fs vfs.FS) *diskjournal.Journal {
			j, err := diskjournal.OpenFS(fs, dir, c)
			if err != nil {
				t.Fatal(err)
			}
			return j
		}
		j := open(fs)
		n.mu.Lock()
		peers.j = j
		n.mu.Unlock()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = j.Run(ctx)
		}()
		short, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer stop()
		if err := n.node(1).j.Reconfigure(short, part, []journal.NodeID{1, 2}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Reconfigure whose checkpoint breaks off = %v, want that it waits", err)
		}
		peers.mu.Lock()
		if peers.cut == 0 {
			t.Error("no checkpoint was fetched")
		}
		peers.after = 0
		peers.mu.Unlock()
		left := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
		crashed := open(left)
		if ps, err := crashed.Partitions(t.Context()); err != nil || len(ps) > 0 {
			t.Errorf("Partitions after a crash = %v, %v; want none", ps, err)
		}
		if err := crashed.Close(); err != nil {
			t.Error(err)
		}
		if err := n.node(1).j.Reconfigure(t.Context(), part, []journal.NodeID{1, 2}); err != nil {
			t.Error(err)
		}
		peers.has(t, part, 400)
		cancel()
		<-ended
		n.mu.Lock()
		for _, w := range peers.ways {
			close(w)
		}
		peers.j, peers.ways = nil, nil
		n.mu.Unlock()
		if err := j.Close(); err != nil {
			t.Error(err)
		}
		n.node(1).close(false)
	})
}

// TestWatch follows what one node knows of a partition.
func TestWatch(t *testing.T) {
	simulated(t, 3, func(t *testing.T, n *network) {
		var mu sync.Mutex
		var seen []journal.Status
		j := n.node(2).j
		stop := j.Watch(func(p journal.Partition) {
			mu.Lock()
			defer mu.Unlock()
			s, err := j.Status(p)
			if err != nil {
				s = journal.Status{}
			}
			seen = append(seen, s)
		})
		n.create(part, 1, 2, 3)
		time.Sleep(time.Second)
		mu.Lock()
		last := seen[len(seen)-1]
		mu.Unlock()
		if last.Leader != 1 || last.Term == 0 || !slices.Equal(last.Voters, []journal.NodeID{1, 2, 3}) {
			t.Errorf("Status = %+v, want that node 1 leads three", last)
		}
		s, err := n.node(1).j.Status(part)
		if err != nil || len(s.Behind) != 2 || s.Behind[2] != 0 {
			t.Errorf("Status at the leader = %+v, %v; want how far the others are", s, err)
		}
		if err := n.node(1).j.Reconfigure(t.Context(), part, []journal.NodeID{1, 3}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		mu.Lock()
		if last := seen[len(seen)-1]; last.Leader != 0 {
			t.Errorf("the last that was told is %+v, want that the replica is gone", last)
		}
		count := len(seen)
		mu.Unlock()
		stop()
		n.create(journal.Partition{Pool: "other"}, 2)
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		if len(seen) != count {
			t.Error("told after it was stopped")
		}
	})
}
