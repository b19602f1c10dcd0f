package online_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/online"
	"github.com/tutti-rt/tutti/wire"
)

// lossy is a bus that loses some of what it is given.
type lossy struct {
	bus.Bus
	percent atomic.Int32
	sent    atomic.Int64
}

func (l *lossy) Send(lane string, to bus.Address, e *wire.Envelope) error {
	l.sent.Add(1)
	if rand.Int32N(100) < l.percent.Load() {
		return nil
	}
	return l.Bus.Send(lane, to, e)
}

// world is a directory with edges, in a synctest bubble.
type world struct {
	t    testing.TB
	bus  *lossy
	dir  *part[*online.Directory]
	edge map[string]*part[*online.Agent]
}

// part is something that runs.
type part[P interface{ Run(context.Context) error }] struct {
	it   P
	stop func()
}

func run[P interface{ Run(context.Context) error }](t testing.TB, it P) *part[P] {
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { _ = it.Run(ctx) })
	return &part[P]{it, func() { cancel(); done.Wait() }}
}

func inWorld(t *testing.T, edges int, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, bus: &lossy{Bus: localbus.New()}, edge: make(map[string]*part[*online.Agent])}
		w.begin(0)
		for i := range edges {
			w.join(fmt.Sprint("e", i))
		}
		defer func() {
			w.dir.stop()
			for _, e := range w.edge {
				e.stop()
			}
		}()
		time.Sleep(time.Second)
		test(w)
	})
}

// begin starts the directory.
func (w *world) begin(warmup time.Duration) {
	d, err := online.NewDirectory(online.DirectoryConfig{Bus: w.bus, Shards: 3, Warmup: warmup})
	if err != nil {
		w.t.Fatal(err)
	}
	w.dir = run(w.t, d)
}

// join starts an edge.
func (w *world) join(name string) {
	a, err := online.NewAgent(online.AgentConfig{Edge: name, Bus: w.bus, Shards: 3})
	if err != nil {
		w.t.Fatal(err)
	}
	w.edge[name] = run(w.t, a)
}

func (w *world) crash(name string) {
	w.edge[name].stop()
	delete(w.edge, name)
}

func (w *world) agent(name string) *online.Agent { return w.edge[name].it }

// online returns who of the subjects is, as an edge is told.
func (w *world) online(edge string, subjects ...string) []string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
	defer cancel()
	found, err := w.agent(edge).Look(ctx, subjects)
	if err != nil {
		w.t.Fatalf("Look: %v", err)
	}
	names := []string{}
	for _, s := range found {
		if s.Change != wire.SubjectCame || s.Since == 0 {
			w.t.Errorf("Look found %v", s)
		}
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

func (w *world) wants(edge string, want []string, subjects ...string) {
	w.t.Helper()
	if got := w.online(edge, subjects...); !slices.Equal(got, want) {
		w.t.Errorf("online are %q, want %q", got, want)
	}
}

// view is what somebody who follows knows.
type view struct {
	following *online.Following
	known     map[string]bool
	changes   int
}

func (w *world) follow(edge string, subjects ...string) *view {
	return &view{following: w.agent(edge).Follow(subjects), known: make(map[string]bool)}
}

// read takes the changes that are there.
func (v *view) read(t testing.TB) []string {
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		all, err := v.following.Next(ctx)
		cancel()
		if err != nil {
			break
		}
		for _, s := range all {
			v.changes++
			if s.Change == wire.SubjectCame {
				v.known[s.Name] = true
			} else {
				delete(v.known, s.Name)
			}
		}
	}
	names := []string{}
	for name := range v.known {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestComingAndGoing(t *testing.T) {
	inWorld(t, 2, func(w *world) {
		v := w.follow("e1", "ann", "bob", "ann", "cyd")
		a := w.agent("e0")
		a.Came("ann")
		a.Came("ann")
		time.Sleep(100 * time.Millisecond)
		w.wants("e1", []string{"ann"}, "ann", "bob")
		time.Sleep(100 * time.Millisecond)
		if got := v.read(w.t); !slices.Equal(got, []string{"ann"}) {
			w.t.Errorf("who follows knows %q", got)
		}
		a.Gone("ann")
		time.Sleep(time.Minute)
		w.wants("e1", []string{"ann"}, "ann", "bob")
		a.Gone("ann")
		time.Sleep(4 * time.Second)
		a.Came("ann") // again, and at another edge
		w.agent("e1").Came("ann")
		time.Sleep(time.Minute)
		a.Gone("ann")
		time.Sleep(time.Minute)
		if got := v.read(w.t); !slices.Equal(got, []string{"ann"}) || v.changes != 1 {
			w.t.Errorf("who follows knows %q after %d changes, want ann's coming", got, v.changes)
		}
		w.agent("e1").Gone("ann")
		time.Sleep(6 * time.Second)
		w.wants("e0", []string{}, "ann", "bob")
		if got := v.read(w.t); len(got) > 0 || v.changes != 2 {
			w.t.Errorf("who follows knows %q after %d changes", got, v.changes)
		}
		v.following.Close()
		time.Sleep(time.Second)
		if s := w.dir.it.Stats(); s.Watched+s.Subjects > 0 || w.agent("e1").Stats().Watched > 0 {
			w.t.Errorf("left behind: %+v", s)
		}
	})
}

func TestCrashOfAnEdge(t *testing.T) {
	inWorld(t, 2, func(w *world) {
		v := w.follow("e1", "ann", "bob")
		for _, name := range []string{"ann", "bob"} {
			w.agent("e0").Came(name)
		}
		time.Sleep(time.Second)
		w.crash("e0")
		w.agent("e1").Came("bob") // has gone elsewhere
		time.Sleep(20 * time.Second)
		w.wants("e1", []string{"ann", "bob"}, "ann", "bob")
		time.Sleep(30 * time.Second)
		w.wants("e1", []string{"bob"}, "ann", "bob")
		if got := v.read(w.t); !slices.Equal(got, []string{"bob"}) {
			w.t.Errorf("who follows knows %q", got)
		}

		w.join("e0") // and again, with others: what it had before is void at once
		w.agent("e0").Came("ann")
		time.Sleep(time.Second)
		w.crash("e0")
		w.join("e0")
		time.Sleep(time.Second)
		w.wants("e1", []string{"bob"}, "ann", "bob")
	})
}

func TestCrashOfTheDirectory(t *testing.T) {
	inWorld(t, 2, func(w *world) {
		v := w.follow("e1", "ann", "bob", "cyd")
		w.agent("e0").Came("ann")
		w.agent("e1").Came("bob")
		time.Sleep(time.Second)
		v.read(w.t)
		w.dir.stop()
		w.agent("e0").Came("cyd")
		time.Sleep(3 * time.Second)
		w.begin(12 * time.Second)
		time.Sleep(time.Second)
		if _, err := w.agent("e0").Look(w.t.Context(), []string{"ann"}); err == nil {
			w.t.Error("a shard answers that cannot know")
		}
		time.Sleep(20 * time.Second)
		w.wants("e0", []string{"ann", "bob", "cyd"}, "ann", "bob", "cyd")
		if got := v.read(w.t); len(got) != 3 || v.changes != 3 {
			w.t.Errorf("who follows knows %q after %d changes, want one for each", got, v.changes)
		}
	})
}

func TestNobodyAnswers(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		w.bus.percent.Store(100)
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		if _, err := w.agent("e0").Look(ctx, []string{"ann"}); err == nil {
			w.t.Error("Look found out though nobody answered")
		}
	})
}

