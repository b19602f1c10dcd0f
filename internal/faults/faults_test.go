package faults_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tutti-rt/tutti/internal/faults"
)

func create(t *testing.T, f *faults.Faults) (vfs.File, string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	file, err := f.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file, name
}

// TestFailedSyncForgets has what was not synced be gone, and only that.
func TestFailedSyncForgets(t *testing.T) {
	f := faults.New(nil)
	file, name := create(t, f)
	for _, text := range []string{"kept", "lost"} {
		f.Set(faults.Settings{SyncFails: text == "lost"})
		if _, err := file.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := file.SyncData(); errors.Is(err, syscall.EIO) != (text == "lost") {
			t.Errorf("SyncData after %q = %v", text, err)
		}
	}
	if got, err := os.ReadFile(name); string(got) != "kept" || err != nil {
		t.Errorf("the file has %q, %v, want what was synced", got, err)
	}
}

func TestFull(t *testing.T) {
	f := faults.New(nil)
	file, name := create(t, f)
	f.Set(faults.Settings{Full: true, Room: 3})
	if n, err := file.Write([]byte("12345")); n != 3 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Write of 5 bytes with room for 3 = %d, %v", n, err)
	}
	if _, err := f.Create(name+"2", vfs.WriteCategoryUnspecified); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Create without room = %v", err)
	}
	f.Set(faults.Settings{})
	if n, err := file.Write([]byte("45")); n != 2 || err != nil {
		t.Errorf("Write with room = %d, %v", n, err)
	}
}

// TestFollow has a file say what faults there are.
func TestFollow(t *testing.T) {
	f := faults.New(nil)
	name := filepath.Join(t.TempDir(), "faults.json")
	if err := f.Load(name); err != nil {
		t.Fatalf("Load of no file = %v, want no fault", err)
	}
	done := make(chan error, 1)
	go func() { done <- f.Follow(t.Context(), name) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for _, set := range []time.Duration{time.Hour, -time.Hour, 0} {
		if err := (faults.Settings{Clock: set}).Write(name); err != nil {
			t.Fatal(err)
		}
		for limit := time.Now().Add(20 * time.Second); (f.Now().Sub(time.Now().Round(0)) - set).Abs() > time.Minute; <-tick.C {
			if time.Now().After(limit) {
				t.Fatalf("the clock is at %v, want it set by %v", f.Now(), set)
			}
		}
	}
	if err := os.WriteFile(name, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("Follow of nonsense = nil")
	}
}
