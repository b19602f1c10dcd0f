package diskjournal_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// TestMain runs the tests, or what a child process of theirs is to do before it is killed.
func TestMain(m *testing.M) {
	switch os.Getenv("TUTTI_TEST_CHILD") {
	case "":
		os.Exit(m.Run())
	case "fill":
		arg := func(i int) int { n, _ := strconv.Atoi(os.Args[i]); return n }
		check(fill(context.Background(), os.Args[1], arg(2), arg(3)))
		self, err := os.FindProcess(os.Getpid())
		check(err)
		check(self.Kill())
		select {}
	case "count":
		check(count(context.Background(), os.Args[1]))
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// command returns this program as a child that does what.
func command(what string, args ...any) *exec.Cmd {
	c := exec.Command(os.Args[0])
	for _, a := range args {
		c.Args = append(c.Args, fmt.Sprint(a))
	}
	c.Env = append(os.Environ(), "TUTTI_TEST_CHILD="+what)
	c.Stderr = os.Stderr
	return c
}

// child runs a child until it is killed.
func child(t testing.TB, what string, args ...any) {
	t.Helper()
	c := command(what, args...)
	if err := c.Run(); err == nil || c.ProcessState.ExitCode() == 1 {
		t.Fatalf("child %s ended with %v", what, err)
	}
}

func entityOf(i int) journal.Entity {
	return journal.Entity{Category: "test", ID: strconv.Itoa(i)}
}

// fill appends events to many entities, in batches of many of them.
func fill(ctx context.Context, dir string, entities, events int) error {
	j, err := diskjournal.Open(dir, diskjournal.Config{})
	if err != nil {
		return err
	}
	errs := make(chan error, benchPartitions)
	for n := range benchPartitions {
		l, err := j.Acquire(ctx, journal.Partition{Pool: "default", Number: n})
		if err != nil {
			return err
		}
		go func() { errs <- fillPartition(ctx, l, n, entities, events) }()
	}
	for range benchPartitions {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

func fillPartition(ctx context.Context, l journal.Log, n, entities, events int) error {
	data := make([]byte, 100)
	for seq := range uint64(events) {
		var batch journal.Batch
		for i := n; i < entities; i += benchPartitions {
			batch.Records = append(batch.Records, journal.Record{
				Entity: entityOf(i), Seq: seq + 1, Revision: seq + 1,
				Events: []journal.Event{{Name: "written", Data: data}},
			})
			if len(batch.Records) == 500 || i+benchPartitions >= entities {
				if _, err := l.Append(ctx, batch); err != nil {
					return err
				}
				batch.Records = nil
			}
		}
	}
	return nil
}

const counters = 4

// count appends to some partitions and says so, a line for each record that is stored, until it is killed.
func count(ctx context.Context, dir string) error {
	j, err := diskjournal.Open(dir, diskjournal.Config{IndexBytes: 10 << 10, MemTableBytes: 128 << 10})
	if err != nil {
		return err
	}
	var mu sync.Mutex // keeps lines whole
	errs := make(chan error, counters)
	for n := range counters {
		go func() {
			errs <- func() error {
				l, err := j.Acquire(ctx, journal.Partition{Pool: "default", Number: n})
				if err != nil {
					return err
				}
				m, err := l.Last(ctx, entityOf(n))
				for ; err == nil; m.Seq++ {
					r := journal.Record{Entity: entityOf(n), Seq: m.Seq + 1, Notes: make([]byte, 300)}
					if _, err = l.Append(ctx, journal.Batch{Records: []journal.Record{r}}); err == nil {
						mu.Lock()
						fmt.Println(n, m.Seq+1)
						mu.Unlock()
					}
				}
				return err
			}()
		}()
	}
	return <-errs
}

// TestKill kills a process that appends, again and again. What it said is stored is there, and no more than
// what it may have been about to say.
func TestKill(t *testing.T) {
	kills := 10
	if testing.Short() {
		kills = 3
	}
	dir := t.TempDir()
	stored := make([]uint64, counters)
	for range kills {
		c := command("count", dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for said, until := 0, 50+rand.IntN(400); lines.Scan(); {
			var n int
			var seq uint64
			if _, err := fmt.Sscan(lines.Text(), &n, &seq); err != nil {
				break // the last line was cut
			}
			stored[n] = seq
			if said++; said == until {
				if err := c.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := c.Wait(); err == nil || c.ProcessState.ExitCode() == 1 {
			t.Fatalf("the child ended by itself: %v", err)
		}
		verifyCounters(t, dir, stored)
	}
}

func verifyCounters(t *testing.T, dir string, stored []uint64) {
	t.Helper()
	start := time.Now()
	j, err := diskjournal.Open(dir, diskjournal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range counters {
		l, err := j.Acquire(t.Context(), journal.Partition{Pool: "default", Number: n})
		if err != nil {
			t.Fatal(err)
		}
		records, err := collect(l.Records(t.Context(), entityOf(n), journal.Mark{}))
		if err != nil {
			t.Fatal(err)
		}
		if got := uint64(len(records)); got < stored[n] || got > stored[n]+1 {
			t.Errorf("partition %d has %d records, %d were acknowledged", n, got, stored[n])
		}
		if batches, err := collect(l.Read(t.Context(), 0)); err != nil || len(batches) != len(records) {
			t.Errorf("partition %d has %d batches, %v; want %d", n, len(batches), err, len(records))
		}
		stored[n] = uint64(len(records))
	}
	t.Logf("%d records, read after %v", stored, time.Since(start))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}
