package memjournal_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
)

func TestLeaderOwns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memjournal.NewCluster(3)
		c.Create(part, 1, 2)
		first, err := c.Node(1).Acquire(t.Context(), part)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := first.Append(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		var second journal.Log
		go func() { second, err = c.Node(2).Acquire(t.Context(), part) }()
		synctest.Wait()
		if second != nil || err != nil {
			t.Fatalf("Acquire while another leads = %v, %v, want it to wait", second, err)
		}
		if err := c.Node(1).HandOver(t.Context(), part, 2); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if second == nil {
			t.Fatalf("Acquire = %v, want a log once the node leads", err)
		}
		if err := first.Confirm(t.Context()); !errors.Is(err, journal.ErrFenced) {
			t.Errorf("Confirm of who has handed over = %v, want ErrFenced", err)
		}
		if m, err := second.Last(t.Context(), entity); err != nil || m.Seq != 1 {
			t.Errorf("Last at the next owner = %v, %v, want record 1", m, err)
		}
		if _, err := c.Node(3).Acquire(t.Context(), part); !errors.Is(err, journal.ErrNoReplica) {
			t.Errorf("Acquire without a replica = %v, want ErrNoReplica", err)
		}
	})
}

func TestReplicaBehind(t *testing.T) {
	c := memjournal.NewCluster(2)
	c.Create(part, 1, 2)
	l, err := c.Node(1).Acquire(t.Context(), part)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Node(2).Replica(t.Context(), part)
	if err != nil {
		t.Fatal(err)
	}
	c.Hold(part, 2)
	if _, err := l.Append(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if m, err := r.Last(t.Context(), entity); err != nil || m.Seq != 0 || r.End() != 0 {
		t.Errorf("a replica that is held has record %d, %v, and ends at %d", m.Seq, err, r.End())
	}
	if err := c.Node(1).HandOver(t.Context(), part, 2); err == nil {
		t.Error("HandOver to a node that is behind succeeded")
	}
	if s, err := c.Node(1).Status(part); err != nil || s.Behind[2] != 1 {
		t.Errorf("Status = %+v, %v, want node 2 to be 1 behind", s, err)
	}
	c.Heal(2)
	if m, err := r.Last(t.Context(), entity); err != nil || m.Seq != 1 || r.Wait(t.Context(), 0) != nil {
		t.Errorf("a replica that is held no longer has record %d, %v", m.Seq, err)
	}
}

func TestCutLeader(t *testing.T) {
	c := memjournal.NewCluster(3)
	c.Create(part, 1, 2, 3)
	var seen []journal.NodeID
	stop := c.Node(2).Watch(func(p journal.Partition) {
		s, err := c.Node(2).Status(p)
		if err != nil {
			t.Error(err)
		}
		seen = append(seen, s.Leader)
	})
	defer stop()
	l, err := c.Node(1).Acquire(t.Context(), part)
	if err != nil {
		t.Fatal(err)
	}
	c.Cut(1)
	c.Lead(part, 3)
	if _, err := l.Append(t.Context(), one); !errors.Is(err, journal.ErrFenced) {
		t.Errorf("Append of a leader that is cut off = %v, want ErrFenced", err)
	}
	if s, err := c.Node(1).Status(part); err != nil || s.Leader != 0 {
		t.Errorf("a node that is cut off knows the leader %d, %v", s.Leader, err)
	}
	if len(seen) != 3 || seen[0] != 1 || seen[1] != 0 || seen[2] != 3 {
		t.Errorf("leaders seen = %d, want 1, 0, 3", seen)
	}
}
