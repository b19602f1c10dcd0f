package diskjournal_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// crash is a way to stop: what of the unsynced bytes is left.
type crash struct {
	name    string
	percent int
}

var crashes = []crash{{"power failure", 0}, {"power failure in the middle of writing back", 50}, {"kill", 100}}

func (c crash) clone(fs *vfs.MemFS, seed uint64) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.percent, RNG: rand.New(rand.NewPCG(seed, 1))})
}

func isWrite(op errorfs.Op) bool { return op.Kind.ReadOrWrite() == errorfs.OpIsWrite }

// crasher stops a file system before each write, in every way, and opens what is left.
type crasher struct {
	t     *testing.T
	fs    *vfs.MemFS
	w     *workload
	every int // of how many writes one is a crash

	mu             sync.Mutex
	writes, opened int
	failed         bool
}

// before is called before each operation.
func (c *crasher) before(op errorfs.Op) error {
	if !isWrite(op) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writes++; c.writes%c.every != 0 || c.failed {
		return nil
	}
	for _, how := range crashes {
		seeds := 1
		if how.percent == 50 && c.writes < 60 { // names appear and vanish most while opening
			seeds = 4
		}
		for seed := range seeds {
			acked := c.w.copy().acked
			left := how.clone(c.fs, uint64(c.writes*10+seed))
			now := c.w.copy()
			now.acked = acked
			if err := now.verify(c.t.Context(), left); err != nil {
				c.t.Errorf("%s before write %d, %d of %s: %v", how.name, c.writes, op.Kind, op.Path, err)
				c.failed = true
			}
			c.opened++
		}
	}
	return nil
}

// open opens the journal on the file system that crashes.
func (c *crasher) open() *diskjournal.Journal {
	c.t.Helper()
	j, err := diskjournal.OpenFS(errorfs.Wrap(c.fs, errorfs.InjectorFunc(c.before)), dir, small)
	if err != nil {
		c.t.Fatal(err)
	}
	return j
}

// TestCrashAfterEveryWrite crashes while a journal is made, written and closed.
func TestCrashAfterEveryWrite(t *testing.T) {
	t.Parallel()
	every, batches := 1, 110
	if testing.Short() {
		every, batches = 10, 70
	}
	c := &crasher{t: t, fs: vfs.NewCrashableMem(), w: newWorkload(), every: every}
	j := c.open()
	if err := c.w.run(t.Context(), j, batches); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if c.writes < 2*batches {
		t.Errorf("only %d writes were seen", c.writes)
	}
	t.Logf("%d writes, %d crashes", c.writes, c.opened)
}

// TestCrashWhileOpening crashes a second time, while a journal is opened after a crash.
func TestCrashWhileOpening(t *testing.T) {
	t.Parallel()
	every := 1
	if testing.Short() {
		every = 4
	}
	for _, how := range crashes {
		t.Run(how.name, func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			w := newWorkload()
			j, err := diskjournal.OpenFS(fs, dir, small)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.run(t.Context(), j, 100); err != nil {
				t.Fatal(err)
			}
			c := &crasher{t: t, fs: how.clone(fs, 1), w: w, every: every}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			again := c.open()
			for _, p := range partitions {
				if _, err := again.Acquire(t.Context(), p); err != nil {
					t.Fatal(err)
				}
			}
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d writes, %d crashes", c.writes, c.opened)
		})
	}
}

// TestFailingWrites has one write fail, or all from one on. The journal may only acknowledge what is durable then.
func TestFailingWrites(t *testing.T) {
	t.Parallel()
	every := 1
	if testing.Short() {
		every = 23
	}
	const batches = 70
	injected := errors.New("injected")
	for _, all := range []bool{false, true} {
		t.Run(fmt.Sprintf("all=%t", all), func(t *testing.T) {
			for n := int64(1); ; n += int64(every) {
				fs := vfs.NewCrashableMem()
				var writes atomic.Int64
				var off atomic.Bool
				hook := errorfs.InjectorFunc(func(op errorfs.Op) error {
					if !isWrite(op) || off.Load() {
						return nil
					}
					if i := writes.Add(1); i == n || all && i > n {
						return injected
					}
					return nil
				})
				w := newWorkload()
				j, err := diskjournal.OpenFS(errorfs.Wrap(fs, hook), dir, small)
				if err == nil {
					err = w.run(t.Context(), j, batches)
					start := time.Now()
					closeErr := j.Close()
					if d := time.Since(start); d > 4*time.Second {
						t.Errorf("Close took %v after write %d failed: %v", d, n, closeErr)
					}
				}
				if err == nil && writes.Load() < n {
					return // a run without the failure
				}
				for _, c := range crashes {
					if err := w.verify(t.Context(), c.clone(fs, uint64(n))); err != nil {
						t.Fatalf("write %d failed, then %s: %v", n, c.name, err)
					}
				}
				if err := w.verify(t.Context(), fs); err != nil {
					t.Fatalf("write %d failed, then opened again: %v", n, err)
				}
			}
		})
	}
}