// TestDirectoryKnows has subjects come and go at edges that crash, under a directory that crashes, over a bus that loses much. When
// all has settled, who is online is known to everybody.
func TestDirectoryKnows(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.IntRange(0, 1<<16), 5, 80).Draw(rt, "steps")
		loss := rapid.SampledFrom([]int{0, 10, 50}).Draw(rt, "loss")
		var fault string
		inWorld(t, 3, func(w *world) { fault = w.walk(steps, loss) })
		if fault != "" {
			rt.Fatal(fault)
		}
	})
}

func (w *world) walk(steps []int, loss int) (fault string) {
	w.bus.percent.Store(int32(loss))
	links := make(map[[2]string]int) // of subjects at edges
	subjects := []string{"a", "b", "c", "d", "e", "f", "g"}
	views := map[string]*view{}
	for _, s := range steps {
		edge, name := fmt.Sprint("e", s/16%3), subjects[s/64%len(subjects)]
		key := [2]string{edge, name}
		switch s % 16 {
		case 0, 1, 2, 3:
			w.agent(edge).Came(name)
			links[key]++
		case 4, 5, 6, 7:
			if links[key] > 0 {
				w.agent(edge).Gone(name)
				links[key]--
			}
		case 8:
			if v := views[edge]; v != nil {
				v.following.Close()
			}
			views[edge] = w.follow(edge, subjects[s%3:]...)
		case 9:
			w.crash(edge)
			w.join(edge)
			for k := range links {
				if k[0] == edge {
					delete(links, k)
				}
			}
			delete(views, edge)
		case 10:
			w.dir.stop()
			w.begin(11 * time.Second)
		case 11, 12:
			time.Sleep(70 * time.Millisecond)
		case 13:
			time.Sleep(3 * time.Second)
		case 14:
			time.Sleep(13 * time.Second)
		}
	}
	w.bus.percent.Store(0)
	time.Sleep(time.Minute)
	want := []string{}
	for _, name := range subjects {
		if links[[2]string{"e0", name}]+links[[2]string{"e1", name}]+links[[2]string{"e2", name}] > 0 {
			want = append(want, name)
		}
	}
	if got := w.online("e0", subjects...); !slices.Equal(got, want) {
		return fmt.Sprintf("online are %q, want %q", got, want)
	}
	for edge, v := range views {
		mine := slices.DeleteFunc(slices.Clone(want), func(name string) bool { return !slices.Contains(v.following.Subjects(), name) })
		if got := v.read(w.t); !slices.Equal(got, mine) {
			return fmt.Sprintf("who follows %q at %s knows %q, want %q", v.following.Subjects(), edge, got, mine)
		}
	}
	return ""
}
