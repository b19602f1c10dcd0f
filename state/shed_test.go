package state_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// touch has entities from to to-1 take a command each, from a connection that leaves.
func (w *world) touch(from, to int) {
	for i := from; i < to; i++ {
		w.next++
		l := w.attach("sum", fmt.Sprint("e", i), "ann", fmt.Sprintf("connection-%07d", w.next), noWatch)
		l.command(1, "add", `{"By":1}`)
		synctest.Wait()
		l.detach(wire.Leave)
	}
	synctest.Wait()
}

// TestMemoryIsFreedAtOnce activates more than there is memory for, in less time than passes between two looks after
// those idle for long.
func TestMemoryIsFreedAtOnce(t *testing.T) {
	const budget = 100 * 700
	inWorld(t, state.Config{MemoryBudget: budget}, func(t *testing.T, w *world) {
		w.touch(0, 1000)
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if s := w.node.Stats(); s.MemoryBytes > budget || s.Entities < 50 {
			t.Errorf("%d entities of %d bytes are in memory, the budget is %d", s.Entities, s.MemoryBytes, budget)
		}
	}, sums())
}

// TestThoseUsedLastStay uses some entities again before memory becomes short.
func TestThoseUsedLastStay(t *testing.T) {
	inWorld(t, state.Config{MemoryBudget: 150 * 850}, func(t *testing.T, w *world) {
		w.touch(0, 140)
		time.Sleep(10 * time.Second)
		w.touch(0, 70)
		before := w.node.Stats()
		if before.Passivations > 0 {
			t.Fatalf("%d entities have gone while there is memory", before.Passivations)
		}
		w.touch(1000, 1070)
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		middle := w.node.Stats()
		if middle.Passivations < 20 {
			t.Errorf("%d entities have gone, want room for those that came", middle.Passivations)
		}
		w.touch(0, 70)
		if n := w.node.Stats().Activations.Count - middle.Activations.Count; n > 5 {
			t.Errorf("%d of 70 that were used last have gone, want those used before them", n)
		}
	}, sums())
}
