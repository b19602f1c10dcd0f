package diskjournal_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
)

const benchPartitions = 16

// writer is somebody who waits for its own records, as a command does in a state node.
type writer struct {
	entity journal.Entity
	last   journal.Mark
	data   []byte
	stored chan error
}

func (w *writer) next() journal.Record {
	return journal.Record{
		Entity: w.entity, Seq: w.last.Seq + 1, Revision: w.last.Revision + 1, At: 1700000000000, By: "member-1", Command: w.last.Seq,
		Events: []journal.Event{{Name: "written", Data: w.data}},
	}
}

// packer appends what the writers of one partition wait for: what gathers during an append is the next batch.
func packer(b *testing.B, l journal.Log, in <-chan *writer) {
	var batch journal.Batch
	var waiting []*writer
	for w := range in {
		batch.Records, waiting = batch.Records[:0], waiting[:0]
		for range 3 {
			runtime.Gosched() // those who were answered just now are about to come back
		}
		for more := true; more; {
			batch.Records, waiting = append(batch.Records, w.next()), append(waiting, w)
			select {
			case w, more = <-in:
			default:
				more = false
			}
		}
		_, err := l.Append(b.Context(), batch)
		if err != nil {
			b.Error(err)
		}
		for i, w := range waiting {
			w.last = batch.Records[i].Mark()
			w.stored <- err
		}
	}
}

// BenchmarkAppend has writers each wait for their own 200-byte records, over 16 partitions.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 64, 1024} {
		b.Run(fmt.Sprintf("writers=%d/size=200", writers), func(b *testing.B) {
			j, err := diskjournal.Open(b.TempDir(), diskjournal.Config{})
			if err != nil {
				b.Fatal(err)
			}
			queues := make([]chan *writer, benchPartitions)
			var packers sync.WaitGroup
			for n := range queues {
				l, err := j.Acquire(b.Context(), journal.Partition{Pool: "default", Number: n})
				if err != nil {
					b.Fatal(err)
				}
				queues[n] = make(chan *writer, 1024)
				packers.Go(func() { packer(b, l, queues[n]) })
			}
			var left atomic.Int64
			begin := make(chan struct{})
			var all sync.WaitGroup
			for i := range writers {
				w := &writer{entity: journal.Entity{Category: "bench", ID: strconv.Itoa(i)}, data: make([]byte, 200), stored: make(chan error, 1)}
				for k := range w.data {
					w.data[k] = byte('a' + (i*31+k*k)%26)
				}
				all.Go(func() {
					<-begin
					for left.Add(-1) >= 0 {
						queues[i%benchPartitions] <- w
						<-w.stored
					}
				})
			}
			b.ReportAllocs()
			b.ResetTimer()
			left.Store(int64(b.N))
			cpu := cpuTime()
			close(begin)
			all.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-µs/record")
			for _, q := range queues {
				close(q)
			}
			packers.Wait()
			if err := j.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// fill appends events to many entities, in batches of many of them, and returns the journal.
func fill(b *testing.B, dir string, entities, events int) *diskjournal.Journal {
	b.Helper()
	j, err := diskjournal.Open(dir, diskjournal.Config{})
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range benchPartitions {
		l, err := j.Acquire(b.Context(), journal.Partition{Pool: "default", Number: n})
		if err != nil {
			b.Fatal(err)
		}
		wg.Go(func() {
			data := make([]byte, 100)
			for seq := range uint64(events) {
				var batch journal.Batch
				for i := n; i < entities; i += benchPartitions {
					batch.Records = append(batch.Records, journal.Record{
						Entity: journal.Entity{Category: "bench", ID: strconv.Itoa(i)}, Seq: seq + 1, Revision: seq + 1,
						Events: []journal.Event{{Name: "written", Data: data}},
					})
					if len(batch.Records) == 500 || i+benchPartitions >= entities {
						if _, err := l.Append(b.Context(), batch); err != nil {
							b.Error(err)
							return
						}
						batch.Records = nil
					}
				}
			}
		})
	}
	wg.Wait()
	return j
}

// BenchmarkRecords reads 20 records of one entity among many.
func BenchmarkRecords(b *testing.B) {
	const entities = 20_000
	dir := b.TempDir()
	if err := fill(b, dir, entities, 20).Close(); err != nil {
		b.Fatal(err)
	}
	j, err := diskjournal.Open(dir, diskjournal.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	logs := make([]journal.Log, benchPartitions)
	for n := range logs {
		if logs[n], err = j.Acquire(b.Context(), journal.Partition{Pool: "default", Number: n}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i = (i + 7919) % entities
		n := 0
		for _, err := range logs[i%benchPartitions].Records(b.Context(), journal.Entity{Category: "bench", ID: strconv.Itoa(i)}, journal.Mark{}) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 20 {
			b.Fatalf("read %d records, want 20", n)
		}
	}
}

// BenchmarkReopen opens a journal whose process was killed, acquires all partitions and reads one entity of each.
func BenchmarkReopen(b *testing.B) {
	const entities = 50_000
	dir := b.TempDir()
	fill(b, dir, entities, 20) // never closed
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		left := b.TempDir()
		copyDir(b, left, dir)
		runtime.GC()
		b.StartTimer()
		start := time.Now()
		j, err := diskjournal.Open(left, diskjournal.Config{})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "open-ms")
		for n := range benchPartitions {
			l, err := j.Acquire(b.Context(), journal.Partition{Pool: "default", Number: n})
			if err != nil {
				b.Fatal(err)
			}
			if m, err := l.Last(context.Background(), journal.Entity{Category: "bench", ID: strconv.Itoa(n)}); err != nil || m.Seq != 20 {
				b.Fatalf("Last = %v, %v", m, err)
			}
		}
		b.StopTimer()
		j.Close()
		b.StartTimer()
	}
}

// copyDir copies the files of a directory that a process has open, as a kill would leave them.
func copyDir(b *testing.B, to, from string) {
	b.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		b.Fatal(err)
	}
}
