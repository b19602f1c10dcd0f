package diskjournal_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// writeTime is how long a write takes in the tests of this file.
const writeTime = 20 * time.Millisecond

func onSlowDisks(t *testing.T, test func(t *testing.T, n *network, writes *atomic.Int64)) {
	synctest.Test(t, func(t *testing.T) {
		var writes atomic.Int64
		writes.Store(int64(writeTime))
		n := newNetwork(t, 3, 0, diskjournal.Config{
			MemTableBytes: 1 << 20, BeforeWrite: func() { time.Sleep(time.Duration(writes.Load())) },
		})
		defer n.close()
		n.create(part, 1, 2, 3)
		test(t, n, &writes)
	})
}

// TestNextOwnerWaitsForVotesAlone hands over where each write takes a while: the next owner is there when the votes for it are stored. What it appends at
// once is stored after its leader's first entry, and a question whether it still owns the partition is answered.
func TestNextOwnerWaitsForVotesAlone(t *testing.T) {
	onSlowDisks(t, func(t *testing.T, n *network, _ *atomic.Int64) {
		appendN(t, acquire(t, n.node(1), part), 5)
		time.Sleep(time.Second)
		owned := acquireBeside(t, n.node(2), part)
		synctest.Wait()
		began := time.Now()
		if err := n.node(1).j.HandOver(t.Context(), part, 2); err != nil {
			t.Fatal(err)
		}
		next := owned()
		if took := time.Since(began); took >= 2*writeTime {
			t.Errorf("the next owner came after %v, want less than two writes", took)
		}
		if last, err := next.Last(t.Context(), entityOf(0)); err != nil || last.Seq != 5 {
			t.Errorf("the last record that the next owner knows is %v, %v, want the fifth", last, err)
		}
		confirmed := make(chan error, 1)
		go func() { confirmed <- next.Confirm(t.Context()) }()
		if _, err := next.Append(t.Context(), oneRecord(6)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took >= 4*writeTime {
			t.Errorf("the first append took until %v, want less than four writes", took)
		}
		if err := <-confirmed; err != nil {
			t.Errorf("Confirm = %v", err)
		}
		n.node(3).has(t, part, 6)
	})
}

// TestStatusOfNextOwner: who has acquired a partition is known to lead it, in an election after the last one. Others who wait for it keep the journal busy meanwhile.
func TestStatusOfNextOwner(t *testing.T) {
	simulated(t, 3, func(t *testing.T, n *network) {
		n.create(part, 1, 2, 3)
		acquire(t, n.node(1), part)
		term := uint64(0)
		for i := range 100 {
			from, to := n.node(journal.NodeID(i%3+1)), n.node(journal.NodeID((i+1)%3+1))
			time.Sleep(200 * time.Millisecond) // all that is stored is known everywhere
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					if _, err := to.j.Acquire(t.Context(), part); err != nil {
						t.Error(err)
						return
					}
					if s, err := to.j.Status(part); err != nil || s.Leader != to.id || s.Term <= term {
						t.Errorf("node %d owns the partition, and says that node %d leads it in term %d after %d, %v", to.id, s.Leader, s.Term, term, err)
					}
				})
			}
			synctest.Wait()
			if err := from.j.HandOver(t.Context(), part, to.id); err != nil {
				t.Fatal(err)
			}
			all.Wait()
			s, err := to.j.Status(part)
			if err != nil {
				t.Fatal(err)
			}
			term = s.Term
		}
	})
}

// handedOver stores five records at node 1, hands the partition over to node 2, which has waited for it, and returns its log.
func handedOver(t *testing.T, n *network) journal.Log {
	t.Helper()
	appendN(t, acquire(t, n.node(1), part), 5)
	time.Sleep(time.Second)
	owned := acquireBeside(t, n.node(2), part)
	synctest.Wait()
	if err := n.node(1).j.HandOver(t.Context(), part, 2); err != nil {
		t.Fatal(err)
	}
	return owned()
}

// TestNextOwnerThatIsCutOff: what an owner appends that came before its leader's first entry was stored, and that nobody has heard of, is not stored, and the one
// that follows has all that was.
func TestNextOwnerThatIsCutOff(t *testing.T) {
	onSlowDisks(t, func(t *testing.T, n *network, _ *atomic.Int64) {
		lost := handedOver(t, n)
		n.isolate(2, true)
		confirmed := make(chan error, 1)
		go func() { confirmed <- lost.Confirm(t.Context()) }()
		if _, err := lost.Append(t.Context(), oneRecord(6)); !errors.Is(err, journal.ErrUnknown) {
			t.Errorf("Append of an owner that is cut off = %v, want ErrUnknown", err)
		}
		if err := <-confirmed; err == nil {
			t.Error("an owner that is cut off still owns the partition")
		}
		if _, err := lost.Append(t.Context(), oneRecord(6)); !errors.Is(err, journal.ErrFenced) {
			t.Errorf("the next Append = %v, want ErrFenced", err)
		}
		m := n.leader(part, 1, 3)
		next := acquire(t, m, part)
		if last, err := next.Last(t.Context(), entityOf(0)); err != nil || last.Seq != 5 {
			t.Errorf("the last record is %v, %v, want the fifth", last, err)
		}
		appendN(t, next, 7)
		n.isolate(2, false)
		n.node(2).has(t, part, 7)
	})
}

