package state_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

func TestHandOver(t *testing.T) {
	inFleet(t, 3, state.Config{}, func(t *testing.T, f *fleet) {
		f.cluster.Node(1).Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault {
			time.Sleep(5 * time.Millisecond)
			return memjournal.Fault{}
		}})
		a := f.attach("sum", "1", "ann", conn1)
		w := a.welcome()
		a.command(1, "add", `{"By":2}`)
		a.command(2, "wait", `{"MS":20}`)
		a.command(3, "add", `{"By":3}`)
		time.Sleep(10 * time.Millisecond) // no append is under way
		handed := make(chan error, 1)
		began := time.Now()
		go func() { handed <- f.node(1).HandOver(t.Context(), partOf("sum/1"), 3) }()
		synctest.Wait()
		parked := f.post(wire.KindCall, "sum/1", "bob", naming("add", `{"By":10}`))
		if err := <-handed; err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 30*time.Millisecond {
			t.Errorf("it took %v, with 20 ms in a handler and 5 ms for the disk", took)
		}
		want(t, a.frames(), `event 1 added {"By":2}`, `ack 1 at 1 {"n":2}`, `ack 2 at 1 `, `event 2 added {"By":3}`, `ack 3 at 2 {"n":5}`)
		if got := f.answer(parked); got != `3 {"n":15}` {
			t.Errorf("a call that came meanwhile was answered %q", got)
		}
		a = a.again("ann", cursor(w.Epoch, 2))
		if again := a.welcome(); again.Acked != 3 || again.Member != w.Member {
			t.Errorf("welcome by the next owner = %+v", again)
		}
		if n := f.node(3).Stats().Partitions; n != 1 {
			t.Errorf("node 3 serves %d partitions, want 1", n)
		}
		if d := f.node(1).Stats().HandOvers; d.Count != 1 {
			t.Errorf("%d hand-overs were measured, want 1", d.Count)
		}
		f.calm()
	}, sums())
}

// TestHandOverDuringAppend hands over while an append is under way: messages are taken until it is done, and all that was decided meanwhile is one batch, the last.
func TestHandOverDuringAppend(t *testing.T) {
	inFleet(t, 2, state.Config{}, func(t *testing.T, f *fleet) {
		const write = 20 * time.Millisecond
		var batches []int // records of each; appends come one at a time
		f.cluster.Node(1).Inject(memjournal.Faults{Append: func(_ context.Context, _ journal.Partition, b journal.Batch) memjournal.Fault {
			batches = append(batches, len(b.Records))
			time.Sleep(write)
			return memjournal.Fault{}
		}})
		first := f.post(wire.KindCall, "sum/1", "ann", naming("add", `{"By":1}`))
		synctest.Wait()
		second := f.post(wire.KindCall, "sum/1", "ann", naming("add", `{"By":2}`))
		time.Sleep(write / 4)
		handed := make(chan error, 1)
		go func() { handed <- f.node(1).HandOver(t.Context(), partOf("sum/1"), 2) }()
		time.Sleep(write / 4)
		third := f.post(wire.KindCall, "sum/1", "ann", naming("add", `{"By":3}`))
		if err := <-handed; err != nil {
			t.Fatal(err)
		}
		for i, posted := range []uint64{first, second, third} {
			if got, want := f.answer(posted), []string{`1 {"n":1}`, `2 {"n":3}`, `3 {"n":6}`}[i]; got != want {
				t.Errorf("call %d was answered %q, want %q", i+1, got, want)
			}
		}
		if !slices.Equal(batches, []int{1, 2}) {
			t.Errorf("node 1 has stored batches of %v records, want one and two", batches)
		}
		if d := f.node(1).Stats().HandOvers; d.Count != 1 || d.Max > write+write/4 {
			t.Errorf("%d hand-overs took no message for up to %v, want one for the time of a write", d.Count, d.Max)
		}
		f.calm()
	}, sums())
}

// TestHandOverOfTurnThatAwaitsAppend hands over while a turn waits until what it repeats is stored: the last append is not put off for it.
func TestHandOverOfTurnThatAwaitsAppend(t *testing.T) {
	inFleet(t, 2, state.Config{}, func(t *testing.T, f *fleet) {
		const write = 20 * time.Millisecond
		f.cluster.Node(1).Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault {
			time.Sleep(write)
			return memjournal.Fault{}
		}})
		f.post(wire.KindCall, "sum/1", "ann", naming("add", `{"By":1}`))
		synctest.Wait()
		f.post(wire.KindCall, "sum/1", "ann", naming("add", `{"By":2}`), withKey("change"))
		f.post(wire.KindCall, "sum/1", "ann", naming("add", `{"By":2}`), withKey("change"))
		time.Sleep(write / 4)
		if err := f.node(1).HandOver(t.Context(), partOf("sum/1"), 2); err != nil {
			t.Fatal(err)
		}
		if got := f.call("sum/1", "ann", "add", `{"By":2}`, withKey("change")); got != `2 {"n":3}` {
			t.Errorf("the call that was repeated once more was answered %q", got)
		}
		if d := f.node(1).Stats().HandOvers; d.Count != 1 || d.Max > write {
			t.Errorf("%d hand-overs took no message for up to %v, want one for %v", d.Count, d.Max, write)
		}
		f.calm()
	}, sums())
}

