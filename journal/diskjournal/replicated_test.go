package diskjournal_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
)

var part = journal.Partition{Pool: "default", Number: 3}

// simulated runs f in a bubble, with nodes that are joined.
func simulated(t *testing.T, nodes int, f func(t *testing.T, n *network)) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, nodes, 30*time.Millisecond, diskjournal.Config{MemTableBytes: 1 << 20})
		f(t, n)
		n.close()
	})
}

func acquire(t testing.TB, m *member, p journal.Partition) journal.Log {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	l, err := m.j.Acquire(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// acquireBeside acquires beside the test, and returns what waits for that.
func acquireBeside(t testing.TB, m *member, p journal.Partition) (owned func() journal.Log) {
	type acquired struct {
		log journal.Log
		err error
	}
	c := make(chan acquired, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		l, err := m.j.Acquire(ctx, p)
		c <- acquired{l, err}
	}()
	return func() journal.Log {
		t.Helper()
		a := <-c
		if a.err != nil {
			t.Fatal(a.err)
		}
		return a.log
	}
}

// appendN appends records of one entity until it has n.
func appendN(t testing.TB, l journal.Log, n uint64) {
	t.Helper()
	last, err := l.Last(t.Context(), entityOf(0))
	if err != nil {
		t.Fatal(err)
	}
	for seq := last.Seq + 1; seq <= n; seq++ {
		if _, err := l.Append(t.Context(), oneRecord(seq)); err != nil {
			t.Fatal(err)
		}
	}
}

// has waits until a node's replica has n batches, and verifies its log.
func (m *member) has(t testing.TB, p journal.Partition, n int) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		r, err := m.j.Replica(t.Context(), p)
		if err == nil {
			var batches []journal.Stored
			if batches, err = collect(r.Read(t.Context(), 0)); err == nil && len(batches) == n {
				for i, b := range batches {
					if b.Records[0].Seq != uint64(i+1) {
						t.Fatalf("node %d: batch %d has record %d", m.id, i, b.Records[0].Seq)
					}
				}
				return
			}
		}
		if time.Now().After(until) {
			t.Fatalf("node %d has not got %d batches: %v", m.id, n, err)
		}
	}
}

func TestEveryReplicaHasWhatIsStored(t *testing.T) {
	simulated(t, 3, func(t *testing.T, n *network) {
		n.create(part, 1, 2, 3)
		l := acquire(t, n.node(1), part)
		appendN(t, l, 20)
		for _, m := range n.all() {
			m.has(t, part, 20)
		}
	})
}

// TestOwnerIsLost takes the owner away, and has another node go on.
func TestOwnerIsLost(t *testing.T) {
	for name, lose := range map[string]func(n *network){
		"killed": func(n *network) { n.node(1).close(true) },
		"cut":    func(n *network) { n.isolate(1, true) },
	} {
		t.Run(name, func(t *testing.T) {
			simulated(t, 3, func(t *testing.T, n *network) {
				n.create(part, 1, 2, 3)
				old := acquire(t, n.node(1), part)
				appendN(t, old, 10)
				before := time.Now()
				lose(n)
				next := n.leader(part, 2, 3)
				l := acquire(t, next, part)
				took := time.Since(before)
				if name == "killed" && took > 200*time.Millisecond {
					t.Errorf("another one owns it after %v", took)
				}
				appendN(t, l, 20)
				if name == "cut" {
					if _, err := old.Append(t.Context(), oneRecord(11)); !errors.Is(err, journal.ErrFenced) && !errors.Is(err, journal.ErrUnknown) {
						t.Errorf("Append of the old owner = %v, want ErrFenced or ErrUnknown", err)
					}
					if err := old.Confirm(t.Context()); !errors.Is(err, journal.ErrFenced) {
						t.Errorf("Confirm of the old owner = %v, want ErrFenced", err)
					}
					n.isolate(1, false)
				} else {
					n.node(1).open()
				}
				for _, m := range n.all() {
					m.has(t, part, 20)
				}
			})
		})
	}
}

