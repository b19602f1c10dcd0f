package clustersim_test

import (
	"regexp"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/internal/histories"
	"github.com/tutti-rt/tutti/wire"
)

// TestLiesAreFound simulates clusters with something that is not as it has to be: what clients are told shows it.
func TestLiesAreFound(t *testing.T) {
	const most = 20 // how much of a lie shows depends on the order of goroutines too
	for _, lie := range []struct {
		name   string
		broken *regexp.Regexp // promises, one of which is
		change func(w *world) []step
	}{
		{"disks that lose what they have synced", regexp.MustCompile("what was acknowledged is not lost"), lyingDisks},
		{"queries that any mirror answers", regexp.MustCompile("what is asked later is answered with no less|a view of a session has what was seen before"), staleQueries},
	} {
		t.Run(lie.name, func(t *testing.T) {
			t.Parallel()
			var all []string
			for seed := uint64(1); seed <= most; seed++ {
				_, found := simulate(t, seed, lie.change).violations()
				if slices.ContainsFunc(found, func(v histories.Violation) bool { return lie.broken.MatchString(v.Broken) }) {
					return
				}
				for _, v := range found {
					all = append(all, v.Broken)
				}
			}
			t.Errorf("what was found in %d seeds is %q, want %s among it", most, all, lie.broken)
		})
	}
}

// lyingDisks has all disks lie from some time on, and then all nodes crash.
func lyingDisks(w *world) []step {
	w.lying, w.memTable = new(atomic.Bool), 32<<20
	var all []step
	for i := range w.machines {
		all = append(all, step{at: 5 * time.Second, kind: crash, node: i + 1, last: time.Second})
	}
	return append(all, step{at: 3 * time.Second, kind: lie, node: 1, last: 2 * time.Second})
}

// staleQueries has mirrors answer what only the owner may, while they hear of nothing new.
func staleQueries(w *world) []step {
	w.lies = func(p *process) func(bus.Address, *wire.Envelope) (bus.Address, *wire.Envelope) {
		return func(to bus.Address, e *wire.Envelope) (bus.Address, *wire.Envelope) {
			if e.Kind != wire.KindView || e.Has(wire.Stale) || e.Category == histories.Account || e.Number != 0 {
				return to, e
			}
			at, ok := p.state.Mirror(pool, wire.Partition(e.Category, e.ID, partitions))
			if !ok {
				return to, e
			}
			other := *e
			other.Flags |= wire.Stale
			return at, &other
		}
	}
	return []step{
		{at: time.Second, kind: rain, node: 1, last: 8 * time.Second},
		{at: time.Second, kind: rain, node: 2, last: 8 * time.Second},
		{at: time.Second, kind: rain, node: 3, last: 8 * time.Second},
	}
}
