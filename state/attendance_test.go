package state_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// TestShadowOutlivesItsEntity removes an entity from memory while its shadow is at work. What the
// shadow does then must not touch the entity that has taken its place.
func TestShadowOutlivesItsEntity(t *testing.T) {
	big := tutti.NewCategory("blob",
		tutti.OnCommand(func(t *tutti.Turn[blob], c line) error { t.Emit(lined(c)); return nil }),
		tutti.OnCommand(func(t *tutti.Turn[blob], c poison) error { t.Emit(burst{}); return nil }),
		tutti.OnCommand(func(t *tutti.Turn[blob], c wait) error {
			time.Sleep(time.Duration(c.MS) * time.Millisecond)
			t.Emit(lined{"waited"})
			return nil
		}),
		tutti.OnEvent(func(b *blob, e lined) { b.Text += e.Line }),
		tutti.OnEvent(func(b *blob, e burst) { panic("cannot apply") }),
		tutti.With(tutti.Options{SnapshotEvents: 3, Grace: time.Second}),
	)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		disk := make(chan struct{})
		w.journal.Inject(memjournal.Faults{SaveSnapshot: func(context.Context, journal.Snapshot) error { <-disk; return nil }})
		a := w.attach("blob", "1", "ann", conn1)
		chunk := strings.Repeat("x", 60_000)
		for i := range 15 {
			a.command(uint64(i+1), "line", fmt.Sprintf(`{"Line":"%s%d"}`, chunk, i))
		}
		a.frames()
		a.command(16, "poison", `{}`)
		want(t, a.frames(), `reject 16 internal`)
		a.detach(wire.Leave)
		synctest.Wait()
		a = w.attach("blob", "1", "ann", conn1, noWatch)
		a.command(17, "wait", `{"MS":1000}`)
		synctest.Wait()
		close(disk)
		synctest.Wait()
		b := w.attach("blob", "1", "bob", conn2, noWatch)
		b.command(1, "line", `{"Line":"y"}`)
		synctest.Wait()
		time.Sleep(2 * time.Second)
		want(t, a.frames(), `welcome 15  acked 15`, `ack 17 at 16 `)
		want(t, b.frames(), `welcome 16  acked 0`, `ack 1 at 17 `)
	}, big)
}

func TestAgendaIsBounded(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1, withPresence)
		a.command(1, "later", `{"Key":"a","MS":100000000,"By":5}`)
		for range 100 {
			a.send(&wire.Envelope{Kind: wire.KindPresence, Data: []byte(`1`)})
			time.Sleep(time.Second)
		}
		a.frames()
		if n := w.node.AgendaLen(); n > 3 {
			t.Errorf("the agenda has %d entries for one entity", n)
		}
		a.detach(wire.Leave)
		time.Sleep(30 * time.Hour)
		want(t, w.attach("sum", "1", "bob", conn2).frames(), `welcome 1 {"n":5} acked 0`)
	}, sums())
}

// TestAttendedEntitySleepsOn has an entity of a category that logs who comes, asleep with
// somebody at it: nothing wakes it.
func TestAttendedEntitySleepsOn(t *testing.T) {
	reads := 0
	inWorld(t, state.Config{MemoryBudget: 1}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1)
		a.frames()
		asleep()
		w.journal.Inject(memjournal.Faults{Entity: func(context.Context, journal.Entity) error { reads++; return nil }})
		time.Sleep(time.Hour)
		synctest.Wait()
		if reads > 0 {
			t.Errorf("the entity was read %d times in an hour without messages", reads)
		}
	}, lobbies())
}

// TestTellIsRepeatedThoughSomethingElseIsDueBefore loses a message while a change of presence is
// to be told before its repetition.
func TestTellIsRepeatedThoughSomethingElseIsDueBefore(t *testing.T) {
	var busy atomic.Bool
	busy.Store(true)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		w.journal.Inject(memjournal.Faults{Entity: func(_ context.Context, e journal.Entity) error {
			if e.ID == "x" && busy.Load() {
				return errors.New("busy")
			}
			return nil
		}})
		a := w.attach("lobby", "1", "ann", conn1, withPresence)
		a.command(1, "tell", `{"To":"x","Line":"one"}`)
		a.frames()
		busy.Store(false)
		time.Sleep(10 * time.Second)
		want(t, w.attach("lobby", "x", "bob", conn2).frames(), `welcome 2 2 acked 0`)
	}, lobbies())
}