// TestHandOverThatTakesTooLong: an append takes longer than whoever hands over waits. Messages are taken for the grace alone, and as soon as the append is done by the
// same node again.
func TestHandOverThatTakesTooLong(t *testing.T) {
	inFleet(t, 2, state.Config{ShutdownGrace: time.Second}, func(t *testing.T, f *fleet) {
		var batches []int // records of each; appends come one at a time
		disk := make(chan struct{})
		f.cluster.Node(1).Inject(memjournal.Faults{Append: func(_ context.Context, _ journal.Partition, b journal.Batch) memjournal.Fault {
			batches = append(batches, len(b.Records))
			<-disk
			return memjournal.Fault{}
		}})
		first := f.post(wire.KindCall, "sum/1", "ann", naming("add", `{"By":1}`))
		synctest.Wait()
		handed := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		go func() { handed <- f.node(1).HandOver(ctx, partOf("sum/1"), 2) }()
		time.Sleep(500 * time.Millisecond)
		second := f.post(wire.KindCall, "sum/1", "ann", naming("add", `{"By":2}`))
		time.Sleep(time.Second)
		third := f.post(wire.KindCall, "sum/1", "ann", naming("add", `{"By":3}`))
		if err := <-handed; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("HandOver during an append that does not end = %v, want that the time is over", err)
		}
		close(disk)
		for i, posted := range []uint64{first, second, third} {
			if got, want := f.answer(posted), []string{`1 {"n":1}`, `2 {"n":3}`, `3 {"n":6}`}[i]; got != want {
				t.Errorf("call %d was answered %q as soon as the append was done, want %q", i+1, got, want)
			}
		}
		if !slices.Equal(batches, []int{1, 1, 1}) {
			t.Errorf("node 1 has stored batches of %v records, want that the third call was not taken before", batches)
		}
	}, sums())
}

// TestReleaseAfterHandOverThatTookTooLong: who gives up waiting for a release does not have the node own again what another has released.
func TestReleaseAfterHandOverThatTookTooLong(t *testing.T) {
	inFleet(t, 2, state.Config{}, func(t *testing.T, f *fleet) {
		disk := make(chan struct{})
		f.cluster.Node(1).Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault {
			<-disk
			return memjournal.Fault{}
		}})
		f.post(wire.KindCall, "sum/1", "ann", naming("add", `{"By":1}`))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := f.node(1).HandOver(ctx, partOf("sum/1"), 2); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("HandOver during an append that does not end = %v, want that the time is over", err)
		}
		released := make(chan error, 1)
		go func() { released <- f.node(1).Release(t.Context(), partOf("sum/1")) }()
		synctest.Wait()
		close(disk)
		if err := <-released; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := f.node(1).Stats().Partitions; n != 3 {
			t.Errorf("the node serves %d partitions after one was released, want 3", n)
		}
	}, sums())
}

func TestHandOverRefused(t *testing.T) {
	inFleet(t, 3, state.Config{}, func(t *testing.T, f *fleet) {
		p := partOf("sum/1")
		f.cluster.Hold(p, 2)
		f.call("sum/1", "ann", "add", `{"By":2}`)
		if err := f.node(1).HandOver(t.Context(), p, 2); err == nil {
			t.Error("HandOver to a node that is behind succeeded")
		}
		if err := f.node(1).HandOver(t.Context(), p, 4); err == nil {
			t.Error("HandOver to a node without a replica succeeded")
		}
		if err := f.node(2).HandOver(t.Context(), p, 3); !errors.Is(err, state.ErrNotOwned) {
			t.Errorf("HandOver by a node that does not own the partition = %v", err)
		}
		if got := f.call("sum/1", "ann", "add", `{"By":2}`); got != `2 {"n":4}` {
			t.Errorf("a call after that was answered %q", got)
		}
		if n := f.node(1).Stats().Partitions; n != 4 {
			t.Errorf("node 1 serves %d partitions, want all 4", n)
		}
	}, sums())
}

