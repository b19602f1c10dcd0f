package faults

import (
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Faults is a file system with faults, and a clock. Files that were opened before a fault was set have it, too. It
// is safe for concurrent use.
type Faults struct {
	vfs.FS

	mu   sync.Mutex
	set  Settings
	room int64 // bytes that files may yet grow, when it is full
}

var _ vfs.FS = (*Faults)(nil)

// New returns the file system without faults yet. Nil is the machine's.
func New(fs vfs.FS) *Faults {
	if fs == nil {
		fs = vfs.Default
	}
	return &Faults{FS: fs}
}

// Set replaces the faults that there are.
func (f *Faults) Set(s Settings) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set, f.room = s, s.Room
}

func (f *Faults) settings() Settings {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.set
}

// Now tells the time of day.
func (f *Faults) Now() time.Time { return time.Now().Round(0).Add(f.settings().Clock) }

// take takes room, and returns how much of it there was.
func (f *Faults) take(bytes int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.set.Full {
		return bytes
	}
	n := min(int64(bytes), max(f.room, 0))
	f.room -= n
	return int(n)
}

// errFull is what systems say when there is no room.
func errFull(act, name string) error { return &os.PathError{Op: act, Path: name, Err: syscall.ENOSPC} }

// Create creates a file.
func (f *Faults) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if f.take(1) < 1 {
		return nil, errFull("open", name)
	}
	return f.wrap(name)(f.FS.Create(name, c))
}

// OpenReadWrite opens a file.
func (f *Faults) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.wrap(name)(f.FS.OpenReadWrite(name, c, opts...))
}

// ReuseForWrite turns one file into another.
func (f *Faults) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.wrap(newname)(f.FS.ReuseForWrite(oldname, newname, c))
}

// OpenDir opens a directory.
func (f *Faults) OpenDir(name string) (vfs.File, error) {
	d, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &file{File: d, faults: f, name: name, dir: true}, nil
}

func (f *Faults) wrap(name string) func(vfs.File, error) (vfs.File, error) {
	return func(below vfs.File, err error) (vfs.File, error) {
		if err != nil {
			return nil, err
		}
		return &file{File: below, faults: f, name: name}, nil
	}
}
