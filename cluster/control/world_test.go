package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// world is a cluster in one process under the test's clock: members are real, and so are their files and the registry's entity; the
// network and the journals are simulated.
type world struct {
	t     *testing.T
	dir   string
	bus   *localbus.Bus
	rng   *rand.Rand
	pools map[string]int
	log   *slog.Logger

	mu       sync.Mutex
	nodes    map[string]*simNode // by name
	groups   map[journal.Partition]*simGroup
	registry any
	revision uint64
	layouts  []laidOut // that were in force
	wrong    []string  // what must never be
}

type laidOut struct {
	registry cluster.Registry
	until    time.Time // zero: now
}

var registryAt = journal.Partition{Pool: "default", Number: wire.Partition(cluster.Members.Name(), cluster.MembersID, 8)}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t: t, dir: t.TempDir(), bus: localbus.New(), rng: rand.New(rand.NewPCG(seed, 0)), pools: map[string]int{"default": 8, "eu": 4},
		log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo})), nodes: make(map[string]*simNode), groups: make(map[journal.Partition]*simGroup),
		registry: cluster.Members.Untyped().NewState(),
	}
	if _, err := w.bus.Listen(bus.Owner(registryAt.Pool, registryAt.Number), w.serve); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.elections(ctx) }()
	t.Cleanup(func() {
		for _, n := range w.nodes {
			n.kill()
		}
		cancel()
		<-done
		time.Sleep(time.Second) // what is on its way arrives
	})
	return w
}

// never notes what must not happen.
func (w *world) never(format string, args ...any) {
	w.wrong = append(w.wrong, time.Now().Format("04:05.000 ")+fmt.Sprintf(format, args...))
}

// serve is the owner of the registry's entity.
func (w *world) serve(env *wire.Envelope) {
	w.mu.Lock()
	g := w.groups[registryAt]
	if g == nil || g.leader == 0 {
		w.mu.Unlock()
		return // nobody takes it
	}
	answer := w.answer(env)
	answer.Command, answer.Revision = env.Command, w.revision
	w.mu.Unlock()
	go func() {
		time.Sleep(time.Millisecond)
		_ = w.bus.Send("default", bus.Edge(env.Edge), answer) // nobody there: it has been killed
	}()
}

func (w *world) answer(env *wire.Envelope) *wire.Envelope {
	category := cluster.Members.Untyped()
	if env.Kind == wire.KindView {
		answer := &wire.Envelope{Kind: wire.KindSight, Epoch: "e"}
		if string(env.Data) == (wire.Cursor{Epoch: "e", Revision: w.revision}).String() {
			answer.Flags = wire.Resumed
			return answer
		}
		data, err := category.EncodeState(w.registry)
		if err != nil {
			panic(err)
		}
		answer.Data = data
		return answer
	}
	u := &turn.Turn{Category: category, Kind: turn.KindCommand, Name: env.Name, Now: time.Now()}
	answer := &wire.Envelope{Kind: wire.KindResult}
	if err := category.Commands[env.Name].Handle(u, w.registry, env.Data); err != nil {
		r, ok := errors.AsType[*turn.Rejection](err)
		if !ok {
			panic(err)
		}
		answer.Flags, answer.Code, answer.Message = wire.Refused, r.Code, r.Message
		return answer
	}
	for _, ev := range u.Events {
		if err := category.Events[ev.Name].Apply(w.registry, ev.Data); err != nil {
			panic(err)
		}
		w.revision++
	}
	if n := len(w.layouts); n > 0 && len(u.Events) > 0 {
		w.layouts[n-1].until = time.Now()
	}
	if len(u.Events) > 0 || len(w.layouts) == 0 {
		w.layouts = append(w.layouts, laidOut{registry: w.known()})
	}
	if u.Reply != nil {
		answer.Data, _ = u.Reply(w.registry)
	}
	return answer
}

// known returns a copy of the registry. The caller holds w.mu.
func (w *world) known() cluster.Registry {
	data, err := cluster.Members.Untyped().EncodeState(w.registry)
	if err != nil {
		panic(err)
	}
	var r cluster.Registry
	if err := json.Unmarshal(data, &r); err != nil {
		panic(err)
	}
	return r
}

// allowed reports whether a node may hold a pool, or might a moment ago. The caller holds w.mu.
func (w *world) allowed(id journal.NodeID, pool string) bool {
	for _, l := range w.layouts {
		if !l.until.IsZero() && time.Since(l.until) > time.Second {
			continue
		}
		if n := l.registry.Node(id); n != nil && l.registry.Layout.Allows(n, pool) {
			return true
		}
	}
	return false
}

// command has the registry's entity carry out a command of an operator, and returns its code.
func (w *world) command(name string, command any) string {
	data, err := json.Marshal(command)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.answer(&wire.Envelope{Kind: wire.KindCall, Name: name, Data: data}).Code
}

// settled returns why the partitions are not yet where they belong.
func (w *world) settled() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.known()
	voters := make(map[journal.Partition][]journal.NodeID)
	for p, g := range w.groups {
		voters[p] = g.voters
	}
	places, err := r.Place(voters)
	if err != nil {
		return err
	}
	leads := make(map[journal.NodeID]int)
	for p, place := range places {
		g := w.groups[p]
		if g == nil {
			return fmt.Errorf("%s has not been made", p)
		}
		if !slices.Equal(slices.Sorted(slices.Values(place)), slices.Sorted(slices.Values(g.voters))) || len(g.learners) > 0 {
			return fmt.Errorf("%s is at %v with learners %v, its place is %v", p, g.voters, g.learners, place)
		}
		if g.leader == 0 {
			return fmt.Errorf("%s has no leader", p)
		}
		leads[g.leader]++
	}
	fair := cluster.Lead(r.Nodes, places, map[journal.Partition]journal.NodeID{}, func(id journal.NodeID) bool {
		return w.isUp(id) && !r.Node(id).Draining
	})
	due := make(map[journal.NodeID]int)
	for _, id := range fair {
		due[id]++
	}
	for id, n := range due {
		if d := leads[id] - n; d > 2 || d < -2 {
			return fmt.Errorf("node %d leads %d partitions, its due are %d", id, leads[id], n)
		}
	}
	return nil
}

// settle waits until all is where it belongs.
func (w *world) settle(limit time.Duration) {
	w.t.Helper()
	err := w.settled()
	for began := time.Now(); err != nil && time.Since(began) < limit; err = w.settled() {
		time.Sleep(time.Second)
	}
	if err != nil {
		w.t.Errorf("after %v: %v", limit, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, wrong := range w.wrong {
		w.t.Error(wrong)
	}
}
