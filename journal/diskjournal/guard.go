package diskjournal

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tutti-rt/tutti/journal"
)

// guard is the file system that Pebble gets. It tells the witness what has become durable of
// Pebble's logs and manifests, has them verified when Pebble reads them, and refuses every
// change once the journal has stopped, so that the directory stays as a crash would have left it.
type guard struct {
	vfs.FS
	dir     string
	witness *witness
	died    func(error)   // called when a log or manifest cannot be written
	dead    func() error  // not nil once the journal has stopped
	closing chan struct{} // closed when a dead store is being closed

	mu    sync.Mutex
	fresh []*guardFile // tracked files whose names are not durable yet
}

var _ vfs.FS = (*guard)(nil)

// tracked reports whether a file of that name is a log or a manifest of Pebble's.
func tracked(name string) bool {
	return strings.HasSuffix(name, ".log") || strings.HasPrefix(name, "MANIFEST-")
}

// missing looks whether everything is there that must be.
func (g *guard) missing() error {
	for _, s := range g.witness.known() {
		_, err := g.FS.Stat(g.PathJoin(g.dir, s.name))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("file %s is missing, %d bytes of it were durable: %w", s.name, s.length, journal.ErrCorrupt)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// refuse returns an error once the store is dead. It takes its time: Pebble tries again at once
// what it cannot do in the background, as long as it is open.
func (g *guard) refuse() error {
	err := g.dead()
	if err == nil {
		return nil
	}
	select {
	case <-g.closing:
	case <-time.After(20 * time.Millisecond):
	}
	return fmt.Errorf("journal stopped: %w", err)
}

// Create creates a file.
func (g *guard) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := g.refuse(); err != nil {
		return nil, err
	}
	if base := g.PathBase(name); tracked(base) {
		if err := g.witness.release(base); err != nil {
			return nil, err
		}
	}
	f, err := g.FS.Create(name, c)
	return g.wrap(name, f, err)
}

// ReuseForWrite turns the old log into a new one.
func (g *guard) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := g.refuse(); err != nil {
		return nil, err
	}
	if err := g.witness.release(g.PathBase(oldname)); err != nil {
		return nil, err
	}
	f, err := g.FS.ReuseForWrite(oldname, newname, c)
	return g.wrap(newname, f, err)
}

func (g *guard) wrap(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	w := &guardFile{File: f, g: g}
	if base := g.PathBase(name); tracked(base) {
		w.name, w.sum = base, sha256.New()
		g.mu.Lock()
		g.fresh = append(g.fresh, w)
		g.mu.Unlock()
	}
	return w, nil
}

// Open opens a file for reading. A log or manifest is verified first.
func (g *guard) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if base := g.PathBase(name); tracked(base) {
		if err := g.witness.verify(g.FS, g.dir, base); err != nil {
			return nil, err
		}
	}
	return g.FS.Open(name, opts...)
}

// OpenReadWrite opens a file.
func (g *guard) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	if err := g.refuse(); err != nil {
		return nil, err
	}
	f, err := g.FS.OpenReadWrite(name, c, opts...)
	if err != nil {
		return nil, err
	}
	return &guardFile{File: f, g: g}, nil
}

// OpenDir opens a directory for syncing.
func (g *guard) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &guardDir{File: f, g: g}, nil
}

// Remove removes a file, after the witness has released it.
func (g *guard) Remove(name string) error {
	if err := g.refuse(); err != nil {
		return err
	}
	if err := g.witness.release(g.PathBase(name)); err != nil {
		return err
	}
	return g.FS.Remove(name)
}

// Rename renames a file.
func (g *guard) Rename(oldname, newname string) error {
	if err := g.refuse(); err != nil {
		return err
	}
	if err := g.witness.release(g.PathBase(oldname)); err != nil {
		return err
	}
	return g.FS.Rename(oldname, newname)
}

// Link makes a second name for a file.
func (g *guard) Link(oldname, newname string) error {
	if err := g.refuse(); err != nil {
		return err
	}
	return g.FS.Link(oldname, newname)
}

// RemoveAll removes a directory. Pebble has no use for it.
func (g *guard) RemoveAll(name string) error {
	return fmt.Errorf("remove all of %s: %w", name, errors.ErrUnsupported)
}

// Unwrap returns the file system below.
func (g *guard) Unwrap() vfs.FS { return g.FS }

// guardDir is a directory. Once it is synced the files in it have durable names.
type guardDir struct {
	vfs.File
	g *guard
}

// Sync makes the names in the directory durable, and tells the witness of the files that
// it may name from now on.
func (d *guardDir) Sync() error {
	if err := d.g.refuse(); err != nil {
		return err
	}
	d.g.mu.Lock()
	fresh := d.g.fresh
	d.g.fresh = nil
	d.g.mu.Unlock()
	if err := d.File.Sync(); err != nil {
		return err
	}
	for _, f := range fresh {
		if err := f.named(); err != nil {
			return err
		}
	}
	return nil
}

// guardFile is a file that is written. Name and sum are set when it is tracked.
type guardFile struct {
	vfs.File
	g    *guard
	name string

	mu      sync.Mutex // guards what follows; the witness is told in order
	sum     hash.Hash
	length  int64
	synced  int64 // the length at the last sync
	broken  error // why no more of it can become durable
	durable bool  // its name is durable
}

// Write appends to the file.
func (f *guardFile) Write(p []byte) (int, error) {
	if err := f.g.refuse(); err != nil {
		return 0, err
	}
	if f.name == "" {
		return f.File.Write(p)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return 0, f.broken
	}
	f.sum.Write(p) // first, since writing may change p
	n, err := f.File.Write(p)
	f.length += int64(n)
	if err != nil {
		return n, f.gone(fmt.Errorf("write %s: %w", f.name, err))
	}
	return n, nil
}

// WriteAt writes somewhere in the file. Logs and manifests are only appended to.
func (f *guardFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.g.refuse(); err != nil {
		return 0, err
	}
	if f.name != "" {
		return 0, fmt.Errorf("write %s at %d: %w", f.name, off, errors.ErrUnsupported)
	}
	return f.File.WriteAt(p, off)
}

// Sync makes everything written durable.
func (f *guardFile) Sync() error { return f.settle(f.File.Sync) }

// SyncData makes everything written durable.
func (f *guardFile) SyncData() error { return f.settle(f.File.SyncData) }

func (f *guardFile) settle(sync func() error) error {
	if err := f.g.refuse(); err != nil {
		return err
	}
	if f.name == "" {
		return sync()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	if err := sync(); err != nil {
		return f.gone(fmt.Errorf("sync %s: %w", f.name, err))
	}
	f.synced = f.length
	return f.tell()
}

// named says that the file's name is durable.
func (f *guardFile) named() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.durable = true
	if f.synced == 0 || f.synced != f.length || f.broken != nil {
		return f.broken // the next sync tells
	}
	return f.tell()
}

// tell tells the witness how much of the file is durable: all of it. The caller holds mu.
func (f *guardFile) tell() error {
	if !f.durable || f.synced == 0 {
		return nil
	}
	if err := f.g.witness.record(f.name, f.synced, f.sum); err != nil {
		return f.gone(fmt.Errorf("record %s in the witness: %w", f.name, err))
	}
	return nil
}

// gone gives the file up, and the journal with it. The caller holds mu.
func (f *guardFile) gone(err error) error {
	f.broken = err
	f.g.died(err)
	return err
}
