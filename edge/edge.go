package edge

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/edge/internal/ring"
	"github.com/tutti-rt/tutti/wire"
)

// hubShards is how many parts the table of entities has, so that entities seldom wait for each
// other there.
const hubShards = 64

// Edge serves clients. It is an http.Handler for everything below /v1/, which answers once Run has
// begun.
type Edge struct {
	name       string
	bus        bus.Bus
	verifier   Verifier
	categories map[string]Category
	partitions int
	origins    map[string]bool
	log        *slog.Logger
	clock      func() time.Time // the time of day
	ownClock   bool             // that is not the system's
	limits     Limits
	timing     Timing
	memory     Memory

	start   time.Time
	budget  *ring.Budget
	buffers *buffers
	workers []*worker
	count   counters
	hops    hops
	open    sync.WaitGroup // links
	drains  sync.WaitGroup // goroutines of blocked links; only workers add to it
	ready   chan struct{}  // closed when Run listens
	running atomic.Bool
	// verify checks a token that comes over a link. Run sets it before the edge is ready.
	verify     func(token string) (tutti.Claims, *problem)
	handshakes gate
	subjects   subjects
	first      uint64 // where its links begin to count
	lastLink   atomic.Uint64
	posts      posts
	cut        cut // what ends when the edge has no more time

	shared       Shared
	follower     *follower // nil: nobody is ever terminated
	terminations *terminations
	recovery     *recovery // nil: nobody tells of owners that come
	bound        ticketCache
	asks         asks
	mirror       func(pool string, partition int) (bus.Address, bool)
	elsewhere    func() bool

	// opening is held while a link is added, for writing when the edge begins to drain: afterwards
	// no link comes.
	opening    sync.RWMutex
	draining   bool
	moves      bool // its links, to other edges
	asksNoMore bool // calls and views are refused as well

	online    Online
	onlookers onlookers

	seed maphash.Seed
	hubs [hubShards]hubTable
}

type hubKey struct{ category, id string }

type hubTable struct {
	mu   sync.RWMutex
	hubs map[hubKey]*hub
}

// New returns an edge, or everything that is wrong with c.
func New(c Config) (*Edge, error) {
	ownClock := c.Clock != nil
	c, err := c.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("edge: %w", err)
	}
	e := &Edge{
		name: c.Name, bus: c.Bus, verifier: c.Verifier, partitions: c.Partitions, log: c.Logger, clock: c.Clock, ownClock: ownClock,
		limits: c.Limits, timing: c.Timing, memory: c.Memory, online: c.Online, mirror: c.Mirror, elsewhere: c.Elsewhere,
		categories: make(map[string]Category), origins: make(map[string]bool),
		start: time.Now(), budget: ring.NewBudget(c.Memory.Rings), buffers: newBuffers(),
		ready: make(chan struct{}), seed: maphash.MakeSeed(), terminations: newTerminations(),
	}
	e.first = firstNumber()
	e.lastLink.Store(e.first)
	e.posts.last = e.first
	e.asks.last = e.first // answers for the process before may come
	for _, k := range c.Categories {
		if k.Pool == "" {
			k.Pool = "default"
		}
		if k.Lane == "" {
			k.Lane = "default"
		}
		e.categories[k.Name] = k
	}
	for _, o := range c.Origins {
		e.origins[normalOrigin(o)] = true
	}
	if r, ok := c.Bus.(bus.Router); ok {
		e.recovery = newRecovery(e, r)
	}
	for i := range c.Workers {
		e.workers = append(e.workers, newWorker(e, i))
	}
	for i := range e.hubs {
		e.hubs[i].hubs = make(map[hubKey]*hub)
	}
	e.subjects.byName = make(map[string]*subject)
	e.onlookers.close = make(chan struct{})
	return e, nil
}

// Shared is what the edges of a cluster have in common.
type Shared struct {
	// Tickets seals and opens tickets: what one edge seals, all others open. Nil: there are none.
	Tickets Tickets
	// Member returns the member id of a connection, as owners of entities make it.
	Member func(category, id, conn string) string
}

// Share tells the edge what it shares with others, before Run. Owners then have to serve the categories of package
// [github.com/tutti-rt/tutti/internal/platform], and the edge serves nobody before it knows who has been terminated.
func (e *Edge) Share(s Shared) {
	e.shared = s
	e.follower = newFollower(e)
}

// now returns the time since the edge was made, in ns.
func (e *Edge) now() int64 { return int64(time.Since(e.start)) }

// Run serves until ctx is done, then drains: it takes no new links, tells every one to come back elsewhere, one after the other
// where there are other edges, and returns when all have ended, which takes Timing.Drain at most once the last one has been told. The owners of
// entities must be there for as long as Run runs. It may be called once.
func (e *Edge) Run(ctx context.Context) error {
	if e.running.Swap(true) {
		return errors.New("edge: Run was called before")
	}
	stop, err := e.bus.Listen(bus.Edge(e.name), e.take)
	if err != nil {
		return fmt.Errorf("edge: %w", err)
	}
	defer stop()
	// Links keep no context of their own, which would cost as much as all else that they keep.
	e.verify = func(token string) (tutti.Claims, *problem) {
		return e.authenticate(ctx, token)
	}
	// The workers outlive ctx: they carry what the links get at the end.
	sweeping, halt := context.WithCancel(context.WithoutCancel(ctx))
	var workers sync.WaitGroup
	for _, w := range e.workers {
		workers.Go(func() { w.run(sweeping) })
	}
	workers.Go(func() { e.age(sweeping) })
	if e.follower != nil {
		workers.Go(func() { e.follower.run(sweeping) })
	}
	if e.recovery != nil {
		workers.Go(func() { e.recovery.run(sweeping) })
		workers.Go(func() { e.sayHere(sweeping) })
	}
	close(e.ready)

	<-ctx.Done()
	e.drain()
	halt()
	workers.Wait()
	e.drains.Wait()
	for _, w := range e.workers {
		w.poller.stop()
	}
	return ctx.Err()
}

// ageInterval is how often rings are looked at that may not be needed any more. Each is looked at
// once in about agePart intervals.
const (
	ageInterval = time.Second
	agePart     = 30
)

// age lets go of rings that got nothing for a while (whoever has a cursor then reads the journal),
// and of subjects that are gone.
func (e *Edge) age(ctx context.Context) {
	tick := 0
	t := time.NewTicker(ageInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			_, rings := e.budget.Used()
			e.budget.Age(rings/agePart + 1)
			if tick++; tick%agePart == 0 {
				e.subjects.age(e.now(), &e.limits)
			}
		}
	}
}

// links returns all links.
func (e *Edge) links() []*link {
	var all []*link
	for i := range e.hubs {
		t := &e.hubs[i]
		t.mu.RLock()
		for _, h := range t.hubs {
			h.mu.Lock()
			for _, l := range h.links {
				all = append(all, l)
			}
			h.mu.Unlock()
		}
		t.mu.RUnlock()
	}
	return all
}

// take delivers what comes over the bus.
func (e *Edge) take(env *wire.Envelope) {
	switch {
	case env.Kind == wire.KindResult || env.Kind == wire.KindSight,
		env.Link == 0 && (env.Kind == wire.KindAnswer || env.Kind == wire.KindReject):
		e.asks.take(env)
		return
	case env.Link&postLink != 0:
		e.posts.take(env)
		return
	case e.follower.follows(env):
		e.follower.take(env)
		return
	}
	k := hubKey{env.Category, env.ID}
	t := e.table(k)
	t.mu.RLock()
	h := t.hubs[k]
	t.mu.RUnlock()
	if h != nil {
		h.take(env)
	}
}

func (e *Edge) table(k hubKey) *hubTable {
	return &e.hubs[maphash.String(e.seed, k.id)%hubShards]
}

// enter adds the link to its entity's hub.
func (e *Edge) enter(l *link, category Category, id string) {
	k := hubKey{category.Name, id}
	t := e.table(k)
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.hubs[k]
	if h == nil {
		h = &hub{
			edge: e, category: category.Name, id: id, lane: category.Lane,
			pool:  category.Pool,
			owner: bus.Owner(category.Pool, wire.Partition(category.Name, id, e.partitions)),
			links: make(map[uint64]*link, 1),
		}
		t.hubs[k] = h
		e.count.entities.Add(1)
	}
	l.hub = h
	h.mu.Lock()
	defer h.mu.Unlock()
	h.links[l.number] = l
	e.count.links.Add(1)
}

// leave removes the link, and with the last one the hub. It returns the link's member.
func (e *Edge) leave(l *link) (member string) {
	h := l.hub
	k := hubKey{h.category, h.id}
	t := e.table(k)
	t.mu.Lock()
	defer t.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.links, l.number)
	if h.byMember[l.member] == l {
		delete(h.byMember, l.member)
	}
	if h.polls[l.conn] == l {
		delete(h.polls, l.conn)
	}
	h.unfollow(l)
	h.setCatching(l, false)
	e.count.links.Add(-1)
	if len(h.links) == 0 {
		delete(t.hubs, k)
		e.count.entities.Add(-1)
	}
	return l.member
}
