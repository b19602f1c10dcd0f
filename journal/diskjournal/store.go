package diskjournal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tutti-rt/tutti/journal"
)

// store is the journal's Pebble. It turns what Pebble makes of broken disks into errors.
type store struct {
	db      *pebble.DB
	lock    *pebble.Lock
	guard   *guard
	witness *witness
	log     *slog.Logger
	fail    func(error) // told once when the disk can no longer be relied on
	dead    atomic.Pointer[error]
}

func openStore(fsys vfs.FS, dir string, c Config, fail func(error)) (_ *store, err error) {
	if err := fsys.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	// The directory's own name must be durable. Who may not open the one above did not make it.
	if err := syncDir(fsys, fsys.PathDir(dir)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, err
	}
	s := &store{log: c.Logger, fail: fail}
	defer func() {
		if err != nil {
			err = errors.Join(corrupt(err), s.closeFiles())
		}
	}()
	if s.lock, err = pebble.LockDirectory(dir, fsys); err != nil {
		return nil, fmt.Errorf("lock the directory (does another process have it open?): %w", err)
	}
	newID := rand.Text
	if c.ID != "" {
		newID = func() string { return c.ID }
	}
	if s.witness, err = openWitness(fsys, dir, newID); err != nil {
		return nil, err
	}
	if c.ID != "" && s.witness.id != c.ID {
		return nil, fmt.Errorf("%w: its ID is %s, not %s", ErrOtherJournal, s.witness.id, c.ID)
	}
	s.guard = &guard{FS: fsys, dir: dir, witness: s.witness, died: s.died, dead: func() bool { return s.err() != nil }, closing: make(chan struct{})}
	if err := s.guard.missing(); err != nil {
		return nil, err
	}
	o := s.options(c)
	defer o.Cache.Unref()
	compactions := newScheduler()
	o.Experimental.CompactionScheduler = compactions
	if s.db, err = pebble.Open(dir, o); err != nil {
		if dead := s.err(); dead != nil {
			return nil, dead
		}
		return nil, missing(err)
	}
	compactions.open()
	err = s.identify()
	if dead := s.err(); dead != nil {
		err = dead // what comes after it is only that nothing was written any more
	}
	if err != nil {
		close(s.guard.closing)
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

func (s *store) options(c Config) *pebble.Options {
	o := &pebble.Options{
		FS:                          s.guard,
		Lock:                        s.lock,
		Cache:                       pebble.NewCache(c.CacheBytes),
		FormatMajorVersion:          pebble.FormatValueSeparation, // has sync offsets in the WAL: see docs/journal.md
		MemTableSize:                uint64(c.MemTableBytes),
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		LBaseMaxBytes:               64 << 20,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
		Logger:                      pebbleLog{s},
		EventListener: &pebble.EventListener{
			FlushEnd: func(i pebble.FlushInfo) {
				// Pebble would try again for ever, and appends wait for ever. That there was nothing to
				// flush is an error to it, too, with a text and no name.
				if i.Err != nil && i.Err.Error() != "pebble: empty table" {
					s.died(fmt.Errorf("flush: %w", i.Err))
				}
			},
			// One damaged block concerns those who read it, who get an error. Pebble would have it stop everything.
			DataCorruption: func(i pebble.DataCorruptionInfo) {
				if s.err() == nil { // a dead store looks for what it has not written
					s.log.Error("stored data is damaged", "file", i.Path, "error", fmt.Sprint(i.Details))
				}
			},
			// As text, since Pebble's errors print with their stacks.
			BackgroundError: func(err error) { s.log.Error("background work of the journal", "error", err.Error()) },
			WriteStallBegin: func(i pebble.WriteStallBeginInfo) {
				s.log.Warn("journal writes stall", "reason", i.Reason)
			},
			WriteStallEnd: func() { s.log.Info("journal writes go on") },
		},
	}
	for _, k := range s.witness.known() {
		if strings.HasPrefix(k.name, "MANIFEST-") {
			o.ErrorIfNotExists = true // what says which manifest is current is gone
		}
	}
	return o
}

// identify compares the ID in Pebble with the witness's, which a new store gets.
func (s *store) identify() error {
	id, err := s.get([]byte{keyID})
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		key, _, err := s.last([]byte{0}, []byte{0xff}, false)
		if err != nil {
			return err
		}
		if key != nil {
			return fmt.Errorf("the journal has no ID: %w", journal.ErrCorrupt)
		}
		if err := s.set([]byte{keyID}, []byte(s.witness.id), pebble.Sync); err != nil {
			return err
		}
		return s.witness.sync()
	case err != nil:
		return err
	case string(id) != s.witness.id:
		return fmt.Errorf("the journal's ID is %q, and %q in file %s: %w", id, s.witness.id, witnessName, journal.ErrCorrupt)
	}
	return nil
}

// died makes the store refuse writes from now on.
func (s *store) died(err error) {
	if s.dead.CompareAndSwap(nil, &err) {
		s.fail(err)
	}
}

// err returns why the store is dead, nil while it is not.
func (s *store) err() error {
	if p := s.dead.Load(); p != nil {
		return *p
	}
	return nil
}

// apply writes b. What Pebble believes is not enough: the guard pretends to it that a dead store
// works.
func (s *store) apply(b *pebble.Batch, o *pebble.WriteOptions) error {
	if err := s.err(); err != nil {
		return err
	}
	if err := s.db.Apply(b, o); err != nil {
		s.died(err)
		return err
	}
	return s.err()
}

func (s *store) set(key, value []byte, o *pebble.WriteOptions) error {
	b := s.db.NewBatch()
	defer b.Close()
	if err := b.Set(key, value, nil); err != nil {
		return err
	}
	return s.apply(b, o)
}

// get returns a copy of the value under key, or pebble.ErrNotFound.
func (s *store) get(key []byte) ([]byte, error) {
	v, done, err := s.db.Get(key)
	if err != nil {
		return nil, corrupt(err)
	}
	value := append([]byte(nil), v...)
	return value, done.Close()
}

// scan calls f with the keys from lower up to upper, until f returns false or an error. The key is
// valid until f returns; value reads the value, which is valid as long.
func (s *store) scan(lower, upper []byte, f func(key []byte, value func() ([]byte, error)) (bool, error)) error {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return corrupt(err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		more, err := f(it.Key(), it.ValueAndErr)
		if err != nil {
			return errors.Join(corrupt(err), it.Close())
		}
		if !more {
			break
		}
	}
	if err := it.Error(); err != nil {
		return errors.Join(corrupt(err), it.Close())
	}
	return it.Close()
}

// last returns the last key before upper that is not before lower, and a copy of its value
// when asked for it. The key is nil when there is none.
func (s *store) last(lower, upper []byte, withValue bool) (key, value []byte, err error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, nil, corrupt(err)
	}
	if it.Last() {
		key = append(key, it.Key()...)
		if withValue {
			var v []byte
			v, err = it.ValueAndErr()
			value = append(value, v...)
		}
	}
	if err := errors.Join(err, it.Error(), it.Close()); err != nil {
		return nil, nil, corrupt(err)
	}
	return key, value, nil
}

