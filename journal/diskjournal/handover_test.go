package diskjournal_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// TestHandOverByNewOwner hands over as soon as the partition is owned, before the leader's first entry is stored and the others have answered: they are waited for.
func TestHandOverByNewOwner(t *testing.T) {
	onSlowDisks(t, func(t *testing.T, n *network, _ *atomic.Int64) {
		appendN(t, acquire(t, n.node(1), part), 5)
		time.Sleep(time.Second)
		for i := range 6 {
			from, to := n.node(journal.NodeID(i%3+1)), n.node(journal.NodeID((i+1)%3+1))
			owned := acquireBeside(t, to, part)
			synctest.Wait()
			if err := from.j.HandOver(t.Context(), part, to.id); err != nil {
				t.Fatalf("hand-over %d: %v", i+1, err)
			}
			owned()
		}
		appendN(t, acquire(t, n.node(1), part), 7)
		n.node(3).has(t, part, 7)
	})
}

// TestHandOverAtAnyTime: a leader that has just looked who answers, as it does again and again, does not take who has not answered since for one that is away.
func TestHandOverAtAnyTime(t *testing.T) {
	simulated(t, 3, func(t *testing.T, n *network) {
		n.create(part, 1, 2, 3)
		appendN(t, acquire(t, n.node(1), part), 1)
		for i := range 120 {
			from, to := n.node(journal.NodeID(i%3+1)), n.node(journal.NodeID((i+1)%3+1))
			time.Sleep(time.Second + time.Duration(i)*3*time.Millisecond)
			began := time.Now()
			if err := from.j.HandOver(t.Context(), part, to.id); err != nil || time.Since(began) >= 30*time.Millisecond {
				t.Fatalf("hand-over %d: %v after %v, want less than a tick", i+1, err, time.Since(began))
			}
			n.leader(part, 1, 2, 3)
		}
	})
}

// TestHandOverToNodeThatIsAway is refused within an election's time, also where the leader has not found out yet.
func TestHandOverToNodeThatIsAway(t *testing.T) {
	simulated(t, 3, func(t *testing.T, n *network) {
		n.create(part, 1, 2, 3)
		l := acquire(t, n.node(1), part)
		appendN(t, l, 1)
		n.isolate(2, true)
		time.Sleep(time.Second)
		began := time.Now()
		if err := n.node(1).j.HandOver(t.Context(), part, 2); err == nil || time.Since(began) > 200*time.Millisecond {
			t.Errorf("HandOver = %v after %v, want that it is refused within six ticks", err, time.Since(began))
		}
		appendN(t, l, 2)
	})
}
