package ring_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti/edge/internal/ring"
)

type entry struct {
	start, end uint64
	rev        uint64
	ephemeral  bool
	at         ring.Stamp
	data       []byte
}

// read returns the bytes between two positions, as views hand them out piece by piece.
func read(v ring.View, from, to uint64, pieces, limit int) []byte {
	var all []byte
	for from < to {
		bufs, next := v.Append(nil, from, to, pieces, limit)
		if next == from {
			return all
		}
		for _, b := range bufs {
			all = append(all, b...)
		}
		from = next
	}
	return all
}

// TestRingAgreesWithAList appends, trims and reads at random, beside a plain list of all entries.
func TestRingAgreesWithAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		budget := ring.NewBudget(rapid.SampledFrom([]int64{2 << 10, 16 << 10, 1 << 20}).Draw(t, "budget"))
		other := ring.New(budget, 1<<20, 0)
		floor := rapid.Uint64Range(0, 3).Draw(t, "floor")
		r := ring.New(budget, rapid.SampledFrom([]int{1 << 10, 8 << 10, 1 << 20}).Draw(t, "max"), floor)
		var all []entry
		last := floor
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "count") {
					e := entry{rev: last + 1, ephemeral: rapid.Bool().Draw(t, "ephemeral")}
					if rapid.IntRange(0, 9).Draw(t, "repeat") == 0 {
						e.rev, e.ephemeral = last, false
					}
					e.at = ring.StampOf(rapid.Int64().Draw(t, "at"))
					e.data = bytes.Repeat([]byte{byte(len(all))}, rapid.SampledFrom([]int{30, 31, 100, 700, 5000}).Draw(t, "size"))
					start, end := r.Append(e.data, e.rev, e.ephemeral, e.at)
					if !e.ephemeral && e.rev <= last {
						if start != end {
							t.Fatalf("Append of revision %d after %d added an entry", e.rev, last)
						}
						continue
					}
					if e.start, e.end = start, end; end-start != uint64(len(e.data)) {
						t.Fatalf("Append of %d bytes = %d, %d", len(e.data), start, end)
					}
					if e.ephemeral {
						e.rev = last
					}
					last = e.rev
					all = append(all, e)
				}
			},
			"crowd": func(t *rapid.T) { other.Append(make([]byte, rapid.IntRange(1, 4000).Draw(t, "size")), 0, true, 0) },
			"age":   func(*rapid.T) { budget.Age(1) },
			"": func(t *rapid.T) {
				check(t, r, all, last, floor)
			},
		})
	})
}

func check(t *rapid.T, r *ring.Ring, all []entry, last, floor uint64) {
	v := r.View()
	kept := all
	for len(kept) > 0 && kept[0].start < v.Tail {
		kept = kept[1:]
	}
	if r.Last() != last || r.Head() != v.Head || (len(kept) > 0 && kept[0].start != v.Tail) {
		t.Fatalf("Last() = %d, Head() = %d, view %d–%d, want revision %d and boundaries of entries", r.Last(), r.Head(), v.Tail, v.Head, last)
	}
	var want []byte
	for _, e := range kept {
		if got := v.StampAt(e.start); got != e.at {
			t.Fatalf("StampAt(%d) = %d, want %d", e.start, got, e.at)
		}
		want = append(want, e.data...)
	}
	pieces, limit := rapid.IntRange(1, 3).Draw(t, "pieces"), rapid.SampledFrom([]int{1, 1000, 1 << 20}).Draw(t, "limit")
	if got := read(v, v.Tail, v.Head, pieces, limit); !bytes.Equal(got, want) {
		t.Fatalf("view holds %d bytes, want %d, or others", len(got), len(want))
	}
	rev := rapid.Uint64Range(0, last+2).Draw(t, "rev")
	pos, head, ok := r.Place(rev)
	covered := rev >= last
	for i, e := range all {
		if e.rev > rev { // the first one after rev
			covered = len(all)-i <= len(kept)
			break
		}
	}
	if rev < floor && len(all) == len(kept) {
		covered = rev >= last
	}
	if ok != covered || head != v.Head {
		t.Fatalf("Place(%d) = %d, %d, %t, want %t: %s", rev, pos, head, ok, covered, dump(kept, floor, last))
	}
	if !ok {
		return
	}
	wantDurable(t, r, v, kept, pos, rev)
	if got, known := r.RevisionAt(pos); !known || got != min(rev, last) {
		t.Fatalf("RevisionAt(Place(%d)) = %d, %t, want %d", rev, got, known, min(rev, last))
	}
}

