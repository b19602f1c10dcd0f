package feed_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tutti-rt/tutti/feed"
	"github.com/tutti-rt/tutti/journal"
)

func place(number int, offset journal.Offset) feed.Cursor {
	return feed.Cursor{Journal: journalID, Partition: journal.Partition{Pool: "default", Number: number}, Offset: offset}
}

func openStore(t *testing.T, path string) *feed.FileStore {
	t.Helper()
	s, err := feed.OpenFileStore(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wantStored(t *testing.T, s feed.Store, number int, want feed.Cursor) {
	t.Helper()
	if got, err := s.Load(t.Context(), journal.Partition{Pool: "default", Number: number}); err != nil || got != want {
		t.Errorf("Load(%d) = %s, %v, want %s", number, got, err, want)
	}
}

func TestStores(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cursors")
	for name, s := range map[string]feed.Store{"memory": new(feed.MemoryStore), "file": openStore(t, path)} {
		wantStored(t, s, 0, feed.Cursor{})
		for _, c := range []feed.Cursor{place(0, 1), place(10, 5), place(0, 2), place(2, 9)} {
			if err := s.Save(t.Context(), c); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		wantStored(t, s, 0, place(0, 2))
		wantStored(t, s, 10, place(10, 5))
		wantStored(t, s, 1, feed.Cursor{})
	}
	s := openStore(t, path)
	wantStored(t, s, 0, place(0, 2))
	wantStored(t, s, 2, place(2, 9))
	if err := s.Save(t.Context(), place(0, 1)); err == nil {
		t.Error("a cursor before the one that is there was saved")
	}
	if err := s.Save(t.Context(), feed.Cursor{}); !errors.Is(err, feed.ErrCursor) {
		t.Errorf("Save of no cursor = %v", err)
	}
	other := place(0, 1)
	other.Journal = "another-journal-" + journalID[:4]
	if err := s.Save(t.Context(), other); err != nil {
		t.Errorf("Save of a cursor of a new journal = %v", err)
	}
	wantStored(t, openStore(t, path), 0, other)
}

// TestFileStoreIsShared saves from several goroutines at once: what is saved is in the file.
func TestFileStoreIsShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cursors")
	s := openStore(t, path)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range journal.Offset(20) {
				if err := s.Save(t.Context(), place(n, i+1)); err != nil {
					t.Error(err)
				}
				if i == 10 { // the file may be ahead of this one, and is never behind
					got, err := openStore(t, path).Load(t.Context(), place(n, 1).Partition)
					if err != nil || got.Offset < i+1 {
						t.Errorf("the file has %s, %v after %d was saved", got, err, i+1)
					}
				}
			}
		})
	}
	all.Wait()
	for n := range 8 {
		wantStored(t, openStore(t, path), n, place(n, 20))
	}
}

// TestDamagedFileStore changes, removes and adds each byte of a file of cursors.
func TestDamagedFileStore(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "cursors")
	s := openStore(t, path)
	for n := range 2 {
		if err := s.Save(t.Context(), place(n, 7)); err != nil {
			t.Fatal(err)
		}
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, at int, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := feed.OpenFileStore(path); !errors.Is(err, feed.ErrDamaged) {
			t.Fatalf("with byte %d %s: OpenFileStore = %v, want ErrDamaged", at, what, err)
		}
	}
	for i := range good {
		changed := bytes.Clone(good)
		changed[i] ^= 1
		check("changed", i, changed)
		check("and the rest removed", i, good[:i])
	}
	check("added", len(good), append(bytes.Clone(good), '\n'))

	// What a crash leaves beside the file does not count.
	if err := errors.Join(os.WriteFile(path, good, 0o600), os.WriteFile(path+".new", good[:9], 0o600)); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, path)
	wantStored(t, s, 1, place(1, 7))
	if err := s.Save(t.Context(), place(1, 8)); err != nil {
		t.Fatal(err)
	}
	wantStored(t, openStore(t, path), 1, place(1, 8))
	if _, err := feed.OpenFileStore(filepath.Join(dir, "absent", "cursors")); err == nil {
		t.Error("a file in no directory was opened")
	}
}
