package diskjournal

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tutti-rt/tutti/journal"
)

// witness is the file that says which of Pebble's logs and manifests must be there, how much of each
// is durable, and the hash of that much. Pebble cannot tell a log that was cut, or is gone, from one that
// never was longer, and ends a manifest at its first bad record.
//
// It is written after each sync of such a file, without a sync of its own: it outlives the process, and after a
// power failure it may be old or torn but never says too much. It is synced when a file is new, before one
// goes away, and now and then while the journal indexes.
//
// The file has a fixed size. It begins with two copies of the header; then come the slots, two copies
// for each, written in turn, each in a sector of its own.
type witness struct {
	id   string
	file vfs.File

	mu    sync.Mutex // guards what follows
	slots [witnessSlots]slot
}

const (
	witnessName  = "WITNESS"
	witnessMagic = "tutti journal 1\n"
	witnessSlots = 64
	sector       = 512
	witnessSize  = 2 * sector * (1 + witnessSlots)
)

// slot is what the witness says of one file. A slot without a name is free.
type slot struct {
	name   string
	turn   uint64 // rises with each write; its lowest bit is the copy
	length int64
	sum    [sha256.Size]byte
}

// createWitness makes the file, of a directory that has no journal yet.
func createWitness(fsys vfs.FS, dir, id string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if tracked(n) || strings.HasSuffix(n, ".sst") {
			return fmt.Errorf("file %s is missing, and %s is there: %w", witnessName, n, journal.ErrCorrupt)
		}
	}
	data := make([]byte, witnessSize)
	head := append([]byte(witnessMagic), byte(len(id)))
	head = append(head, id...)
	head = appendCheck(head)
	copy(data, head)
	copy(data[sector:], head)
	temp, path := fsys.PathJoin(dir, witnessName+".new"), fsys.PathJoin(dir, witnessName)
	f, err := fsys.Create(temp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(fsys, dir)
}

func syncDir(fsys vfs.FS, dir string) error {
	d, err := fsys.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// openWitness reads the file, or makes it with a new id.
func openWitness(fsys vfs.FS, dir string, newID func() string) (*witness, error) {
	path := fsys.PathJoin(dir, witnessName)
	if _, err := fsys.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := createWitness(fsys, dir, newID()); err != nil {
			return nil, err
		}
	}
	f, err := fsys.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	w := &witness{file: f}
	if err := w.read(); err != nil {
		return nil, errors.Join(fmt.Errorf("file %s: %w", witnessName, err), f.Close())
	}
	return w, nil
}

func (w *witness) read() error {
	data := make([]byte, witnessSize+1)
	n, err := w.file.ReadAt(data, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if n != witnessSize {
		return fmt.Errorf("has %d bytes, not %d: %w", n, witnessSize, journal.ErrCorrupt)
	}
	for _, copyAt := range []int{0, sector} {
		if id, ok := parseHead(data[copyAt : copyAt+sector]); ok {
			w.id = id
		}
	}
	if w.id == "" {
		return fmt.Errorf("header is damaged: %w", journal.ErrCorrupt)
	}
	for i := range w.slots {
		at := slotOffset(i, 0)
		for c := range int64(2) {
			s, ok := parseSlot(data[at+c*sector : at+(c+1)*sector])
			if ok && s.turn >= w.slots[i].turn {
				w.slots[i] = s
			}
		}
	}
	return nil
}

func slotOffset(i int, turn uint64) int64 { return sector * (2 + 2*int64(i) + int64(turn&1)) }

// appendCheck appends a checksum of b.
func appendCheck(b []byte) []byte {
	sum := sha256.Sum256(b)
	return append(b, sum[:16]...)
}

// checkedPart returns the first n bytes of b when the checksum after them is right.
func checkedPart(b []byte, n int) ([]byte, bool) {
	if n+16 > len(b) {
		return nil, false
	}
	sum := sha256.Sum256(b[:n])
	return b[:n], string(sum[:16]) == string(b[n:n+16])
}

func parseHead(b []byte) (string, bool) {
	n := len(witnessMagic) + 1
	if string(b[:len(witnessMagic)]) != witnessMagic {
		return "", false
	}
	head, ok := checkedPart(b, n+int(b[n-1]))
	if !ok {
		return "", false
	}
	return string(head[n:]), true
}

func (s *slot) append(b []byte) []byte {
	b = append(b, byte(len(s.name)))
	b = append(b, s.name...)
	b = binary.BigEndian.AppendUint64(b, s.turn)
	b = binary.BigEndian.AppendUint64(b, uint64(s.length))
	return appendCheck(append(b, s.sum[:]...))
}

func parseSlot(b []byte) (slot, bool) {
	n := int(b[0])
	body, ok := checkedPart(b, 1+n+16+sha256.Size)
	if !ok || n == 0 {
		return slot{}, false
	}
	s := slot{name: string(body[1 : 1+n])}
	rest := body[1+n:]
	s.turn = binary.BigEndian.Uint64(rest)
	s.length = int64(binary.BigEndian.Uint64(rest[8:]))
	copy(s.sum[:], rest[16:])
	return s, true
}

// record says that the first length bytes of the named file, which have the hash sum, are durable.
func (w *witness) record(name string, length int64, sum [sha256.Size]byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := w.find(name)
	if i < 0 {
		if i = w.find(""); i < 0 {
			return errors.New("witness has no room for another file")
		}
		w.slots[i].name = name
	}
	s := &w.slots[i]
	s.turn++
	s.length, s.sum = length, sum
	var b [sector]byte
	_, err := w.file.WriteAt(s.append(b[:0]), slotOffset(i, s.turn))
	return err
}

// release says that the named file may go away. It is durable when release returns.
func (w *witness) release(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := w.find(name)
	if i < 0 {
		return nil
	}
	if _, err := w.file.WriteAt(make([]byte, 2*sector), slotOffset(i, 0)); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	w.slots[i] = slot{turn: w.slots[i].turn}
	return nil
}

// find returns the slot of the named file, -1 when it has none. The caller holds mu.
func (w *witness) find(name string) int {
	for i := range w.slots {
		if w.slots[i].name == name {
			return i
		}
	}
	return -1
}

// known returns the files that must be there.
func (w *witness) known() []slot {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []slot
	for _, s := range w.slots {
		if s.name != "" {
			all = append(all, s)
		}
	}
	return all
}

// verify compares the named file with what is known of it.
func (w *witness) verify(fsys vfs.FS, dir, name string) error {
	w.mu.Lock()
	var s slot
	if i := w.find(name); i >= 0 {
		s = w.slots[i]
	}
	w.mu.Unlock()
	if s.name == "" {
		return nil
	}
	f, err := fsys.Open(fsys.PathJoin(dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.CopyBuffer(h, io.LimitReader(f, s.length), make([]byte, 256<<10))
	if err != nil {
		return err
	}
	if n < s.length {
		return fmt.Errorf("file %s has %d bytes of %d that were durable: %w", name, n, s.length, journal.ErrCorrupt)
	}
	if string(h.Sum(nil)) != string(s.sum[:]) {
		return fmt.Errorf("file %s is not what was written, within its first %d bytes: %w", name, s.length, journal.ErrCorrupt)
	}
	return nil
}

// sync makes what the witness says durable.
func (w *witness) sync() error { return w.file.Sync() }
