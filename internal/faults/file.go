package faults

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// file is one that is written to, or a directory.
type file struct {
	vfs.File
	faults *Faults
	name   string
	dir    bool

	mu       sync.Mutex
	appended int64 // by Write
	synced   int64 // of that
}

// Write appends.
func (f *file) Write(p []byte) (int, error) {
	room := f.faults.take(len(p))
	n, err := f.File.Write(p[:room])
	f.mu.Lock()
	f.appended += int64(n)
	f.mu.Unlock()
	if err == nil && n < len(p) {
		err = errFull("write", f.name)
	}
	return n, err
}

// WriteAt writes over what is there; no journal makes a file longer so.
func (f *file) WriteAt(p []byte, off int64) (int, error) { return f.File.WriteAt(p, off) }

// Preallocate makes room. What is taken so is not counted when it is written.
func (f *file) Preallocate(offset, length int64) error {
	if f.faults.settings().Full {
		return nil // as on file systems that cannot
	}
	return f.File.Preallocate(offset, length)
}

// Sync makes durable what was written.
func (f *file) Sync() error { return f.sync(f.File.Sync) }

// SyncData makes durable what was written.
func (f *file) SyncData() error { return f.sync(f.File.SyncData) }

func (f *file) sync(below func() error) error {
	s := f.faults.settings()
	time.Sleep(s.SyncDelay)
	f.mu.Lock()
	defer f.mu.Unlock()
	if s = f.faults.settings(); s.SyncFails {
		return errors.Join(&os.PathError{Op: "sync", Path: f.name, Err: syscall.EIO}, f.drop())
	}
	if err := below(); err != nil {
		return err
	}
	f.synced = f.appended
	return nil
}

// drop takes away what was appended and not synced, of a file of the machine's. The caller holds f.mu.
func (f *file) drop() error {
	if f.dir || f.appended == f.synced || f.faults.FS != vfs.Default {
		return nil
	}
	return os.Truncate(f.name, f.synced)
}