// deafen has nothing get through to a node any more. What it sends does.
func (n *network) deafen(id journal.NodeID, off bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for o := range n.nodes {
		n.cut[[2]journal.NodeID{o, id}] = off
	}
}

// TestNextOwnerThatHearsNothing: the others have the first entry of a leader that does not hear of it, and the one that follows keeps it.
func TestNextOwnerThatHearsNothing(t *testing.T) {
	onSlowDisks(t, func(t *testing.T, n *network, _ *atomic.Int64) {
		lost := handedOver(t, n)
		n.deafen(2, true) // the answers to its first entry take a write
		fifth := lost.End()
		if _, err := lost.Append(t.Context(), oneRecord(6)); !errors.Is(err, journal.ErrUnknown) {
			t.Errorf("Append of an owner that hears nothing = %v, want ErrUnknown", err)
		}
		if _, err := lost.Append(t.Context(), oneRecord(6)); !errors.Is(err, journal.ErrFenced) {
			t.Errorf("the next Append = %v, want ErrFenced", err)
		}
		next := acquire(t, n.leader(part, 1, 3), part)
		if last, err := next.Last(t.Context(), entityOf(0)); err != nil || last.Seq != 5 {
			t.Errorf("the last record is %v, %v, want the fifth", last, err)
		}
		if at, err := next.Append(t.Context(), oneRecord(6)); err != nil || at < fifth+3 {
			t.Errorf("Append = %d, %v, want two first entries between it and %d", at, err, fifth)
		}
		n.deafen(2, false)
		n.node(2).has(t, part, 6)
	})
}

// TestNextOwnerThatIsCutOffLater: what was acknowledged stays, also what the others have that the owner has not heard of.
func TestNextOwnerThatIsCutOffLater(t *testing.T) {
	onSlowDisks(t, func(t *testing.T, n *network, _ *atomic.Int64) {
		lost := handedOver(t, n)
		appendN(t, lost, 6)
		n.deafen(2, true)
		if _, err := lost.Append(t.Context(), oneRecord(7)); !errors.Is(err, journal.ErrUnknown) {
			t.Errorf("Append of an owner that hears nothing = %v, want ErrUnknown", err)
		}
		if _, err := lost.Append(t.Context(), oneRecord(8)); !errors.Is(err, journal.ErrFenced) {
			t.Errorf("the next Append = %v, want ErrFenced", err)
		}
		next := acquire(t, n.leader(part, 1, 3), part)
		if last, err := next.Last(t.Context(), entityOf(0)); err != nil || last.Seq != 7 {
			t.Errorf("the last record is %v, %v, want the seventh, which the others have", last, err)
		}
		appendN(t, next, 8)
		n.deafen(2, false)
		n.node(2).has(t, part, 8)
	})
}

// TestNextOwnerOfWhatNobodyKnowsToBeStored: where the log may end with what no majority has, the next owner waits until it is known what is stored.
func TestNextOwnerOfWhatNobodyKnowsToBeStored(t *testing.T) {
	onSlowDisks(t, func(t *testing.T, n *network, _ *atomic.Int64) {
		l := acquire(t, n.node(1), part)
		appendN(t, l, 5)
		time.Sleep(time.Second)
		n.mu.Lock()
		for _, to := range []journal.NodeID{2, 3} {
			n.late[[2]journal.NodeID{1, to}] = writeTime / 2
		}
		n.mu.Unlock()
		if _, err := l.Append(t.Context(), oneRecord(6)); err != nil {
			t.Fatal(err)
		}
		n.isolate(1, true) // before the others hear that it is stored
		n.node(1).close(true)
		next := acquire(t, n.leader(part, 2, 3), part)
		if last, err := next.Last(t.Context(), entityOf(0)); err != nil || last.Seq != 6 {
			t.Errorf("the last record that the next owner knows is %v, %v, want the sixth", last, err)
		}
	})
}

// TestConfirmOfNewLeader asks a leader whose first entry takes long to be stored, longer than others are waited for: it is answered then.
func TestConfirmOfNewLeader(t *testing.T) {
	onSlowDisks(t, func(t *testing.T, n *network, writes *atomic.Int64) {
		appendN(t, acquire(t, n.node(1), part), 5)
		time.Sleep(time.Second)
		owned := acquireBeside(t, n.node(2), part)
		synctest.Wait()
		time.AfterFunc(writeTime/2, func() { writes.Store(int64(2 * time.Second)) }) // the votes are being stored
		if err := n.node(1).j.HandOver(t.Context(), part, 2); err != nil {
			t.Fatal(err)
		}
		next := owned()
		began := time.Now()
		if err := next.Confirm(t.Context()); err != nil || time.Since(began) < time.Second {
			t.Errorf("Confirm = %v after %v, want that it is the owner once the entry is stored", err, time.Since(began))
		}
	})
}