// wantDurable reads the durable entries from pos on and compares them with those after rev.
func wantDurable(t *rapid.T, r *ring.Ring, v ring.View, kept []entry, pos, rev uint64) {
	var want, got []byte
	for _, e := range kept {
		if !e.ephemeral && e.rev > rev {
			want = append(want, e.data...)
		}
	}
	for pos < v.Head {
		start, end, ok := r.NextDurable(pos, v.Head)
		if !ok {
			t.Fatalf("NextDurable(%d) reports a gap", pos)
		}
		got = append(got, read(v, start, end, 64, 1<<20)...)
		pos = end
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%d durable bytes after revision %d, want %d, or others", len(got), rev, len(want))
	}
}

func dump(kept []entry, floor, last uint64) string {
	s := fmt.Sprintf("floor %d, last %d:", floor, last)
	for _, e := range kept {
		s += fmt.Sprintf(" %d@%d(%t)", e.rev, e.start, e.ephemeral)
	}
	return s
}

func TestBudgetBoundsAllRings(t *testing.T) {
	const max = 1 << 20
	b := ring.NewBudget(max)
	rings := make([]*ring.Ring, 50)
	for i := range rings {
		rings[i] = ring.New(b, 1<<20, 0)
	}
	p := make([]byte, 1000)
	for n := range 200 {
		for _, r := range rings {
			r.Append(p, uint64(n+1), false, 0)
			if used, _ := b.Used(); used > max+100<<10 {
				t.Fatalf("rings hold %d bytes, want about %d at most", used, max)
			}
		}
	}
	held := 0
	for _, r := range rings {
		v := r.View()
		held += int(v.Head - v.Tail)
	}
	if held < max/2 {
		t.Errorf("rings hold %d bytes of entries of a budget of %d, want more than half", held, max)
	}
	for _, r := range rings {
		r.Close()
	}
	if used, n := b.Used(); used != 0 || n != 0 {
		t.Errorf("Used() after closing all = %d bytes, %d rings, want none", used, n)
	}
}

func TestAgeEmptiesWhatIsIdle(t *testing.T) {
	b := ring.NewBudget(1 << 20)
	idle, busy := ring.New(b, 1<<20, 0), ring.New(b, 1<<20, 0)
	idle.Append([]byte("x"), 1, false, 0)
	for n := range 3 {
		busy.Append([]byte("x"), uint64(n+1), false, 0)
		b.Age(2)
	}
	if v := idle.View(); v.Tail != v.Head {
		t.Error("the idle ring still holds its entry")
	}
	if _, _, ok := idle.Place(0); ok {
		t.Error("Place(0) in the emptied ring reports no gap")
	}
	if v := busy.View(); v.Tail == v.Head {
		t.Error("the busy ring is empty")
	}
}

func TestClosedRing(t *testing.T) {
	b := ring.NewBudget(1 << 20)
	r := ring.New(b, 1<<20, 0)
	r.Append([]byte("x"), 1, false, 0)
	before := r.View()
	r.Close()
	if start, end := r.Append([]byte("y"), 2, false, 0); start != end {
		t.Error("a closed ring takes entries")
	}
	if v := r.View(); v.Tail <= before.Head {
		t.Errorf("tail of the closed ring = %d, want it above every position (%d)", v.Tail, before.Head)
	}
	if got := read(before, before.Tail, before.Head, 9, 99); string(got) != "x" {
		t.Errorf("view from before = %q, want %q", got, "x")
	}
}

func TestStamp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		us := rapid.Int64Range(1, 1<<60).Draw(t, "us")
		later := rapid.Int64Range(1, 1<<30-1).Draw(t, "later")
		a, b := ring.StampOf(us), ring.StampOf(us+later)
		if got, want := a.Age(b), time.Duration(later)*time.Microsecond; (got - want).Abs() > time.Microsecond {
			t.Errorf("Age after %d µs = %v", later, got)
		}
		if got := b.Age(a); got != 0 && later > 1 {
			t.Errorf("Age of what is to come = %v", got)
		}
		if later > 1 && (ring.Oldest(a, b) != a || ring.Oldest(b, a) != a) || ring.Oldest(0, b) != b || ring.Oldest(a, 0) != a {
			t.Errorf("Oldest of %d and %d is another one", a, b)
		}
	})
	if got := ring.StampOf(0); got != 0 {
		t.Errorf("StampOf(0) = %d, want none", got)
	}
}

func BenchmarkAppend(b *testing.B) {
	r := ring.New(ring.NewBudget(64<<20), 4<<20, 0)
	p := make([]byte, 200)
	b.ReportAllocs()
	rev := uint64(0)
	for b.Loop() {
		rev++
		r.Append(p, rev, false, 0)
	}
}

func BenchmarkStampAt(b *testing.B) {
	r := ring.New(ring.NewBudget(1<<30), 1<<20, 0)
	p := make([]byte, 150)
	var pos []uint64
	for n := range 5000 {
		start, _ := r.Append(p, uint64(n+1), false, 1)
		pos = append(pos, start)
	}
	b.ReportAllocs()
	for b.Loop() {
		r.StampAt(pos[len(pos)-3])
	}
}
