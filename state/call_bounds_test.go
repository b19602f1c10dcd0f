package state_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// callMany calls an entity with keys from..to, and returns the answer to the last.
func (w *world) callMany(entity, sub string, from, to int) string {
	w.t.Helper()
	var last uint64
	for i := from; i <= to; i++ {
		last = w.post(wire.KindCall, entity, sub, naming("add", `{"By":1}`), withKey(fmt.Sprint(i)))
		if i%1000 == 0 {
			synctest.Wait()
		}
	}
	return w.answer(last)
}

func TestKeysOfOneCallerAreBounded(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		says(t, w.call("sum/1", "bob", "add", `{"By":1}`, withKey("1")), `1 {"n":1}`)
		says(t, w.callMany("sum/1", "ann", 1, 12_000), `12001 {"n":12001}`)
		w.restart()
		says(t, w.callMany("sum/1", "ann", 2_001, 12_000), `12001 {"n":12001}`)
		says(t, w.call("sum/1", "bob", "add", `{"By":1}`, withKey("1")), `1 {"n":1}`)
		says(t, w.call("sum/1", "ann", "add", `{"By":1}`, withKey("1")), `12002 {"n":12002}`)
	}, sums())
}

func TestKeysOfAnEntityAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 80,000 calls")
	}
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		for i := range 8 {
			w.callMany("sum/1", fmt.Sprint("sub", i), 1, 10_000)
		}
		says(t, w.callMany("sum/1", "sub7", 1, 10_000), `80000 {"n":80000}`)
		says(t, w.callMany("sum/1", "sub3", 1, 10_000), `40000 {"n":40000}`)
		says(t, w.callMany("sum/1", "sub0", 1, 1), `80001 {"n":80001}`)
	}, sums())
}

func TestRejectionsOfOneCallerAreBounded(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		says(t, w.call("gate/1", "bob", "pass", `{}`, withKey("1")), `refused closed`)
		for i := range 1_200 {
			w.post(wire.KindCall, "gate/1", "ann", naming("pass", `{}`), withKey(fmt.Sprint(i)))
		}
		says(t, w.call("gate/1", "ann", "open", `{}`), `1 `)
		says(t, w.call("gate/1", "bob", "pass", `{}`, withKey("1")), `refused closed`)
		says(t, w.call("gate/1", "ann", "pass", `{}`, withKey("200")), `refused closed`)
		says(t, w.call("gate/1", "ann", "pass", `{}`, withKey("1")), `2 `)
	}, gates(tutti.Options{}))
}

// Keys are forgotten by the time that passes, whatever the clock says.
func TestKeysAreForgottenWithTime(t *testing.T) {
	clock := new(setClock)
	inWorld(t, state.Config{Clock: clock.now}, func(t *testing.T, w *world) {
		says(t, w.call("sum/1", "ann", "add", `{"By":1}`, withKey("k")), `1 {"n":1}`)
		clock.set(48 * time.Hour)
		time.Sleep(time.Hour)
		w.call("sum/1", "ann", "add", `{"By":1}`)
		says(t, w.call("sum/1", "ann", "add", `{"By":1}`, withKey("k")), `1 {"n":1}`)
		clock.set(0)
		time.Sleep(24 * time.Hour)
		w.call("sum/1", "ann", "add", `{"By":1}`)
		says(t, w.call("sum/1", "ann", "add", `{"By":1}`, withKey("k")), `4 {"n":4}`)
	}, sums(tutti.With(tutti.Options{SnapshotEvents: 1})))
}

// Keyed calls against a map, while entities are passivated and nodes restarted.
func TestKeysAreAMap(t *testing.T) {
	type question struct {
		entity, sub, key string
	}
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) [5]int {
			return [5]int{
				rapid.IntRange(0, 19).Draw(t, "what"), rapid.IntRange(0, 1).Draw(t, "entity"), rapid.IntRange(0, 1).Draw(t, "sub"),
				rapid.IntRange(0, 3).Draw(t, "key"), rapid.IntRange(0, 2).Draw(t, "by"),
			}
		}), 1, 40).Draw(rt, "steps")
		snapshots := rapid.SampledFrom([]int{1, 3, 1000}).Draw(rt, "snapshots")
		budget := rapid.SampledFrom([]int64{1, 0}).Draw(rt, "budget")
		inWorld(t, state.Config{MemoryBudget: budget}, func(t *testing.T, w *world) {
			sums, revisions := make(map[string]int), make(map[string]int)
			type answered struct {
				by     int
				answer string
			}
			known := make(map[question]answered)
			for _, s := range steps {
				switch s[0] {
				case 0:
					w.restart()
					for q, a := range known {
						if a.by == 0 {
							delete(known, q) // a rejection
						}
					}
					continue
				case 1:
					asleep()
					continue
				}
				q := question{fmt.Sprintf("sum/%d", s[1]), fmt.Sprint("sub", s[2]), fmt.Sprint("key", s[3])}
				by := s[4]
				expected := "refused key_reused"
				switch a, ok := known[q]; {
				case ok && a.by == by:
					expected = a.answer
				case ok:
				default:
					expected = "refused invalid"
					if by > 0 {
						sums[q.entity] += by
						revisions[q.entity]++
						expected = fmt.Sprintf(`%d {"n":%d}`, revisions[q.entity], sums[q.entity])
					}
					known[q] = answered{by, expected}
				}
				if got := w.call(q.entity, q.sub, "add", fmt.Sprintf(`{"By":%d}`, by), withKey(q.key)); got != expected {
					rt.Fatalf("%v by %d answered %q, want %q", q, by, got, expected)
				}
			}
		}, sumsWith(snapshots))
	})
}

func sumsWith(snapshots int) *tutti.Category {
	return sums(tutti.With(tutti.Options{SnapshotEvents: snapshots}))
}