func TestReleaseIsBounded(t *testing.T) {
	inFleet(t, 2, state.Config{ShutdownGrace: time.Second}, func(t *testing.T, f *fleet) {
		stuck := f.post(wire.KindCall, "sum/1", "ann", naming("wait", `{"MS":5000}`))
		synctest.Wait()
		behind := f.post(wire.KindCall, "sum/1", "ann", naming("add", `{"By":1}`))
		began := time.Now()
		if err := f.node(1).HandOver(t.Context(), partOf("sum/1"), 2); err != nil || time.Since(began) != time.Second {
			t.Errorf("HandOver with a handler that takes 5 s = %v after %v, want nil after the grace of 1 s", err, time.Since(began))
		}
		if got := f.answer(behind); got != `1 {"n":1}` {
			t.Errorf("the call behind it was answered %q", got)
		}
		time.Sleep(5 * time.Second)
		if got := f.answer(stuck); got != "refused unknown" {
			t.Errorf("the call was answered %q", got)
		}
	}, sums())
}

func TestReleaseAlone(t *testing.T) {
	inFleet(t, 2, state.Config{}, func(t *testing.T, f *fleet) {
		if err := f.node(1).Release(t.Context(), part(0)); err != nil {
			t.Fatal(err)
		}
		if err := f.node(1).Release(t.Context(), part(0)); !errors.Is(err, state.ErrNotOwned) {
			t.Errorf("Release for the second time = %v", err)
		}
		synctest.Wait()
		if n := f.node(1).Stats().Partitions; n != 3 {
			t.Errorf("the node serves %d partitions, want 3", n)
		}
		time.Sleep(20 * time.Second) // and nobody takes it over
		if n := f.node(1).Stats().Partitions; n != 4 {
			t.Errorf("the node serves %d partitions after a while, want 4", n)
		}
	}, sums())
}

func TestLeadIsLostWhileReleasing(t *testing.T) {
	inFleet(t, 2, state.Config{}, func(t *testing.T, f *fleet) {
		f.post(wire.KindCall, "sum/1", "ann", naming("wait", `{"MS":100}`))
		synctest.Wait()
		released := make(chan error, 1)
		go func() { released <- f.node(1).Release(t.Context(), partOf("sum/1")) }()
		synctest.Wait()
		f.lead("sum/1", 2)
		if err := <-released; err == nil {
			t.Error("Release of a partition whose lead was lost succeeded")
		}
		f.lead("sum/1", 1)
		if got := f.call("sum/1", "ann", "add", `{"By":1}`); got != `1 {"n":1}` {
			t.Errorf("call = %q", got)
		}
		f.calm()
	}, sums())
}

func TestDrain(t *testing.T) {
	inFleet(t, 3, state.Config{}, func(t *testing.T, f *fleet) {
		f.cluster.Hold(partOf("sum/1"), 2)
		for _, id := range []string{"sum/1", "sum/2", "sum/3", "sum/4", "sum/5"} {
			f.call(id, "ann", "add", `{"By":1}`)
		}
		if err := f.node(1).Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for i, want := range []int{0, 2, 2} {
			if n := f.nodes[i].Stats().Partitions; n < want-1 || n > want+1 || want == 0 && n > 0 {
				t.Errorf("node %d serves %d partitions, want %d", i+1, n, want)
			}
		}
		if s, err := f.cluster.Node(3).Status(partOf("sum/1")); err != nil || s.Leader != 3 {
			t.Errorf("node %d, %v leads a partition where node 2 is behind, want node 3", s.Leader, err)
		}
		f.calm()
	}, sums())
}

func TestDrainWithoutAnother(t *testing.T) {
	inFleet(t, 1, state.Config{}, func(t *testing.T, f *fleet) {
		if err := f.node(1).Drain(t.Context()); err == nil {
			t.Error("Drain of the only node succeeded")
		}
		if n := f.node(1).Stats().Partitions; n != 4 {
			t.Errorf("the node serves %d partitions, want 4", n)
		}
	}, sums())
}

// A node that drains does not hand the next partition over before the ones it has handed over are served again.
func TestDrainPausesFew(t *testing.T) {
	inFleet(t, 3, state.Config{}, func(t *testing.T, f *fleet) {
		f.call("sum/1", "ann", "add", `{"By":1}`)
		b := f.bus.(*moving)
		b.late = 30 * time.Millisecond
		began := time.Now()
		if err := f.node(1).Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b.most > 2 {
			t.Errorf("%d partitions had no owner at a time, want 2 at most", b.most)
		}
		if took := time.Since(began); took != 2*b.late {
			t.Errorf("it took %v for 4 partitions whose next owners take %v each", took, b.late)
		}
		if p := f.node(1).Stats().Pauses; p.Count != 4 || p.Max < b.late {
			t.Errorf("%d pauses of %v at most were measured, want 4 of %v", p.Count, p.Max, b.late)
		}
		if n := f.node(1).Stats().Mirrors; n != 0 {
			t.Errorf("the node that drains has begun %d mirrors", n)
		}
	}, sums())
}
