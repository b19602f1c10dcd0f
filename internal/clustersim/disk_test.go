package clustersim_test

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk is what a process sees of its machine's disk.
type disk struct {
	vfs.FS
	delay atomic.Int64 // how much longer each sync of a log takes
	lying *atomic.Bool // syncs do nothing and say that they did; nil: never
}

type file struct {
	vfs.File
	disk *disk
	log  bool
}

func (d *disk) wrap(name string) func(vfs.File, error) (vfs.File, error) {
	return func(f vfs.File, err error) (vfs.File, error) {
		if err != nil {
			return nil, err
		}
		return &file{File: f, disk: d, log: strings.HasSuffix(name, ".log")}, nil
	}
}

func (d *disk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.wrap(name)(d.FS.Create(name, c))
}

func (d *disk) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return d.wrap(name)(d.FS.OpenReadWrite(name, c, opts...))
}

func (d *disk) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.wrap(newname)(d.FS.ReuseForWrite(oldname, newname, c))
}

func (d *disk) OpenDir(name string) (vfs.File, error) { return d.wrap(name)(d.FS.OpenDir(name)) }

// sync waits only where nobody waits for a lock meanwhile: in a bubble time does not pass for those who do. Logs are synced without a lock, as
// long as none is full, for which a slow disk's memtables are large.
func (f *file) sync(below func() error) error {
	if f.log {
		time.Sleep(time.Duration(f.disk.delay.Load()))
	}
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
