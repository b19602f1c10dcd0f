package diskjournal_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// openThreeOnDisk returns three nodes in this process that lead 16 partitions, evenly.
func openThreeOnDisk(b *testing.B) (*network, []journal.Log) {
	n := newNetworkOn(b, b.TempDir(), 3, 30*time.Millisecond, diskjournal.Config{})
	logs := make([]journal.Log, benchPartitions)
	var all sync.WaitGroup
	for i := range logs {
		all.Go(func() {
			p := journal.Partition{Pool: "default", Number: i}
			first := journal.NodeID(i%3 + 1)
			n.create(p, first, first%3+1, (first+1)%3+1)
			logs[i] = acquire(b, n.node(first), p)
		})
	}
	all.Wait()
	return n, logs
}

// BenchmarkAppendOfThree is BenchmarkAppend on three nodes in one process, on one disk. What they tell each other stays in memory.
func BenchmarkAppendOfThree(b *testing.B) {
	for _, writers := range []int{1, 64, 1024} {
		b.Run(fmt.Sprintf("writers=%d/size=200", writers), func(b *testing.B) {
			n, logs := openThreeOnDisk(b)
			var frames, sent int64
			count := func(sign int64) {
				for _, m := range n.all() {
					s := m.j.Stats()
					frames, sent = frames+sign*s.Frames, sent+sign*s.Sent
				}
			}
			count(-1)
			benchAppend(b, logs, writers)
			count(1)
			b.ReportMetric(float64(frames)/float64(b.N), "frames/record")
			b.ReportMetric(float64(sent)/float64(b.N), "sent-B/record")
			n.close()
		})
	}
}

// BenchmarkIdleOfThree says how much of a core each of three nodes takes that have 16 partitions and nothing to do.
func BenchmarkIdleOfThree(b *testing.B) {
	n, _ := openThreeOnDisk(b)
	time.Sleep(time.Second)
	cpu, began := cpuTime(), time.Now()
	for b.Loop() {
		time.Sleep(100 * time.Millisecond)
	}
	b.ReportMetric(100*(cpuTime()-cpu).Seconds()/time.Since(began).Seconds()/3, "%core/node")
	n.close()
}

// BenchmarkFailOver ends a node again and again, and says how long it takes until the partitions that it has led are written again.
func BenchmarkFailOver(b *testing.B) {
	n, _ := openThreeOnDisk(b)
	var took []time.Duration
	for b.Loop() {
		var led []journal.Partition
		for i := range benchPartitions {
			p := journal.Partition{Pool: "default", Number: i}
			if n.leader(p, 1, 2, 3).id == 1 {
				led = append(led, p)
			}
		}
		n.node(1).end() // nothing of it is heard from now on
		n.isolate(1, true)
		began := time.Now()
		for _, o := range []journal.NodeID{2, 3} {
			n.node(o).down(1)
		}
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, p := range led {
			all.Go(func() {
				l := acquire(b, n.leader(p, 2, 3), p)
				appendOneTo(b, l)
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			})
		}
		all.Wait()
		n.node(1).close(false)
		n.isolate(1, false)
		n.node(1).open()
		for _, p := range led {
			l := n.leader(p, 1, 2, 3)
			for l.id != 1 && l.j.HandOver(b.Context(), p, 1) != nil {
				time.Sleep(10 * time.Millisecond)
				l = n.leader(p, 1, 2, 3)
			}
		}
	}
	slices.Sort(took)
	if len(took) > 0 {
		b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "p50-ms")
		b.ReportMetric(float64(took[len(took)-1].Milliseconds()), "max-ms")
	}
	n.close()
}

func appendOneTo(b *testing.B, l journal.Log) {
	m, err := l.Last(b.Context(), entityOf(0))
	if err != nil {
		b.Error(err)
	}
	if _, err := l.Append(b.Context(), oneRecord(m.Seq+1)); err != nil {
		b.Error(err)
	}
}
