package state_test

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

type fill struct{ From, To int }

// fillers tell many others at once.
func fillers() *tutti.Category {
	return tutti.NewCategory("filler",
		tutti.OnCommand(func(t *tutti.Turn[struct{}], c fill) error {
			for i := c.From; i < c.To; i++ {
				t.Tell(tutti.Entity{Category: "sum", ID: fmt.Sprintf("idle-%07d", i)}, add{By: 1})
			}
			return nil
		}),
	)
}

// heapBytes returns what is in use after everything else was collected.
func heapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestIdleEntityIsSmall measures what an entity with a small state costs while nothing happens, and that the
// node's estimate says about the same.
func TestIdleEntityIsSmall(t *testing.T) {
	const entities = 20_000
	id := func(i int) string { return fmt.Sprintf("idle-%07d", i) }
	for _, c := range []struct {
		name   string
		most   int64 // bytes
		create func(w *world)
	}{
		{"created by a connection", 1000, func(w *world) {
			for i := range entities {
				l := w.attach("sum", id(i), "ann", conn1)
				l.command(1, "add", `{"By":1}`)
				if i%100 == 0 {
					synctest.Wait()
				}
				l.detach(wire.Leave)
			}
		}},
		{"created by another entity", 1000, func(w *world) {
			for i := range 20 {
				l := w.attach("filler", fmt.Sprint(i), "ann", conn1)
				l.command(1, "fill", fmt.Sprintf(`{"From":%d,"To":%d}`, i*entities/20, (i+1)*entities/20))
				l.frames()
				l.detach(wire.Leave)
			}
		}},
		{"with a link", 3000, func(w *world) {
			for i := range entities {
				w.attach("sum", id(i), "ann", conn1)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, state.Config{}, func(t *testing.T, w *world) {
				c.create(w)
				time.Sleep(30 * time.Second)
				synctest.Wait()
				s := w.node.Stats()
				if s.Entities < entities || s.Running != 0 {
					t.Fatalf("%d entities, %d at work; want %d that rest", s.Entities, s.Running, entities)
				}
				full := heapBytes()
				w.shutdown()
				w.node = nil // the journal in memory stays
				each, estimate := (full-heapBytes())/entities, s.MemoryBytes/entities
				t.Logf("an idle entity costs %d bytes, estimated are %d", each, estimate)
				if each > c.most {
					t.Errorf("an idle entity costs %d bytes, want at most %d", each, c.most)
				}
				if estimate < each*8/10 || estimate > each*12/10 {
					t.Errorf("the estimate of an idle entity is %d bytes, it costs %d", estimate, each)
				}
				w.start()
			}, sums(), fillers())
		})
	}
}
