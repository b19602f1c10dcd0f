package diskjournal_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// gate is a file system whose syncs of logs can be held or made to fail.
type gate struct {
	hold chan chan struct{} // each held sync sends what it waits for
	mode atomic.Int32       // 0 passes, 1 holds, 2 fails
}

var errInjected = errors.New("injected")

func (g *gate) before(op errorfs.Op) error {
	if op.Kind != errorfs.OpFileSyncData && op.Kind != errorfs.OpFileSync || !strings.HasSuffix(op.Path, ".log") {
		return nil
	}
	switch g.mode.Load() {
	case 1:
		wait := make(chan struct{})
		g.hold <- wait
		<-wait
	case 2:
		return errInjected
	}
	return nil
}

func openGate(t *testing.T) (*gate, *diskjournal.Journal, *vfs.MemFS) {
	t.Helper()
	g := &gate{hold: make(chan chan struct{})}
	fs := vfs.NewCrashableMem()
	j, err := diskjournal.OpenFS(errorfs.Wrap(fs, errorfs.InjectorFunc(g.before)), dir, diskjournal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return g, j, fs
}

func oneRecord(n uint64) journal.Batch {
	return journal.Batch{Records: []journal.Record{{Entity: entityOf(0), Seq: n, Notes: []byte("n")}}}
}

func TestStopsAfterFailedSync(t *testing.T) {
	g, j, fs := openGate(t)
	l, err := j.Acquire(t.Context(), partitions[0])
	if err != nil {
		t.Fatal(err)
	}
	first, err := l.Append(t.Context(), oneRecord(1))
	if err != nil {
		t.Fatal(err)
	}
	g.mode.Store(2)
	if _, err := l.Append(t.Context(), oneRecord(2)); !errors.Is(err, journal.ErrUnknown) || !errors.Is(err, errInjected) {
		t.Errorf("Append whose sync fails = %v, want ErrUnknown and why", err)
	}
	g.mode.Store(0)
	if end := l.End(); end != first {
		t.Errorf("End() = %d, want %d", end, first)
	}
	_, appendErr := l.Append(t.Context(), oneRecord(2))
	_, acquireErr := j.Acquire(t.Context(), partitions[1])
	_, readErr := collect(l.Read(t.Context(), 0))
	for name, err := range map[string]error{"Append": appendErr, "Acquire": acquireErr, "Read": readErr, "Confirm": l.Confirm(t.Context()), "Wait": l.Wait(t.Context(), 1)} {
		if !errors.Is(err, journal.ErrClosed) || !errors.Is(err, errInjected) {
			t.Errorf("%s after a failed sync = %v, want ErrClosed and why", name, err)
		}
	}
	if err := j.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	left := fs.CrashClone(vfs.CrashCloneCfg{})
	if j, err = diskjournal.OpenFS(left, dir, diskjournal.Config{}); err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if l, err := j.Acquire(t.Context(), partitions[0]); err != nil || l.End() < first {
		t.Errorf("Acquire after reopening = %v; the first batch must be there", err)
	}
}

// TestCancelledAppend gives up an append that is being written, and one that waits for that.
func TestCancelledAppend(t *testing.T) {
	g, j, _ := openGate(t)
	logs := make([]journal.Log, 2)
	for i := range logs {
		var err error
		if logs[i], err = j.Acquire(t.Context(), partitions[i]); err != nil {
			t.Fatal(err)
		}
	}
	g.mode.Store(1)
	ctx, cancel := context.WithCancel(t.Context())
	begun, waits := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := logs[0].Append(ctx, oneRecord(1))
		begun <- err
	}()
	release := <-g.hold
	go func() {
		_, err := logs[1].Append(ctx, oneRecord(1))
		waits <- err
	}()
	for !diskjournal.Waiting(j) { // until the second one is in the queue
		if t.Context().Err() != nil {
			t.Fatal("the append never came to the queue")
		}
	}
	cancel()
	if err := <-begun; !errors.Is(err, journal.ErrUnknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("Append given up while it is written = %v, want ErrUnknown and context.Canceled", err)
	}
	if err := <-waits; errors.Is(err, journal.ErrUnknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("Append given up while it waits = %v, want context.Canceled alone", err)
	}
	g.mode.Store(0)
	close(release)
	for i, want := range []int{1, 0} {
		l, err := j.Acquire(t.Context(), partitions[i])
		if err != nil {
			t.Fatal(err)
		}
		if got, err := collect(l.Read(t.Context(), 0)); err != nil || len(got) != want {
			t.Errorf("partition %d has %d batches, %v; want %d", i, len(got), err, want)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLocked opens a directory twice.
func TestLocked(t *testing.T) {
	dir := t.TempDir()
	j, err := diskjournal.Open(dir, diskjournal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := diskjournal.Open(dir, diskjournal.Config{}); err == nil {
		again.Close()
		t.Error("a directory was opened twice")
	} else if !strings.Contains(err.Error(), "another process") || !strings.Contains(err.Error(), dir) {
		t.Errorf("Open of a locked directory = %v, want the directory and the likely cause", err)
	}
	c := command("count", dir)
	var stderr strings.Builder
	c.Stderr = &stderr
	if err := c.Run(); err == nil || !strings.Contains(stderr.String(), "another process") {
		t.Errorf("another process opened the directory: %v, %q", err, stderr.String())
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if j, err = diskjournal.Open(dir, diskjournal.Config{}); err != nil {
		t.Fatalf("Open after Close = %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestConfigRefused(t *testing.T) {
	_, err := diskjournal.Open(t.TempDir(), diskjournal.Config{CacheBytes: -1, MemTableBytes: 1, IndexBytes: -1})
	for _, name := range []string{"CacheBytes", "MemTableBytes", "IndexBytes"} {
		if !strings.Contains(fmt.Sprint(err), name) {
			t.Errorf("Open = %v, want a word about %s", err, name)
		}
	}
}