func TestFailingAudienceLeavesTheOldLink(t *testing.T) {
	fails := false
	moody := tutti.NewCategory("sum",
		tutti.OnCommand(func(t *tutti.Turn[sum], c add) error { t.Emit(added(c)); return nil }),
		tutti.OnEvent(func(s *sum, e added) { s.N += e.By }),
		tutti.Audience(func(tutti.Claims) string {
			if fails {
				panic("no audience today")
			}
			return ""
		}),
	)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		a.frames()
		fails = true
		want(t, w.attach("sum", "1", "ann", conn1).frames(), `terminate internal`)
		a.command(1, "add", `{"By":1}`)
		want(t, a.frames(), `event 1 added {"By":1}`, `ack 1 at 1 `)
		a.detach(wire.Leave)
		time.Sleep(time.Hour)
		if s := w.node.Stats(); s.Entities != 0 {
			t.Errorf("%d entities in memory after the last link has left", s.Entities)
		}
	}, moody)
}

func TestPresenceDataOfALinkThatReplacesAnother(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("lobby", "1", "ann", conn1, withPresence)
		time.Sleep(time.Second)
		a.frames()
		w.attach("lobby", "1", "bob", conn2)
		b := w.attach("lobby", "1", "bob", conn2)
		b.send(&wire.Envelope{Kind: wire.KindPresence, Data: []byte(`{"at":3}`)})
		time.Sleep(time.Second)
		w.mu.Lock()
		defer w.mu.Unlock()
		last := a.got[len(a.got)-1]
		if last.Kind != wire.KindPresenceChange || !strings.Contains(string(last.Data), `{"at":3}`) {
			t.Errorf("the last that ann got is %s %s, want bob's presence data", brief(last), last.Data)
		}
	}, lobbies())
}

func TestLongRejectionsAreNotKept(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		for i := range 300 {
			a.command(uint64(i+1), strings.Repeat("ü", 50_000), `null`)
			synctest.Wait()
		}
		a.frames()
		if s := w.node.Stats(); s.MemoryBytes > 2<<20 {
			t.Errorf("300 commands of unknown names cost %d bytes", s.MemoryBytes)
		}
	}, sums())
}

func TestMailboxCountsNames(t *testing.T) {
	inWorld(t, state.Config{MailboxBytes: 1 << 16}, func(t *testing.T, w *world) {
		a := w.attach("sum", "1", "ann", conn1)
		a.command(1, "wait", `{"MS":1000}`)
		a.frames()
		a.command(2, strings.Repeat("a", 40_000), `null`)
		a.command(3, strings.Repeat("a", 40_000), `null`)
		want(t, a.frames(), `reject 3 overloaded`)
	}, sums())
}

// TestEndedOwnershipIsSilent has a handler of an ephemeral entity return after its partition has
// been given up.
func TestEndedOwnershipIsSilent(t *testing.T) {
	ephemeral := tutti.NewCategory("brief",
		tutti.OnCommand(func(t *tutti.Turn[sum], c wait) error {
			time.Sleep(time.Duration(c.MS) * time.Millisecond)
			t.Emit(added{By: 1})
			return nil
		}),
		tutti.OnEvent(func(s *sum, e added) { s.N += e.By }),
		tutti.With(tutti.Options{Ephemeral: true}),
	)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		id := ""
		for i := 0; id == "" || wire.Partition("sum", id, 4) != wire.Partition("brief", "1", 4); i++ {
			id = fmt.Sprint(i)
		}
		a := w.attach("brief", "1", "ann", conn1)
		a.command(1, "wait", `{"MS":3000}`)
		b := w.attach("sum", id, "bob", conn2)
		a.frames()
		w.journal.Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault {
			return memjournal.Fault{Err: journal.ErrUnknown}
		}})
		b.command(1, "add", `{"By":1}`)
		b.frames()
		w.journal.Inject(memjournal.Faults{})
		time.Sleep(time.Second)
		a.frames()
		again := w.attach("brief", "1", "ann", conn1)
		want(t, again.frames(), `welcome 0 {"n":0} acked 0`)
		time.Sleep(10 * time.Second)
		want(t, again.frames())
	}, sums(), ephemeral)
}

