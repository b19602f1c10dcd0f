package diskjournal_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// TestAnnouncedTwice has a checkpoint be announced again to a replica whose word that it has the first one is still on its way: the leader
// takes that word, so the replica has to keep what it has.
func TestAnnouncedTwice(t *testing.T) {
	simulated(t, 2, func(t *testing.T, n *network) {
		n.create(part, 1)
		l := acquire(t, n.node(1), part)
		appendN(t, l, 20)
		ways := [2]journal.NodeID{2, 1}
		n.mu.Lock()
		n.late[ways] = 200 * time.Millisecond
		n.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		grown := make(chan error, 1)
		go func() { grown <- n.node(1).j.Reconfigure(ctx, part, []journal.NodeID{1, 2}) }()
		n.node(2).has(t, part, 20)
		appendN(t, l, 40)
		n.node(1).j.Down(2) // what was sent may be lost
		time.Sleep(time.Second)
		appendN(t, l, 300)
		n.mu.Lock()
		n.late[ways] = 0
		n.mu.Unlock()
		if err := <-grown; err != nil {
			t.Fatalf("Reconfigure = %v", err)
		}
		n.node(2).has(t, part, 300)
	})
}

// TestBehindACheckpoint has a voter come back that has less than the checkpoint with which the present leader began.
func TestBehindACheckpoint(t *testing.T) {
	simulated(t, 4, func(t *testing.T, n *network) {
		n.create(part, 1, 2, 3)
		l := acquire(t, n.node(1), part)
		appendN(t, l, 20)
		n.node(2).has(t, part, 20)
		n.node(2).close(true)
		appendN(t, l, 60)
		if err := n.node(1).j.Reconfigure(t.Context(), part, []journal.NodeID{1, 2, 4}); err != nil {
			t.Fatal(err)
		}
		if err := n.node(1).j.HandOver(t.Context(), part, 4); err != nil {
			t.Fatal(err)
		}
		l = acquire(t, n.node(4), part)
		appendN(t, l, 70)
		n.node(2).open()
		n.node(2).has(t, part, 70)
		for range 2 { // also of a leader that was opened again
			n.node(2).close(true)
			appendN(t, l, 80)
			n.node(4).close(true)
			n.node(4).open()
			n.node(2).open()
			n.leader(part, 1, 2, 4)
			n.node(2).has(t, part, 80)
			l = acquire(t, n.leader(part, 1, 2, 4), part)
		}
	})
}

// TestHandOverGivenUp has whoever hands over wait no more before the loop has come to it.
func TestHandOverGivenUp(t *testing.T) {
	simulated(t, 3, func(t *testing.T, n *network) {
		n.create(part, 1, 2, 3)
		l := acquire(t, n.node(1), part)
		appendN(t, l, 5)
		n.isolate(2, true) // so that the hand-over would come to nothing
		first := n.node(1)
		held := make(chan struct{})
		n.mu.Lock()
		first.held = held
		n.mu.Unlock()
		time.Sleep(100 * time.Millisecond) // the loop is about to send by now
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := first.j.HandOver(ctx, part, 2); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("HandOver = %v, want that its time is over", err)
		}
		n.mu.Lock()
		first.held = nil
		n.mu.Unlock()
		close(held)
		ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := l.Append(ctx, oneRecord(6)); err != nil {
			t.Errorf("Append after a hand-over that was given up = %v", err)
		}
	})
}

// TestConfirmWithoutTime has the journal's time end while a majority is asked that does not answer: nobody would end the question.
func TestConfirmWithoutTime(t *testing.T) {
	simulated(t, 3, func(t *testing.T, n *network) {
		n.create(part, 1, 2, 3)
		l := acquire(t, n.node(1), part)
		n.isolate(1, true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		go func() {
			time.Sleep(time.Millisecond)
			n.node(1).end()
		}()
		for _, when := range []string{"while it is asked", "after that"} {
			if err := l.Confirm(ctx); !errors.Is(err, journal.ErrUnavailable) {
				t.Errorf("Confirm when the journal's time ends %s = %v, want ErrUnavailable", when, err)
			}
		}
	})
}
