package diskjournal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

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
			logs := make([]journal.Log, benchPartitions)
			for n := range logs {
				if logs[n], err = j.Acquire(b.Context(), journal.Partition{Pool: "default", Number: n}); err != nil {
					b.Fatal(err)
				}
			}
			benchAppend(b, logs, writers)
			if err := j.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// benchAppend has writers wait for their records, each always in the same of the partitions.
func benchAppend(b *testing.B, logs []journal.Log, writers int) {
	queues := make([]chan *writer, len(logs))
	var packers sync.WaitGroup
	for n, l := range logs {
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
				queues[i%len(queues)] <- w
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
}

// BenchmarkRecords reads 20 records of one entity among many.
func BenchmarkRecords(b *testing.B) {
	const entities = 20_000
	dir := b.TempDir()
	child(b, "fill", dir, entities, 20)
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
		for _, err := range logs[i%benchPartitions].Records(b.Context(), entityOf(i), journal.Mark{}) {
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

// BenchmarkReopen opens a journal whose process was killed, acquires all partitions and reads one
// entity of each. The number of entities can be raised with TUTTI_BENCH_ENTITIES.
func BenchmarkReopen(b *testing.B) {
	entities := 50_000
	if n, err := strconv.Atoi(os.Getenv("TUTTI_BENCH_ENTITIES")); err == nil {
		entities = n
	}
	b.Run(fmt.Sprintf("entities=%d/events=20", entities), func(b *testing.B) {
		dir := b.TempDir()
		child(b, "fill", dir, entities, 20)
		for b.Loop() {
			b.StopTimer()
			left := b.TempDir()
			copyDir(b, left, dir)
			b.StartTimer()
			j, err := diskjournal.Open(left, diskjournal.Config{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds()), "open-ms")
			var all sync.WaitGroup
			for n := range benchPartitions {
				all.Go(func() {
					l, err := j.Acquire(b.Context(), journal.Partition{Pool: "default", Number: n})
					if err != nil {
						b.Error(err)
						return
					}
					if m, err := l.Last(b.Context(), entityOf(n)); err != nil || m.Seq != 20 {
						b.Errorf("Last = %v, %v", m, err)
					}
				})
			}
			all.Wait()
			b.StopTimer()
			if err := j.Close(); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	})
}

// copyDir copies a directory. The copy is on the disk, so that opening it does not pay for writing it.
func copyDir(b *testing.B, to, from string) {
	b.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		b.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(to, "*"))
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range names {
		f, err := os.OpenFile(n, os.O_RDWR, 0)
		if err != nil {
			b.Fatal(err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			b.Fatal(err)
		}
	}
}