// TestWelcomeComesFirstAfterAFailure has a link wait for its welcome while the entity leaves memory.
func TestWelcomeComesFirstAfterAFailure(t *testing.T) {
	gate := make(chan struct{}, 1)
	big := tutti.NewCategory("blob",
		tutti.OnCommand(func(t *tutti.Turn[blob], c line) error { t.Emit(lined(c)); return nil }),
		tutti.OnCommand(func(t *tutti.Turn[blob], c poison) error { t.Emit(burst{}); return nil }),
		tutti.OnEvent(func(b *blob, e lined) { b.Text += e.Line }),
		tutti.OnEvent(func(b *blob, e burst) { panic("cannot apply") }),
		tutti.View(func(b *blob, _ string) any { <-gate; return b }),
	)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		gate = make(chan struct{}, 10)
		gate <- struct{}{}
		a := w.attach("blob", "1", "ann", conn1)
		grow(a, 5)
		b := w.attach("blob", "1", "bob", conn2)
		c := w.attach("blob", "1", "cid", "connection-cid-000") // behind bob's
		c.command(1, "line", `{"Line":"y"}`)
		a.command(6, "poison", `{}`)
		want(t, a.frames(), `reject 6 internal`)
		gate <- struct{}{}
		b.welcome()
		c.command(2, "line", `{"Line":"z"}`)
		synctest.Wait()
		gate <- struct{}{}
		got := c.frames()
		if len(got) == 0 || !strings.HasPrefix(got[0], "welcome 5 ") {
			t.Fatalf("the first frame is not the welcome: %.200q", got)
		}
		want(t, got[1:], `event 6 lined {"Line":"y"}`, `ack 1 at 6 `, `event 7 lined {"Line":"z"}`, `ack 2 at 7 `)
	}, big)
}

// TestGoneThoughNothingCanBeRead has a connection go whose OnDisconnect fails, while the entity cannot be read again.
func TestGoneThoughNothingCanBeRead(t *testing.T) {
	shaky := tutti.NewCategory("shaky",
		tutti.OnDisconnect(func(t *tutti.Turn[blob]) error { t.Emit(burst{}); return nil }),
		tutti.OnCommand(func(t *tutti.Turn[blob], c line) error { t.Emit(lined(c)); return nil }),
		tutti.OnEvent(func(b *blob, e lined) { b.Text += e.Line }),
		tutti.OnEvent(func(b *blob, e burst) { panic("cannot apply") }),
	)
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a := w.attach("shaky", "1", "ann", conn1)
		a.frames()
		busy := unreadable(w, "1")
		a.detach(wire.Leave)
		synctest.Wait()
		if logged := w.logs.all(); strings.Contains(logged, "panic in a turn") {
			t.Errorf("logged %.500s", logged)
		}
		busy.Store(false)
		time.Sleep(time.Minute)
		want(t, w.attach("shaky", "1", "bob", conn2).frames(), `welcome 0 {"Text":""} acked 0`)
	}, shaky)
}

// TestEndedLinkLeavesNoMember has the entity end a link. Its connection is gone once its grace period has passed, though
// the edge has nothing more to say of it.
func TestEndedLinkLeavesNoMember(t *testing.T) {
	inWorld(t, state.Config{}, func(t *testing.T, w *world) {
		a, b := w.attach("lobby", "1", "ann", conn1), w.attach("lobby", "1", "bob", conn2)
		for i := range 600 {
			b.command(uint64(i+1), "line", `{"Line":"y"}`)
			b.frames()
		}
		b.command(1, "line", `{"Line":"y"}`)
		want(t, b.frames(), "terminate bad_frame")
		b.detach(0)
		a.frames()
		time.Sleep(9 * time.Second)
		want(t, a.frames())
		time.Sleep(2 * time.Second)
		want(t, a.frames(), `event 603 gone {"Who":"bob"}`)
	}, lobbies())
}
