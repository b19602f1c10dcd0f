package diskjournal

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// guardDir is a directory. Once it is synced the files in it have durable names.
type guardDir struct {
	vfs.File
	g *guard
}

// Sync makes the names in the directory durable, and tells the witness of the files that it may
// name from now on.
func (d *guardDir) Sync() error {
	if d.g.dead() {
		return nil
	}
	d.g.mu.Lock()
	fresh := d.g.fresh
	d.g.fresh = nil
	d.g.mu.Unlock()
	if err := d.File.Sync(); err != nil {
		d.g.died(fmt.Errorf("sync the directory: %w", err))
		return nil
	}
	for _, f := range fresh {
		f.named()
	}
	if len(fresh) > 0 && !d.g.dead() { // so that a new file is missed even after a power failure
		if err := d.g.witness.sync(); err != nil {
			d.g.died(fmt.Errorf("sync the witness: %w", err))
		}
	}
	return nil
}

// guardFile is a file that is written. Name and sum are set when it is tracked.
type guardFile struct {
	vfs.File
	g    *guard
	name string

	mu     sync.Mutex // guards what follows; the witness is told in order
	sum    hash.Hash
	length int64
	synced int64 // what the witness may be told: length and hash at the last sync
	digest [sha256.Size]byte
	linked bool // its name is durable
}

// fault makes the store dead where it needs this file, and returns the error where it does not.
func (f *guardFile) fault(act string, err error) error {
	if f.name == "" && !f.g.dead() {
		return err
	}
	f.g.died(fmt.Errorf("%s %s: %w", act, f.name, err))
	return nil
}

// Write appends to the file.
func (f *guardFile) Write(p []byte) (int, error) {
	if f.g.dead() {
		return len(p), nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.name != "" {
		f.sum.Write(p) // first, since writing may change p
	}
	n, err := f.File.Write(p)
	f.length += int64(n)
	if err != nil {
		if err = f.fault("write", err); err == nil {
			n = len(p)
		}
	}
	return n, err
}

// WriteAt writes somewhere in the file. Logs and manifests are only appended to.
func (f *guardFile) WriteAt(p []byte, off int64) (int, error) {
	switch {
	case f.g.dead():
		return len(p), nil
	case f.name != "":
		return 0, fmt.Errorf("write %s at %d: %w", f.name, off, errors.ErrUnsupported)
	}
	return f.File.WriteAt(p, off)
}

// Preallocate makes room, where the file system can.
func (f *guardFile) Preallocate(offset, length int64) error {
	if f.g.dead() {
		return nil
	}
	if err := f.File.Preallocate(offset, length); err != nil {
		return f.fault("preallocate", err)
	}
	return nil
}

// Sync makes everything written durable.
func (f *guardFile) Sync() error { return f.settle(f.File.Sync) }

// SyncData makes everything written durable.
func (f *guardFile) SyncData() error { return f.settle(f.File.SyncData) }

// SyncTo has the file written back in the background, where the file system can.
func (f *guardFile) SyncTo(length int64) (bool, error) {
	if f.g.dead() {
		return false, nil
	}
	full, err := f.File.SyncTo(length)
	if err != nil {
		err = f.fault("sync", err)
	}
	return full, err
}

// Close closes the file.
func (f *guardFile) Close() error {
	if err := f.File.Close(); err != nil {
		return f.fault("close", err)
	}
	return nil
}

func (f *guardFile) settle(sync func() error) error {
	if f.g.dead() {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := sync(); err != nil {
		return f.fault("sync", err)
	}
	if f.name != "" {
		f.synced = f.length
		f.sum.Sum(f.digest[:0])
		f.tell()
	}
	return nil
}

// named says that the file's name is durable.
func (f *guardFile) named() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.linked = true
	f.tell()
}

// tell tells the witness how much of the file is durable. The caller holds mu.
func (f *guardFile) tell() {
	if !f.linked || f.g.dead() {
		return
	}
	if err := f.g.witness.record(f.name, f.synced, f.digest); err != nil {
		f.g.died(fmt.Errorf("record %s in the witness: %w", f.name, err))
	}
}

// sink is a file that a dead store gets: it takes everything and keeps nothing.
type sink struct{ length int64 }

var _ vfs.File = (*sink)(nil)

func (s *sink) Write(p []byte) (int, error)            { s.length += int64(len(p)); return len(p), nil }
func (s *sink) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (s *sink) Read([]byte) (int, error)               { return 0, io.EOF }
func (s *sink) ReadAt([]byte, int64) (int, error)      { return 0, io.EOF }
func (s *sink) Close() error                           { return nil }
func (s *sink) Sync() error                            { return nil }
func (s *sink) SyncData() error                        { return nil }
func (s *sink) SyncTo(int64) (bool, error)             { return false, nil }
func (s *sink) Preallocate(_, _ int64) error           { return nil }
func (s *sink) Prefetch(_, _ int64) error              { return nil }
func (s *sink) Fd() uintptr                            { return vfs.InvalidFd }
func (s *sink) Stat() (vfs.FileInfo, error)            { return sinkInfo{s.length}, nil }

// sinkInfo describes a sink.
type sinkInfo struct{ length int64 }

func (i sinkInfo) Name() string           { return "sink" }
func (i sinkInfo) Size() int64            { return i.length }
func (i sinkInfo) Mode() fs.FileMode      { return 0o600 }
func (i sinkInfo) ModTime() time.Time     { return time.Time{} }
func (i sinkInfo) IsDir() bool            { return false }
func (i sinkInfo) Sys() any               { return nil }
func (i sinkInfo) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }
