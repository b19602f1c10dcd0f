package state_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

type echo struct{ N int }

// echoes replies as many bytes as it is asked for.
func echoes() tutti.Declaration {
	return tutti.OnCommand(func(t *tutti.Turn[sum], c echo) error {
		t.Reply(strings.Repeat("x", c.N))
		return nil
	})
}

// says compares what a call was answered.
func says(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("answered %.80q, want %.80q", got, want)
	}
}

func TestCallsBesideCommandsOfLinks(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		says(t, w.call("sum/1", "ann", "add", `{"By":2}`), `1 {"n":2}`)
		a := w.attach("sum", "1", "ann", conn1)
		a.command(1, "add", `{"By":1}`)
		one := w.post(wire.KindCall, "sum/1", "bob", naming("add", `{"By":10}`))
		a.command(2, "add", `{"By":100}`)
		two := w.post(wire.KindCall, "sum/1", "bob", naming("peek", `null`))
		want(t, a.frames(), `welcome 1 {"n":2} acked 0`, `event 2 added {"By":1}`, `ack 1 at 2 {"n":3}`,
			`event 3 added {"By":10}`, `event 4 added {"By":100}`, `ack 2 at 4 {"n":113}`)
		says(t, w.answer(one), `3 {"n":13}`)
		says(t, w.answer(two), `4 113`)
		says(t, w.call("sum/1", "bob", "nothing", `{}`), `refused unknown_command`)
		says(t, w.call("sum/1", "bob", "add", `{"By":0}`), `refused invalid`)
		says(t, w.call("sum/1", "bob", "boom", `null`), `refused internal`)
		says(t, w.call("sum/1", "bob", "add", `{"By":1}`, expecting(3)), `refused conflict`)
		says(t, w.call("sum/1", "bob", "add", `{"By":1}`, expecting(4)), `5 {"n":114}`)
	}, sums())
}

// The one that a call's events are by is the same for all calls of a subject at an entity, and nobody else.
func TestCallersHaveAName(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a, b := w.attach("sum", "1", "ann", conn1), w.attach("sum", "2", "ann", conn1)
		a.frames()
		b.frames()
		for _, who := range []string{"ann", "bob", "ann"} {
			w.call("sum/1", who, "add", `{"By":2}`)
		}
		w.call("sum/2", "ann", "add", `{"By":2}`)
		var by []string
		for _, e := range append(a.got, b.got...) {
			by = append(by, e.Member)
		}
		if len(by) != 4 || by[0] == "" || by[0] == by[1] || by[0] != by[2] || by[0] == by[3] || by[0] == a.member() {
			t.Errorf("events are by %q, want ann, bob, ann, and another ann", by)
		}
	}, sums())
}

func TestKeysAreOfOneCallerAndCommand(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		key := withKey("k1")
		says(t, w.call("sum/1", "ann", "add", `{"By":2}`, key), `1 {"n":2}`)
		says(t, w.call("sum/1", "ann", "add", `{"By":2}`, key), `1 {"n":2}`)
		says(t, w.call("sum/1", "ann", "add", `{"By":3}`, key), `refused key_reused`)
		says(t, w.call("sum/1", "ann", "peek", `{"By":2}`, key), `refused key_reused`)
		says(t, w.call("sum/1", "ann", "add", `{"By":2}`, key, expecting(0)), `refused key_reused`)
		says(t, w.call("sum/1", "bob", "add", `{"By":2}`, key), `2 {"n":4}`)
		says(t, w.call("sum/1", "ann", "add", `{"By":2}`, withKey("k2")), `3 {"n":6}`)
		says(t, w.call("sum/2", "ann", "add", `{"By":2}`, key), `1 {"n":2}`)
		says(t, w.call("sum/1", "ann", "add", `{"By":2}`), `4 {"n":8}`)
		says(t, w.call("sum/1", "ann", "add", `{"By":2}`, key), `1 {"n":2}`)
	}, sums())
}

