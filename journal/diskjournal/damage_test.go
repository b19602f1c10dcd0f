package diskjournal_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// damage is what happens to a file of a directory in which no journal is open.
type damage struct {
	name string
	// do damages data, and returns what is left; nil when the file is gone.
	do func(r *rand.Rand, data []byte) []byte
}

var damages = []damage{
	{"bit flipped", func(r *rand.Rand, data []byte) []byte {
		if len(data) > 0 {
			data[r.IntN(len(data))] ^= 1 << r.IntN(8)
		}
		return data
	}},
	{"piece zeroed", func(r *rand.Rand, data []byte) []byte {
		if len(data) > 0 {
			at := r.IntN(len(data))
			clear(data[at:min(len(data), at+1+r.IntN(600))])
		}
		return data
	}},
	{"piece cut out", func(r *rand.Rand, data []byte) []byte {
		at := r.IntN(len(data) + 1)
		return slices.Delete(data, at, min(len(data), at+1+r.IntN(600)))
	}},
	{"end cut off", func(r *rand.Rand, data []byte) []byte { return data[:r.IntN(len(data)+1)] }},
	{"emptied", func(_ *rand.Rand, data []byte) []byte { return data[:0] }},
	{"deleted", func(*rand.Rand, []byte) []byte { return nil }},
}

func readFile(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t *testing.T, fs vfs.FS, name string, data []byte) {
	t.Helper()
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(slices.Clone(data)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestDamage damages every file of a journal that was closed, of one whose process was killed, and of
// one that lost its power. What is damaged is refused or does no harm; nothing wrong is ever told.
// Only after a power failure may the end of the log be missing, when the last log file was damaged: what the
// witness knew of it is lost as well.
func TestDamage(t *testing.T) {
	t.Parallel()
	rounds := 16
	if testing.Short() {
		rounds = 4
	}
	fs := vfs.NewCrashableMem()
	w := newWorkload()
	j, err := diskjournal.OpenFS(fs, dir, small)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.run(t.Context(), j, 200); err != nil {
		t.Fatal(err)
	}
	states := map[string]*vfs.MemFS{}
	for _, c := range crashes {
		if c.percent == 0 || c.percent == 100 {
			states[c.name] = c.clone(fs, 1)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	states["close"] = crash{"", 100}.clone(fs, 1)
	for state, fs := range states {
		t.Run(state, func(t *testing.T) {
			if err := w.verify(t.Context(), crash{"", 100}.clone(fs, 1)); err != nil {
				t.Fatalf("without damage: %v", err)
			}
			names, err := fs.List(dir)
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(names)
			for _, name := range names {
				for _, d := range damages {
					t.Run(d.name+"/"+name, func(t *testing.T) { w.damage(t, fs, name, d, rounds, state == "power failure") })
				}
			}
		})
	}
}

func (w *workload) damage(t *testing.T, fs *vfs.MemFS, name string, d damage, rounds int, power bool) {
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	last := "" // of the log files
	for _, n := range names {
		if strings.HasSuffix(n, ".log") {
			last = max(last, n)
		}
	}
	full := path.Join(dir, name)
	intact := readFile(t, fs, full)
	refused, harmless, shortened := 0, 0, 0
	for n := range rounds {
		if n > 0 && (len(intact) == 0 || d.name == "deleted" || d.name == "emptied") {
			break
		}
		data := d.do(rand.New(rand.NewPCG(uint64(n), 7)), slices.Clone(intact))
		damaged := func() *vfs.MemFS {
			left := crash{"", 100}.clone(fs, 1)
			if data != nil {
				writeFile(t, left, full, data)
			} else if err := left.Remove(full); err != nil {
				t.Fatal(err)
			}
			return left
		}
		err := w.verify(t.Context(), damaged())
		switch {
		case err == nil:
			harmless++
		case errors.Is(err, errWrong) && power && data != nil && name == last:
			// The end is missing; what is there is right.
			short := w.copy()
			clear(short.acked)
			if err := short.verify(t.Context(), damaged()); errors.Is(err, errWrong) {
				t.Fatalf("round %d: %v", n, err)
			}
			shortened++
		case errors.Is(err, errWrong):
			t.Fatalf("round %d: %v", n, err)
		default:
			if refused == 0 {
				t.Logf("%v", err)
			}
			refused++
		}
	}
	t.Logf("%d refused, %d harmless, %d shortened", refused, harmless, shortened)
}
