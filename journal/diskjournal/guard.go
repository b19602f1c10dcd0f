package diskjournal

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tutti-rt/tutti/journal"
)

// guard is the file system that Pebble gets. It tells the witness what has become durable of
// Pebble's logs and manifests, and has them verified when Pebble reads them.
//
// When one of them cannot be written, the store is dead: nothing is acknowledged any more. From then on
// the guard lets no change through, so that the directory stays as a crash would have left it, and
// pretends to Pebble that all is well: Pebble panics when such writes fail, some of it with locks
// held and on goroutines of its own, and tries others again for ever.
type guard struct {
	vfs.FS
	dir     string
	witness *witness
	died    func(error)   // makes the store dead
	dead    func() bool   // whether it is
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

// Create creates a file.
func (g *guard) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.create(name, g.PathBase(name), func() (vfs.File, error) { return g.FS.Create(name, c) })
}

// ReuseForWrite turns the old log into a new one.
func (g *guard) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.create(newname, g.PathBase(oldname), func() (vfs.File, error) { return g.FS.ReuseForWrite(oldname, newname, c) })
}

// create makes a file of the name given, for which another may go away.
func (g *guard) create(name, away string, do func() (vfs.File, error)) (vfs.File, error) {
	if g.dead() {
		return &sink{}, nil
	}
	base := g.PathBase(name)
	err := g.release(away)
	if err == nil && strings.HasPrefix(base, "marker.") {
		// The marker names a manifest. Pebble makes the names of both durable at once, and a power
		// failure could leave the marker alone.
		err = syncDir(g.FS, g.dir)
	}
	var f vfs.File
	if err == nil {
		f, err = do()
	}
	w := &guardFile{File: f, g: g}
	switch {
	case err != nil && tracked(base):
		g.died(fmt.Errorf("create %s: %w", base, err))
		return &sink{}, nil
	case err != nil:
		return nil, err
	case tracked(base):
		w.name, w.sum = base, sha256.New()
		w.sum.Sum(w.digest[:0]) // of nothing
		g.mu.Lock()
		g.fresh = append(g.fresh, w)
		g.mu.Unlock()
	}
	return w, nil
}

// release has the witness say that a file may go away.
func (g *guard) release(base string) error {
	if !tracked(base) {
		return nil
	}
	return g.witness.release(base)
}

// Open opens a file for reading. A log or manifest is verified first.
func (g *guard) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if base := g.PathBase(name); tracked(base) {
		if err := g.witness.verify(g.FS, g.dir, base); err != nil {
			return nil, err
		}
	}
	f, err := g.FS.Open(name, opts...)
	if err != nil && g.dead() { // Pebble looks for what went into a sink, again and again
		select {
		case <-g.closing:
		case <-time.After(20 * time.Millisecond):
		}
	}
	return f, err
}

// OpenReadWrite opens a file.
func (g *guard) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	if g.dead() {
		return &sink{}, nil
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
	if g.dead() {
		return nil
	}
	if err := g.release(g.PathBase(name)); err != nil {
		return err
	}
	return g.FS.Remove(name)
}

// Rename renames a file. Pebble renames no log and no manifest.
func (g *guard) Rename(oldname, newname string) error {
	switch {
	case g.dead():
		return nil
	case tracked(g.PathBase(oldname)) || tracked(g.PathBase(newname)):
		return fmt.Errorf("rename %s to %s: %w", oldname, newname, errors.ErrUnsupported)
	}
	return g.FS.Rename(oldname, newname)
}

// Link makes a second name for a file.
func (g *guard) Link(oldname, newname string) error {
	if g.dead() {
		return nil
	}
	return g.FS.Link(oldname, newname)
}

// RemoveAll removes a directory. Pebble has no use for it.
func (g *guard) RemoveAll(name string) error {
	return fmt.Errorf("remove all of %s: %w", name, errors.ErrUnsupported)
}

// Unwrap returns the file system below.
func (g *guard) Unwrap() vfs.FS { return g.FS }
