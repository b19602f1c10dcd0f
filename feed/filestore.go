package feed

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/tutti-rt/tutti/journal"
)

const (
	storeHead     = "tutti feed cursors 1\n"
	maxStoreBytes = 4 << 20
)

// FileStore keeps cursors in a file, which is replaced as a whole by each write, so that it always holds what one Save has
// finished. Cursors that are saved at the same time share a write. One process uses a file at a time.
type FileStore struct {
	path    string
	writing chan struct{} // held by whoever writes the file

	mu      sync.Mutex // guards what follows
	cursors map[journal.Partition]Cursor
	changes uint64
	written uint64 // of changes
}

var _ Store = (*FileStore)(nil)

// OpenFileStore reads the file, which need not exist yet; its directory must. A file that is not as it was written is
// reported as ErrDamaged. Whoever removes it begins anew.
func OpenFileStore(path string) (*FileStore, error) {
	s := &FileStore{path: path, writing: make(chan struct{}, 1), cursors: make(map[journal.Partition]Cursor)}
	if err := s.read(); err != nil {
		return nil, fmt.Errorf("open cursors in %s: %w", path, err)
	}
	return s, nil
}

func (s *FileStore) read() error {
	f, err := os.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = os.Stat(filepath.Dir(s.path)) // or the first Save would fail
		return err
	}
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxStoreBytes+1))
	if err != nil {
		return err
	}
	body, ok := bytes.CutPrefix(data, []byte(storeHead))
	at := len(data) - sumLine
	if !ok || at < len(storeHead) || !bytes.Equal(data[at:], appendSum(nil, data[:at])) {
		return ErrDamaged
	}
	for text := range bytes.Lines(body[:at-len(storeHead)]) {
		c, err := ParseCursor(string(bytes.TrimSuffix(text, []byte("\n"))))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		s.cursors[c.Partition] = c
	}
	return nil
}

// sumLine is the length of the last line.
const sumLine = len("sha256 ") + 2*sha256.Size + 1

func appendSum(dst, body []byte) []byte { return fmt.Appendf(dst, "sha256 %x\n", sha256.Sum256(body)) }

// Load returns the cursor of p.
func (s *FileStore) Load(_ context.Context, p journal.Partition) (Cursor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursors[p], nil
}

// Save keeps c. A cursor before the one of the same journal that is there is refused.
func (s *FileStore) Save(ctx context.Context, c Cursor) error {
	if err := s.save(ctx, c); err != nil {
		return fmt.Errorf("save cursor in %s: %w", s.path, err)
	}
	return nil
}

func (s *FileStore) save(ctx context.Context, c Cursor) error {
	if _, err := ParseCursor(c.String()); err != nil {
		return err
	}
	s.mu.Lock()
	if old := s.cursors[c.Partition]; old.Journal == c.Journal && c.Compare(old) < 0 {
		s.mu.Unlock()
		return fmt.Errorf("%s is before %s", c, old)
	}
	s.cursors[c.Partition] = c
	s.changes++
	mine := s.changes
	s.mu.Unlock()

	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	if s.written >= mine { // with somebody else's
		s.mu.Unlock()
		return nil
	}
	data, now := s.encode(), s.changes
	s.mu.Unlock()
	if err := replaceFile(s.path, data); err != nil {
		return err
	}
	s.mu.Lock()
	s.written = now
	s.mu.Unlock()
	return nil
}

// encode returns what the file is to hold. The caller holds mu.
func (s *FileStore) encode() []byte {
	data := []byte(storeHead)
	for _, p := range slices.SortedFunc(maps.Keys(s.cursors), func(a, b journal.Partition) int {
		return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Number, b.Number))
	}) {
		data = append(s.cursors[p].append(data), '\n')
	}
	return appendSum(data, data)
}

// replaceFile makes data the content of the file, durably: all of it or nothing.
func replaceFile(path string, data []byte) error {
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	if runtime.GOOS == "windows" { // which cannot sync a directory, and need not
		return nil
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
