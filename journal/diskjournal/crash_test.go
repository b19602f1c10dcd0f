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

// TestCrashAfterEveryWrite stops the file system before each write, in three ways, and opens what is left.
func TestCrashAfterEveryWrite(t *testing.T) {
	every := 1
	batches := 150
	if testing.Short() {
		every, batches = 10, 70
	}
	fs := vfs.NewCrashableMem()
	w := newWorkload()
	var mu sync.Mutex
	writes, opened := 0, 0
	done := false
	hook := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !isWrite(op) {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if writes++; writes%every != 0 || done {
			return nil
		}
		for _, c := range crashes {
			before := w.copy()
			left := c.clone(fs, uint64(writes))
			now := w.copy()
			now.acked = before.acked
			if err := now.verify(t.Context(), left); err != nil {
				t.Errorf("%s before write %d, %d of %s: %v", c.name, writes, op.Kind, op.Path, err)
				done = true
			}
			opened++
		}
		return nil
	})
	j, err := diskjournal.OpenFS(errorfs.Wrap(fs, hook), dir, small)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.run(t.Context(), j, batches); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if writes < 2*batches {
		t.Errorf("only %d writes were seen", writes)
	}
	t.Logf("%d writes, %d crashes", writes, opened)
}

// TestFailingWrites has one write fail, or all from one on. The journal may only acknowledge what is durable then.
func TestFailingWrites(t *testing.T) {
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