// TestMinorityRefuses cuts the owner off while it asks and appends.
func TestMinorityRefuses(t *testing.T) {
	simulated(t, 3, func(t *testing.T, n *network) {
		n.create(part, 1, 2, 3)
		l := acquire(t, n.node(1), part)
		appendN(t, l, 3)
		if err := l.Confirm(t.Context()); err != nil {
			t.Fatalf("Confirm = %v", err)
		}
		n.isolate(1, true)
		start := time.Now()
		confirmed := make(chan error, 1)
		go func() { confirmed <- l.Confirm(t.Context()) }()
		if _, err := l.Append(t.Context(), oneRecord(4)); !errors.Is(err, journal.ErrUnknown) {
			t.Errorf("Append = %v, want ErrUnknown", err)
		}
		if err := <-confirmed; !errors.Is(err, journal.ErrUnavailable) {
			t.Errorf("Confirm = %v, want ErrUnavailable", err)
		}
		if took := time.Since(start); took > 700*time.Millisecond {
			t.Errorf("they were refused after %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := n.node(1).j.Acquire(ctx, part); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Acquire = %v, want that it waits", err)
		}
	})
}

// TestReconfigure moves a partition from one node to three others and back while it is written.
func TestReconfigure(t *testing.T) {
	simulated(t, 4, func(t *testing.T, n *network) {
		n.create(part, 1)
		l := acquire(t, n.node(1), part)
		appendN(t, l, 50)
		if err := l.SaveSnapshot(t.Context(), journal.Snapshot{Entity: entityOf(0), Mark: journal.Mark{Seq: 50}, State: []byte("fifty")}); err != nil {
			t.Fatal(err)
		}
		if err := n.node(1).j.Reconfigure(t.Context(), part, []journal.NodeID{1, 2, 3}); err != nil {
			t.Fatal(err)
		}
		appendN(t, l, 60)
		for id := range journal.NodeID(3) {
			n.node(id+1).has(t, part, 60)
		}
		r, err := n.node(2).j.Replica(t.Context(), part)
		if err != nil {
			t.Fatal(err)
		}
		if s, ok, err := r.Snapshot(t.Context(), entityOf(0)); err != nil || !ok || string(s.State) != "fifty" {
			t.Errorf("Snapshot at a new replica = %v, %v, %v", s, ok, err)
		}
		if err := n.node(1).j.Reconfigure(t.Context(), part, []journal.NodeID{2, 3, 4}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Append(t.Context(), oneRecord(61)); !errors.Is(err, journal.ErrFenced) && !errors.Is(err, journal.ErrNoReplica) {
			t.Errorf("Append where no replica is = %v", err)
		}
		leader := n.leader(part, 2, 3, 4)
		l = acquire(t, leader, part)
		appendN(t, l, 70)
		for _, id := range []journal.NodeID{2, 3, 4} {
			n.node(id).has(t, part, 70)
		}
		n.node(1).hasNothing(t, part)
		if err := leader.j.Reconfigure(t.Context(), part, []journal.NodeID{leader.id}); err != nil {
			t.Fatal(err)
		}
		appendN(t, l, 80)
		for _, m := range n.all() {
			if m != leader {
				m.hasNothing(t, part)
			}
		}
		leader.has(t, part, 80)
		leader.close(true)
		leader.open()
		leader.has(t, part, 80)
	})
}

// TestNewReplicaAfterCrash: one that began with a copy is opened again, whatever of the log it had got.
func TestNewReplicaAfterCrash(t *testing.T) {
	simulated(t, 3, func(t *testing.T, n *network) {
		for number, records := range []uint64{0, 1, 20} {
			p := journal.Partition{Pool: "grown", Number: number}
			n.create(p, 1)
			l := acquire(t, n.node(1), p)
			appendN(t, l, records)
			if err := n.node(1).j.Reconfigure(t.Context(), p, []journal.NodeID{1, 2, 3}); err != nil {
				t.Fatal(err)
			}
			n.node(2).has(t, p, int(records))
			for _, crash := range []bool{true, false} {
				n.node(2).close(crash)
				n.node(2).open()
				n.node(2).has(t, p, int(records))
			}
			appendN(t, l, records+3)
			n.node(2).has(t, p, int(records)+3)
		}
	})
}

// hasNothing waits until a node has let go of its replica.
func (m *member) hasNothing(t testing.TB, p journal.Partition) {
	t.Helper()
	var known []journal.Partition
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		var err error
		if known, err = m.j.Partitions(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := m.j.Replica(t.Context(), p); errors.Is(err, journal.ErrNoReplica) && len(known) == 0 {
			return
		}
	}
	t.Fatalf("node %d still has %v", m.id, known)
}

func TestHandOver(t *testing.T) {
	simulated(t, 3, func(t *testing.T, n *network) {
		n.create(part, 1, 2, 3)
		l := acquire(t, n.node(1), part)
		appended := make(chan uint64)
		go func() {
			for seq := uint64(1); ; seq++ {
				if _, err := l.Append(t.Context(), oneRecord(seq)); err != nil {
					if !errors.Is(err, journal.ErrFenced) {
						t.Errorf("Append while it is handed over = %v, want ErrFenced", err)
					}
					appended <- seq - 1
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
		time.Sleep(50 * time.Millisecond)
		start := time.Now()
		if err := n.node(1).j.HandOver(t.Context(), part, 3); err != nil {
			t.Fatal(err)
		}
		next := acquire(t, n.node(3), part)
		if took := time.Since(start); took > 50*time.Millisecond {
			t.Errorf("it was handed over in %v", took)
		}
		stored := <-appended
		n.node(3).has(t, part, int(stored))
		appendN(t, next, stored+5)
		n.node(2).close(true)
		if err := n.node(3).j.HandOver(t.Context(), part, 4); err == nil {
			t.Error("it was handed over to a node without a replica")
		}
		time.Sleep(time.Second)
		if err := n.node(3).j.HandOver(t.Context(), part, 2); err == nil {
			t.Error("it was handed over to a node that is down")
		}
		appendN(t, next, stored+10)
		n.node(1).has(t, part, int(stored)+10)
	})
}

// TestNextOwnerWaitsForOneEntry: whoever waits for the lead owns the partition with the leader's first entry, and fences that owner as
// any other.
func TestNextOwnerWaitsForOneEntry(t *testing.T) {
	simulated(t, 3, func(t *testing.T, n *network) {
		n.create(part, 1, 2, 3)
		l := acquire(t, n.node(1), part)
		last, err := l.Append(t.Context(), oneRecord(1))
		if err != nil {
			t.Fatal(err)
		}
		one, other := acquireBeside(t, n.node(3), part), acquireBeside(t, n.node(3), part)
		time.Sleep(time.Second)
		if err := n.node(1).j.HandOver(t.Context(), part, 3); err != nil {
			t.Fatal(err)
		}
		first, second := one(), other()
		var fenced int
		for _, l := range []journal.Log{first, second} {
			at, err := l.Append(t.Context(), oneRecord(2))
			switch {
			case errors.Is(err, journal.ErrFenced):
				fenced++
			case err != nil:
				t.Error(err)
			case at != last+3:
				t.Errorf("the next owner's first batch is at %d after %d, want two entries between", at, last)
			}
		}
		if fenced != 1 {
			t.Errorf("%d of two owners of one node are fenced, want one", fenced)
		}
		again := acquire(t, n.node(3), part)
		appendN(t, again, 5)
		terms := make(map[uint64]bool)
		batches, err := collect(again.Read(t.Context(), 0))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			terms[b.Term] = true
		}
		if len(terms) != 3 {
			t.Errorf("batches of three owners have the terms %v", terms)
		}
		n.node(1).has(t, part, 5)
	})
}

// TestSnapshotsReachOtherReplicas saves a snapshot at the owner, and looks for it elsewhere.
func TestSnapshotsReachOtherReplicas(t *testing.T) {
	simulated(t, 3, func(t *testing.T, n *network) {
		n.create(part, 1, 2, 3)
		l := acquire(t, n.node(1), part)
		for seq := uint64(1); seq < 5; seq++ {
			appendN(t, l, seq)
			s := journal.Snapshot{Entity: entityOf(0), Mark: journal.Mark{Seq: seq}, State: fmt.Appendf(nil, "state %d", seq)}
			if err := l.SaveSnapshot(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
			for id := journal.NodeID(2); id <= 3; id++ {
				r, err := n.node(id).j.Replica(t.Context(), part)
				if err != nil {
					t.Fatal(err)
				}
				if got, ok, err := r.Snapshot(t.Context(), entityOf(0)); err != nil || !ok || got.Mark != s.Mark {
					t.Errorf("Snapshot at node %d = %v, %v, %v; want the one at %v", id, got.Mark, ok, err, s.Mark)
				}
			}
		}
	})
}
