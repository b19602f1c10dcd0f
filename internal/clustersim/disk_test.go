package clustersim_test

import (
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk is what a process sees of its machine's disk.
type disk struct {
	vfs.FS
	delay atomic.Int64                  // how much longer each write takes
	held  atomic.Pointer[chan struct{}] // closed when a disk that stands still goes on; nil: it does not
	lying *atomic.Bool                  // syncs do nothing and say that they did; nil: never
}

type file struct {
	vfs.File
	disk *disk
}

// hold has the disk stand still until it is let go.
func (d *disk) hold() { d.held.CompareAndSwap(nil, new(make(chan struct{}))) }

func (d *disk) letGo() {
	if held := d.held.Swap(nil); held != nil {
		close(*held)
	}
}

// wait is what the journal does before it writes. Files do not wait themselves: Pebble syncs some with a lock held, and in a bubble time does
// not pass for those who wait for a lock.
func (d *disk) wait() {
	if held := d.held.Load(); held != nil {
		<-*held
	}
	time.Sleep(time.Duration(d.delay.Load()))
}

func (d *disk) wrap(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &file{File: f, disk: d}, nil
}

func (d *disk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.wrap(d.FS.Create(name, c))
}

func (d *disk) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return d.wrap(d.FS.OpenReadWrite(name, c, opts...))
}

func (d *disk) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.wrap(d.FS.ReuseForWrite(oldname, newname, c))
}

func (d *disk) OpenDir(name string) (vfs.File, error) { return d.wrap(d.FS.OpenDir(name)) }

func (f *file) sync(below func() error) error {
	if f.lies() {
		return nil
	}
	return below()
}

func (f *file) lies() bool { return f.disk.lying != nil && f.disk.lying.Load() }

func (f *file) Sync() error     { return f.sync(f.File.Sync) }
func (f *file) SyncData() error { return f.sync(f.File.SyncData) }

func (f *file) SyncTo(length int64) (bool, error) {
	if f.lies() {
		return true, nil
	}
	return f.File.SyncTo(length)
}
