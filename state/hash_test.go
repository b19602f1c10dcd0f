package state_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// wavering is a category whose events add what extra says beside what they say.
func wavering(extra func() int) *tutti.Category {
	return tutti.NewCategory("wavering",
		tutti.OnCommand(func(t *tutti.Turn[sum], c add) error { t.Emit(added(c)); t.Emit(added(c)); return nil }),
		tutti.OnEvent(func(s *sum, e added) { s.N += e.By + extra() }),
		tutti.With(tutti.Options{ViewConsistency: tutti.Eventual, HashEvents: 5}),
	)
}

func TestMirrorThatDiffersIsBuiltAnew(t *testing.T) {
	var once atomic.Int64
	inFleet(t, 2, state.Config{}, func(t *testing.T, f *fleet) {
		add := func(n int) {
			for range n {
				f.call("wavering/1", "ann", "add", `{"By":1}`)
			}
		}
		add(1)
		f.cluster.Hold(partOf("wavering/1"), 2)
		add(1)
		once.Store(100) // of which only the mirror's next event knows
		f.cluster.Heal(2)
		synctest.Wait()
		if got := told(f.mirrored(2, wire.KindView, "wavering/1", stale(0))); got != `mirror 4 {"n":104}` {
			t.Fatalf("answer of the mirror = %q", got)
		}
		add(1)
		if got := told(f.mirrored(2, wire.KindView, "wavering/1", stale(0))); got != `mirror 6 {"n":6}` {
			t.Errorf("answer of the mirror after revision 5 = %q", got)
		}
		if n := f.node(2).Stats().Mismatches; n != 1 {
			t.Errorf("%d mismatches were counted, want 1", n)
		}
		add(10)
		log := f.logs.all()
		if strings.Count(log, "level=ERROR") != 1 || !strings.Contains(log, "entity=wavering/1 revision=6") {
			t.Errorf("logged %s, want one mismatch of wavering/1 at revision 6", log)
		}
	}, wavering(func() int { return int(once.Swap(0)) }))
}

func TestNotDeterministic(t *testing.T) {
	var n atomic.Int64
	inFleet(t, 2, state.Config{}, func(t *testing.T, f *fleet) {
		for range 3 {
			f.call("wavering/1", "ann", "add", `{"By":1}`)
		}
		if log := f.logs.all(); !strings.Contains(log, "not deterministic") || !strings.Contains(log, "revision=6") {
			t.Errorf("logged %s", log)
		}
	}, wavering(func() int { return int(n.Add(1)) }))
}

func TestHashesAreTheSame(t *testing.T) {
	inFleet(t, 3, state.Config{}, func(t *testing.T, f *fleet) {
		for i := range 60 {
			f.call("wavering/1", "ann", "add", `{"By":1}`)
			if i%7 == 0 {
				f.lead("wavering/1", journal.NodeID(i%3+1))
			}
		}
		if n := f.node(1).Stats().Mismatches + f.node(2).Stats().Mismatches + f.node(3).Stats().Mismatches; n != 0 {
			t.Errorf("%d mismatches", n)
		}
		f.calm()
	}, wavering(func() int { return 0 }))
}
