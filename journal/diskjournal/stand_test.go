package diskjournal_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// TestNextLeaderOnBusyDisks takes the leader of eight partitions away from nodes that write all the time, each write of which takes 20 to 60 ms, and measures until
// the first append of each next owner: two who stand at once are not to wait for another whole election, nor one to give up votes that are
// on their way.
func TestNextLeaderOnBusyDisks(t *testing.T) {
	kill := func(n *network) { n.node(1).close(true) }
	cut := func(n *network) { n.isolate(1, true) }
	for name, c := range map[string]struct {
		nodes        int
		lose         func(n *network)
		median, most time.Duration
	}{
		"killed":      {3, kill, 450 * time.Millisecond, 700 * time.Millisecond},
		"killed of 5": {5, kill, 450 * time.Millisecond, 700 * time.Millisecond},
		"cut":         {3, cut, 660 * time.Millisecond, 1300 * time.Millisecond},
		"cut of 5":    {5, cut, 660 * time.Millisecond, 1300 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			var took []time.Duration
			for range 6 {
				synctest.Test(t, func(t *testing.T) { took = append(took, nextLeaders(t, c.nodes, c.lose)...) })
			}
			slices.Sort(took)
			median, most := took[len(took)/2], took[len(took)-1]
			t.Logf("%d partitions: median %v, p90 %v, at most %v", len(took), median, took[len(took)*9/10], most)
			if median > c.median || most > c.most {
				t.Errorf("median %v, at most %v: allowed are %v and %v", median, most, c.median, c.most)
			}
		})
	}
}

// nextLeaders returns how long after the loss of node 1 each of the partitions that it has led takes an append elsewhere.
func nextLeaders(t *testing.T, replicas int, lose func(n *network)) []time.Duration {
	n := newNetwork(t, replicas, 0, diskjournal.Config{
		MemTableBytes: 1 << 20, BeforeWrite: func() { time.Sleep(20*time.Millisecond + rand.N(40*time.Millisecond)) },
	})
	defer n.close()
	ctx, cancel := context.WithCancel(t.Context())
	var writers, next sync.WaitGroup
	defer writers.Wait()
	defer cancel()
	led := make([]journal.Partition, 8)
	for i := range 12 {
		p := journal.Partition{Pool: "default", Number: i}
		var nodes []journal.NodeID
		for _, m := range n.all() {
			nodes = append(nodes, m.id)
		}
		if i < len(led) {
			led[i] = p
		} else {
			nodes[0], nodes[i%2+1] = nodes[i%2+1], nodes[0]
		}
		n.create(p, nodes...)
		l := acquire(t, n.node(nodes[0]), p)
		writers.Go(func() {
			for seq := uint64(1); ctx.Err() == nil; seq++ {
				if _, err := l.Append(ctx, oneRecord(seq)); err != nil {
					return
				}
			}
		})
	}
	time.Sleep(time.Second + rand.N(100*time.Millisecond))
	took := make([]time.Duration, len(led))
	began := time.Now()
	lose(n)
	for i, p := range led {
		next.Go(func() {
			firstAppend(t, n, p)
			took[i] = time.Since(began)
		})
	}
	next.Wait()
	return took
}

// firstAppend has whoever leads first of all nodes but node 1 append to p.
func firstAppend(t *testing.T, n *network, p journal.Partition) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	all := n.all()[1:]
	owners := make(chan journal.Log, len(all))
	for _, m := range all {
		go func() {
			l, err := m.j.Acquire(ctx, p)
			if err == nil {
				owners <- l
			} else if !errors.Is(err, context.Canceled) {
				t.Errorf("Acquire on node %d = %v", m.id, err)
			}
		}()
	}
	l := <-owners
	last, err := l.Last(ctx, entityOf(0))
	if err != nil {
		t.Error(err)
	}
	if _, err := l.Append(ctx, oneRecord(last.Seq+1)); err != nil {
		t.Error(err)
	}
}
