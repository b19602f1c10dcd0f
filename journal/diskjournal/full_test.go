package diskjournal_test

import (
	"errors"
	"math"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tutti-rt/tutti/internal/faults"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// TestFullDisk has the disk become full, at each place in turn, while the journal is written. It says so, opening it on a disk
// that is still full says so, and when there is room everything acknowledged is there.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	step := int64(24_001)
	if testing.Short() {
		step *= 5
	}
	for room := int64(0); ; room += step {
		below := vfs.NewCrashableMem()
		disk := faults.New(below)
		w := newWorkload()
		j, err := diskjournal.OpenFS(disk, dir, small)
		if err != nil {
			t.Fatal(err)
		}
		disk.Set(faults.Settings{Full: true, Room: room})
		err = w.run(t.Context(), j, 70)
		if closeErr := j.Close(); err == nil && closeErr == nil {
			break // it was not full
		}
		if err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("with room for %d bytes: %v, want an error that says that there is none", room, err)
		}
		for _, left := range []int64{0, 1 << 10, 40 << 10} {
			disk.Set(faults.Settings{Full: true, Room: left})
			if j, err = diskjournal.OpenFS(disk, dir, small); err == nil {
				if left == 0 {
					t.Errorf("it opens on a full disk")
				}
				_ = j.Close() // it may have become full meanwhile
			} else if !errors.Is(err, syscall.ENOSPC) || errors.Is(err, journal.ErrCorrupt) {
				t.Fatalf("opened with room for %d bytes, after %d: %v, want an error that says that there is none", left, room, err)
			}
		}
		disk.Set(faults.Settings{Room: math.MaxInt64})
		if err := w.verify(t.Context(), disk); err != nil {
			t.Fatalf("opened when there was room, after %d bytes: %v", room, err)
		}
	}
}
