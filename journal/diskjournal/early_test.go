package diskjournal_test

import (
	"errors"
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
		owned := make(chan journal.Log, 1)
		go func() { owned <- acquire(t, n.node(2), part) }()
		synctest.Wait()
		began := time.Now()
		if err := n.node(1).j.HandOver(t.Context(), part, 2); err != nil {
			t.Fatal(err)
		}
		next := <-owned
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

// TestNextOwnerThatIsCutOff: what an owner appends that came before its leader's first entry was stored, and that nobody has heard of, is not stored, and the one
// that follows has all that was.
func TestNextOwnerThatIsCutOff(t *testing.T) {
	onSlowDisks(t, func(t *testing.T, n *network, _ *atomic.Int64) {
		appendN(t, acquire(t, n.node(1), part), 5)
		time.Sleep(time.Second)
		owned := make(chan journal.Log, 1)
		go func() { owned <- acquire(t, n.node(2), part) }()
		synctest.Wait()
		if err := n.node(1).j.HandOver(t.Context(), part, 2); err != nil {
			t.Fatal(err)
		}
		lost := <-owned
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
		owned := make(chan journal.Log, 1)
		go func() { owned <- acquire(t, n.node(2), part) }()
		synctest.Wait()
		time.AfterFunc(writeTime/2, func() { writes.Store(int64(2 * time.Second)) }) // the votes are being stored
		if err := n.node(1).j.HandOver(t.Context(), part, 2); err != nil {
			t.Fatal(err)
		}
		next := <-owned
		began := time.Now()
		if err := next.Confirm(t.Context()); err != nil || time.Since(began) < time.Second {
			t.Errorf("Confirm = %v after %v, want that it is the owner once the entry is stored", err, time.Since(began))
		}
	})
}