// close closes Pebble and unlocks the directory.
func (s *store) close() error {
	if s.err() == nil {
		if err := s.db.Flush(); err != nil {
			s.died(err)
		}
	}
	close(s.guard.closing)
	err := s.db.Close()
	if s.err() != nil {
		err = nil // the journal has said why; what Pebble has to add is of no use
	} else if err == nil {
		err = s.witness.sync()
	}
	return errors.Join(err, s.closeFiles())
}

func (s *store) closeFiles() error {
	var errs []error
	if s.witness != nil {
		errs = append(errs, s.witness.file.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// corrupt makes Pebble's errors about damaged files the journal's.
func corrupt(err error) error {
	if err == nil || errors.Is(err, journal.ErrCorrupt) || !pebble.IsCorruptionError(err) {
		return err
	}
	return fmt.Errorf("%w: %w", journal.ErrCorrupt, err)
}

// missing makes Pebble's errors about files that are not there, or not whole, when it opens, the journal's.
func missing(err error) error {
	if errors.Is(err, pebble.ErrDBDoesNotExist) || errors.Is(err, pebble.ErrDBNotPristine) ||
		errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "object size mismatch") {
		return fmt.Errorf("%w: %w", journal.ErrCorrupt, err)
	}
	return err
}

// pebbleLog takes Pebble's log. What Pebble calls fatal stops the journal, not the process.
type pebbleLog struct{ s *store }

var _ pebble.Logger = pebbleLog{}

func (l pebbleLog) Infof(format string, args ...any) {}
func (l pebbleLog) Errorf(format string, args ...any) {
	l.s.log.Error("pebble", "error", fmt.Sprintf(format, args...))
}

// Fatalf stops the journal.
func (l pebbleLog) Fatalf(format string, args ...any) { l.s.died(fmt.Errorf(format, args...)) }