// Every answer to a call that was carried out outlasts the node and the entity's time in memory, however long its reply and
// whether or not it changed anything.
func TestKeysOutlastRestarts(t *testing.T) {
	for name, options := range map[string]tutti.Options{
		"records":   {SnapshotEvents: 1 << 20},
		"snapshots": {SnapshotEvents: 1},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, state.Config{MemoryBudget: 1}, func(t *testing.T, w *world) {
				long := fmt.Sprintf(`1 "%s"`, strings.Repeat("x", 100_000))
				check := func() {
					t.Helper()
					says(t, w.call("sum/1", "ann", "add", `{"By":2}`, withKey("change")), `1 {"n":2}`)
					says(t, w.call("sum/1", "ann", "echo", `{"N":100000}`, withKey("long")), long)
					says(t, w.call("sum/1", "ann", "echo", `{"N":3}`, withKey("short")), `1 "xxx"`)
					says(t, w.call("sum/1", "ann", "wait", `{"MS":0}`, withKey("none")), `1 `)
					says(t, w.call("sum/1", "ann", "peek", `null`, withKey("peek")), `1 2`)
				}
				check()
				w.call("sum/1", "ann", "add", `{"By":5}`)
				check()
				asleep()
				check()
				w.restart()
				check()
				says(t, w.call("sum/1", "ann", "peek", `null`), `2 7`)
			}, sums(echoes(), tutti.With(options)))
		})
	}
}

func TestRejectionsAreRememberedUntilTheRestart(t *testing.T) {
	inWorld(t, state.Config{MemoryBudget: 1}, func(t *testing.T, w *world) {
		key := withKey("k")
		says(t, w.call("gate/1", "ann", "pass", `{}`, key), `refused closed`)
		says(t, w.call("gate/1", "ann", "open", `{}`), `1 `)
		asleep()
		says(t, w.call("gate/1", "ann", "pass", `{}`, key), `refused closed`)
		says(t, w.call("gate/1", "ann", "pass", `{"x":1}`, key), `refused key_reused`)
		says(t, w.call("gate/1", "bob", "pass", `{}`, key), `2 `)
		w.restart()
		says(t, w.call("gate/1", "ann", "pass", `{}`, key), `3 `)
		says(t, w.call("gate/1", "ann", "pass", `{}`, key), `3 `)
	}, gates(tutti.Options{}))
}

// What a client is asked to try again later is tried again, with the same key.
func TestPassingRejectionsAreNotRemembered(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		open := false
		w.categories = []*tutti.Category{tutti.NewCategory("door",
			tutti.OnCommand(func(t *tutti.Turn[sum], c add) error {
				if !open {
					return tutti.Reject("overloaded", "later")
				}
				t.Emit(added(c))
				return nil
			}),
			tutti.OnEvent(func(s *sum, e added) { s.N += e.By }),
		)}
		w.restart()
		says(t, w.call("door/1", "ann", "add", `{"By":1}`, withKey("k")), `refused overloaded`)
		open = true
		says(t, w.call("door/1", "ann", "add", `{"By":1}`, withKey("k")), `1 `)
	}, sums())
}

// A second call with a key whose first one is under way waits for that one's outcome.
func TestKeyUnderWay(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		disk := make(chan struct{})
		w.journal.Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault {
			<-disk
			return memjournal.Fault{}
		}})
		var numbers []uint64
		for range 5 {
			numbers = append(numbers, w.post(wire.KindCall, "sum/1", "ann", naming("add", `{"By":2}`), withKey("k")))
		}
		synctest.Wait()
		for _, n := range numbers {
			says(t, w.answer(n), "nothing")
		}
		close(disk)
		for _, n := range numbers {
			says(t, w.answer(n), `1 {"n":2}`)
		}
	}, sums())
}

