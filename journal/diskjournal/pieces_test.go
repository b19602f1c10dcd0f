package diskjournal

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/tutti-rt/tutti/journal"
)

// withLargeSnapshot returns a journal whose room has a snapshot of several pieces, and its log. These tests look at what
// is stored, which cannot be seen from outside.
func withLargeSnapshot(t *testing.T) (*Journal, journal.Log) {
	t.Helper()
	j, err := open(vfs.NewMem(), "/j", Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	l, err := j.Acquire(t.Context(), partA)
	if err != nil {
		t.Fatal(err)
	}
	appendOne(t, l, 1)
	saveLarge(t, l, 1, 1)
	return j, l
}

func appendOne(t *testing.T, l journal.Log, seq uint64) {
	t.Helper()
	r := journal.Record{Entity: room, Seq: seq, Revision: seq, Events: []journal.Event{{Name: "e"}}}
	if _, err := l.Append(t.Context(), journal.Batch{Records: []journal.Record{r}}); err != nil {
		t.Fatal(err)
	}
}

func saveLarge(t *testing.T, l journal.Log, seq uint64, fill byte) {
	t.Helper()
	s := journal.Snapshot{Entity: room, Mark: journal.Mark{Seq: seq, Revision: seq}, State: bytes.Repeat([]byte{fill}, 3*maxPiece)}
	if err := l.SaveSnapshot(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

// stored returns how many keys there are of the room's snapshot.
func stored(t *testing.T, j *Journal) (n int) {
	t.Helper()
	key := entityKey(keySnapshot, partA, room)
	err := j.store.scan(key, after(key), func([]byte, func() ([]byte, error)) (bool, error) { n++; return true, nil })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPiecesOfASnapshotAreVerified(t *testing.T) {
	key := entityKey(keySnapshot, partA, room)
	piece := func(n int) []byte { return pieceKey(key, 1, 0, n) }
	for name, change := range map[string]func(s *store) error{
		"first missing": func(s *store) error { return s.db.Delete(piece(0), pebble.Sync) },
		"last missing":  func(s *store) error { return s.db.Delete(piece(3), pebble.Sync) },
		"flipped":       func(s *store) error { return s.set(piece(1), bytes.Repeat([]byte{2}, maxPiece), pebble.Sync) },
		"head flipped": func(s *store) error {
			v, err := s.get(key)
			if err != nil {
				return err
			}
			v[3] ^= 1
			return s.set(key, v, pebble.Sync)
		},
	} {
		t.Run(name, func(t *testing.T) {
			j, l := withLargeSnapshot(t)
			if err := change(j.store); err != nil {
				t.Fatal(err)
			}
			if _, ok, err := l.Snapshot(t.Context(), room); ok || !errors.Is(err, journal.ErrCorrupt) {
				t.Errorf("Snapshot = %v, %v, want ErrCorrupt", ok, err)
			}
		})
	}
}

func TestPiecesOfOldSnapshotsGo(t *testing.T) {
	j, l := withLargeSnapshot(t)
	if n := stored(t, j); n != 5 {
		t.Errorf("a snapshot of four pieces has %d keys, want 5", n)
	}
	// One that was begun and not finished.
	if err := j.store.set(pieceKey(entityKey(keySnapshot, partA, room), 2, 0, 9), []byte("x"), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	for seq := uint64(2); seq < 5; seq++ {
		appendOne(t, l, seq)
		saveLarge(t, l, seq, byte(seq))
	}
	if n := stored(t, j); n != 5 {
		t.Errorf("after three more there are %d keys, want 5", n)
	}
	if err := l.SaveSnapshot(t.Context(), journal.Snapshot{Entity: room, Mark: journal.Mark{Seq: 4, Revision: 4}}); err != nil {
		t.Fatal(err)
	}
	if n := stored(t, j); n != 1 {
		t.Errorf("after a small one there are %d keys, want 1", n)
	}
}

// TestUnfinishedPiecesGo has an entity whose first large snapshot was not finished be small again.
func TestUnfinishedPiecesGo(t *testing.T) {
	j, err := open(vfs.NewMem(), "/j", Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	l, err := j.Acquire(t.Context(), partA)
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq <= 2; seq++ {
		appendOne(t, l, seq)
	}
	for n := range 3 {
		piece := pieceKey(entityKey(keySnapshot, partA, room), 1, 0, n)
		if err := j.store.set(piece, make([]byte, maxPiece), pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	s := journal.Snapshot{Entity: room, Mark: journal.Mark{Seq: 2, Revision: 2}, State: []byte("small")}
	if err := l.SaveSnapshot(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if n := stored(t, j); n != 1 {
		t.Errorf("after a small one there are %d keys, want 1", n)
	}
	if got, ok, err := l.Snapshot(t.Context(), room); !ok || err != nil || string(got.State) != "small" {
		t.Errorf("Snapshot = %q, %v, %v", got.State, ok, err)
	}
}

// TestAppendsGoBetweenPieces counts how much is written to the log between two syncs while a large snapshot is stored:
// what an append has to wait for.
func TestAppendsGoBetweenPieces(t *testing.T) {
	var unsynced, most atomic.Int64
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
			unsynced.Store(0)
		}
		return nil
	}))
	j, err := open(&countingFS{FS: fs, wrote: func(n int) {
		if now := unsynced.Add(int64(n)); now > most.Load() {
			most.Store(now)
		}
	}}, "/j", Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	l, err := j.Acquire(t.Context(), partA)
	if err != nil {
		t.Fatal(err)
	}
	appendOne(t, l, 1)
	s := journal.Snapshot{Entity: room, Mark: journal.Mark{Seq: 1, Revision: 1}, State: make([]byte, 20*maxPiece)}
	if err := l.SaveSnapshot(context.WithoutCancel(t.Context()), s); err != nil {
		t.Fatal(err)
	}
	if got := most.Load(); got < maxPiece || got > 2*maxPiece {
		t.Errorf("up to %d bytes were written without a sync, want about %d", got, maxPiece)
	}
}

// countingFS tells of every byte written to a new file.
type countingFS struct {
	vfs.FS
	wrote func(n int)
}

func (c *countingFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := c.FS.Create(name, category)
	return &countingFile{f, c.wrote}, err
}

func (c *countingFS) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := c.FS.ReuseForWrite(from, to, category)
	return &countingFile{f, c.wrote}, err
}

type countingFile struct {
	vfs.File
	wrote func(n int)
}

func (f *countingFile) Write(p []byte) (int, error) {
	f.wrote(len(p))
	return f.File.Write(p)
}
