package state_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/state"
	"github.com/tutti-rt/tutti/wire"
)

// fleet is a world with several state nodes on the journals of one cluster. Node 1 leads all partitions at first.
type fleet struct {
	*world
	cluster *memjournal.Cluster
	nodes   []*state.Node // by ID-1
}

// inFleet runs a test in a bubble with so many nodes, each with a replica of every partition, that serve the categories.
func inFleet(t *testing.T, nodes int, c state.Config, test func(t *testing.T, f *fleet), categories ...*tutti.Category) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{
			world:   &world{t: t, bus: newMoving(), categories: categories, config: c, links: make(map[uint64]*testLink), logs: &logs{}},
			cluster: memjournal.NewCluster(nodes),
		}
		stopEdge, err := f.bus.Listen(bus.Edge(edgeName), f.take)
		if err != nil {
			t.Fatal(err)
		}
		defer stopEdge()
		voters := make([]journal.NodeID, nodes)
		for i := range voters {
			voters[i] = journal.NodeID(i + 1)
		}
		for i := range 4 {
			f.cluster.Create(part(i), voters...)
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		for _, id := range voters {
			f.nodes = append(f.nodes, f.startNode(ctx, id, &running))
		}
		for _, n := range f.nodes {
			<-n.Ready()
		}
		synctest.Wait() // mirrors follow
		test(t, f)
		stop()
		running.Wait()
	})
}

func (f *fleet) startNode(ctx context.Context, id journal.NodeID, running *sync.WaitGroup) *state.Node {
	c := f.config
	c.Categories, c.Journal, c.Bus, c.Partitions = f.categories, f.cluster.Node(id), f.bus, 4
	c.Name, c.Placed = nameOf(id), true
	c.Logger = slog.New(slog.NewTextHandler(f.logs, nil)).With("node", id)
	n, err := state.New(c)
	if err != nil {
		f.t.Fatal(err)
	}
	running.Go(func() {
		if err := n.Run(ctx); err != nil {
			f.t.Errorf("Run of node %d = %v, want nil", id, err)
		}
	})
	return n
}

func nameOf(id journal.NodeID) string { return fmt.Sprintf("n%d", id) }

// node returns the node of that ID.
func (f *fleet) node(id journal.NodeID) *state.Node { return f.nodes[id-1] }

// lead has a node lead the partition of an entity, and waits until nothing happens any more.
func (f *fleet) lead(entity string, by journal.NodeID) {
	f.cluster.Lead(partOf(entity), by)
	synctest.Wait()
}

// again attaches a link of the same connection as the one given, as an edge does when the owner has changed.
func (l *testLink) again(sub string, options ...func(*wire.Envelope)) *testLink {
	l.w.mu.Lock()
	delete(l.w.links, l.number)
	l.w.mu.Unlock()
	return l.w.attach(l.category, l.id, sub, l.conn, options...)
}

// calm fails the test if something was logged that needs a person.
func (f *fleet) calm() {
	f.t.Helper()
	if all := f.logs.all(); strings.Contains(all, "level=ERROR") || strings.Contains(all, "level=WARN") {
		f.t.Errorf("logged: %s", all)
	}
}

func part(n int) journal.Partition { return journal.Partition{Pool: "default", Number: n} }

func partOf(entity string) journal.Partition {
	category, id, _ := cutEntity(entity)
	return part(wire.Partition(category, id, 4))
}

// moving is a bus that knows the newest listener at an owner's address, and keeps what comes while there is none.
type moving struct {
	localbus.Bus

	late time.Duration // that owners are with their listening

	mu       sync.Mutex
	owners   map[bus.Address]*owner
	watchers []*func(bus.Address)
	paused   int // addresses that have lost their owner
	most     int // that had at a time
}

type owner struct {
	paused    bool
	listeners []*func(*wire.Envelope)
	parked    []*wire.Envelope
}

func newMoving() *moving { return &moving{owners: make(map[bus.Address]*owner)} }

func (m *moving) owner(at bus.Address) *owner {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.owners[at] == nil {
		m.owners[at] = &owner{}
	}
	return m.owners[at]
}

func (m *moving) Send(lane string, to bus.Address, e *wire.Envelope) error {
	if !strings.HasPrefix(string(to), "owner.") {
		return m.Bus.Send(lane, to, e)
	}
	o := m.owner(to)
	m.mu.Lock()
	if len(o.listeners) == 0 {
		o.parked = append(o.parked, e)
		m.mu.Unlock()
		return nil
	}
	take := *o.listeners[len(o.listeners)-1]
	m.mu.Unlock()
	take(e)
	return nil
}

func (m *moving) Listen(at bus.Address, take func(*wire.Envelope)) (func(), error) {
	if !strings.HasPrefix(string(at), "owner.") {
		return m.Bus.Listen(at, take)
	}
	o := m.owner(at)
	time.Sleep(m.late)
	m.mu.Lock()
	o.listeners = append(o.listeners, &take)
	parked := o.parked
	o.parked = nil
	if o.paused {
		o.paused = false
		m.paused--
	}
	watchers := slices.Clone(m.watchers)
	m.mu.Unlock()
	for _, e := range parked {
		take(e)
	}
	for _, w := range watchers {
		(*w)(at)
	}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		for i, l := range o.listeners {
			if l == &take {
				if o.listeners = append(o.listeners[:i:i], o.listeners[i+1:]...); len(o.listeners) == 0 {
					o.paused = true
					m.paused++
					m.most = max(m.most, m.paused)
				}
				return
			}
		}
	}, nil
}

// Reaches always reports true.
func (m *moving) Reaches(bus.Address) bool { return true }

func (m *moving) Owners(moved func(bus.Address)) func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watchers = append(m.watchers, &moved)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.watchers = slices.DeleteFunc(slices.Clone(m.watchers), func(w *func(bus.Address)) bool { return w == &moved })
	}
}

// runNode runs a node with four partitions on that journal.
func runNode(t *testing.T, j journal.Journal, logs *logs) (n *state.Node, done <-chan error, end func()) {
	t.Helper()
	n, err := state.New(state.Config{
		Categories: []*tutti.Category{sums()}, Journal: j, Bus: newMoving(), Partitions: 4, Placed: true,
		Logger: slog.New(slog.NewTextHandler(logs, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	synctest.Wait()
	return n, ended, stop
}