// Whatever becomes of a batch, a call in it is never said not to have been carried out, and can be sent again.
func TestCallsWhoseBatchFails(t *testing.T) {
	for name, fault := range map[string]memjournal.Fault{
		"fenced":         {Err: journal.ErrFenced},
		"unknown, lost":  {Err: journal.ErrUnknown},
		"unknown, there": {Err: journal.ErrUnknown, Stored: true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, state.Config{}, func(t *testing.T, w *world) {
				failing, disk := true, make(chan struct{})
				w.journal.Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault {
					if failing {
						failing = false
						<-disk
						return fault
					}
					return memjournal.Fault{}
				}})
				ask := func(key string) uint64 {
					return w.post(wire.KindCall, "sum/1", "ann", naming("add", `{"By":2}`), withKey(key))
				}
				first := ask("first")
				synctest.Wait()
				behind := ask("behind")
				view := w.post(wire.KindView, "sum/1", "ann")
				held := w.post(wire.KindCall, "sum/1", "ann", naming("wait", `{"MS":1000}`), withKey("held"))
				synctest.Wait()
				waiting := ask("waiting")
				synctest.Wait()
				close(disk)
				says(t, w.answer(first), "refused unknown")
				says(t, w.answer(behind), "refused unknown")
				says(t, w.answer(view), "refused unavailable")
				time.Sleep(10 * time.Second)
				says(t, w.answer(held), "refused unknown")
				says(t, w.answer(waiting), "refused unavailable")
				says(t, w.call("sum/1", "ann", "add", `{"By":2}`, withKey("first")), `1 {"n":2}`)
				says(t, w.call("sum/1", "ann", "add", `{"By":2}`, withKey("behind")), `2 {"n":4}`)
				says(t, w.call("sum/1", "ann", "add", `{"By":2}`, withKey("waiting")), `3 {"n":6}`)
				says(t, w.call("sum/1", "ann", "peek", `null`), `3 6`)
			}, sums())
		})
	}
}

func TestCallsToAnEntityThatCannotBeRead(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		broken := unreadable(w, "1")
		broken.Store(true)
		says(t, w.call("sum/1", "ann", "add", `{"By":2}`, withKey("k")), "refused unavailable")
		says(t, w.look("sum/1", "ann"), "refused unavailable")
		broken.Store(false)
		time.Sleep(6 * time.Second)
		says(t, w.call("sum/1", "ann", "add", `{"By":2}`, withKey("k")), `1 {"n":2}`)
	}, sums())
}

// A reply that cannot be read now is not told to be none.
func TestReplyThatCannotBeRead(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		says(t, w.call("sum/1", "ann", "add", `{"By":2}`, withKey("k")), `1 {"n":2}`)
		broken := unreadable(w, "1")
		broken.Store(true)
		says(t, w.call("sum/1", "ann", "add", `{"By":2}`, withKey("k")), "refused unknown")
		broken.Store(false)
		says(t, w.call("sum/1", "ann", "add", `{"By":2}`, withKey("k")), `1 {"n":2}`)
	}, sums())
}

func TestCallsToAFullMailbox(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		w.post(wire.KindCall, "sum/1", "ann", naming("wait", `{"MS":1000}`))
		synctest.Wait()
		var numbers []uint64
		for i := range 3 {
			numbers = append(numbers, w.post(wire.KindCall, "sum/1", "ann", naming("add", `{"By":1}`), withKey(fmt.Sprint(i))))
		}
		view := w.post(wire.KindView, "sum/1", "ann")
		says(t, w.answer(numbers[2]), "refused overloaded")
		says(t, w.answer(view), "refused overloaded")
		time.Sleep(time.Second)
		says(t, w.answer(numbers[1]), `2 {"n":2}`)
	}, sums(tutti.With(tutti.Options{Mailbox: 2})))
}

func TestCallsOfWhoIsNotAdmitted(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		says(t, w.call("sum/1", "eve", "add", `{"By":2}`), "denied forbidden")
		says(t, w.look("sum/1", "eve"), "denied forbidden")
		says(t, w.call("sum/1", "mal", "add", `{"By":2}`), "denied banned")
		says(t, w.call("sum/1", "ann", "add", `{"By":2}`), `1 {"n":2}`)
	}, sums(tutti.Admit(func(c tutti.Claims, id string) error {
		switch c.Subject {
		case "eve":
			return fmt.Errorf("not you")
		case "mal":
			return tutti.Reject("banned", "not you either")
		}
		return nil
	})))
}

func TestCallsToEphemeralEntities(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		long := fmt.Sprintf(`1 "%s"`, strings.Repeat("x", 10_000))
		for range 2 {
			says(t, w.call("sum/1", "ann", "add", `{"By":2}`, withKey("k")), `1 {"n":2}`)
			says(t, w.call("sum/1", "ann", "echo", `{"N":10000}`, withKey("long")), long)
		}
		says(t, w.look("sum/1", "ann"), `1 {"n":2}`)
		says(t, w.call("sum/1", "ann", "echo", `{"N":100000}`, withKey("longer"))[:5], `1 "xx`)
		says(t, w.call("sum/1", "ann", "echo", `{"N":100000}`, withKey("longer")), `1 `)
	}, sums(echoes(), tutti.With(tutti.Options{Ephemeral: true})))
}
