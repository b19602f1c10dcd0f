package ownerbus

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/internal/listener"
	"github.com/tutti-rt/tutti/wire"
)

// maxRoutes bounds how many partitions a router knows. Others have no owner.
const maxRoutes = 1 << 16

// Bus is a bus that finds owners. It does so while Run runs.
type Bus struct {
	cfg    Config
	epoch  string   // of this process
	routes sync.Map // bus.Address → *route; added to under mu
	woken  chan struct{}
	ended  chan struct{} // closed by Close
	count  counters

	mu       sync.Mutex
	closed   bool
	known    int             // routes
	waiting  map[*route]bool // with something for Run to do
	mine     map[*route]bool // that this node owns, as it thinks itself
	parked   int             // envelopes
	bytes    int             // of them
	began    int64           // of the newest claim of this node
	told     uint64          // how often this node has told what it owns
	toldAt   time.Time
	tell     bool // what it owns has changed
	repeat   int  // how often that is to be told again
	asked    bool // somebody wants to know
	heard    map[string]*heard
	losses   losses
	watchers []*watcher // never changed, only replaced
}

var (
	_ bus.Router      = (*Bus)(nil)
	_ bus.Broadcaster = (*Bus)(nil)
)

// New returns a router that knows no owner yet.
func New(c Config) (*Bus, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Bus{
		cfg: c, epoch: rand.Text(), woken: make(chan struct{}, 1), ended: make(chan struct{}),
		waiting: make(map[*route]bool), mine: make(map[*route]bool), heard: make(map[string]*heard),
		losses: losses{mine: make(map[string]map[*route]bool), others: make(map[string]bool), refused: make(map[string]refused)},
	}, nil
}

// route returns that of an owner's address, or nil for other addresses, and for more of them than are kept.
func (b *Bus) route(at bus.Address) *route {
	if v, ok := b.routes.Load(at); ok {
		return v.(*route)
	}
	if !routed(at) {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.makeRoute(at)
}

func routed(at bus.Address) bool { return strings.HasPrefix(string(at), "owner.") }

// makeRoute is route while the caller holds b.mu.
func (b *Bus) makeRoute(at bus.Address) *route {
	if v, ok := b.routes.Load(at); ok {
		return v.(*route)
	}
	pool, n, ok := partition(at)
	if !ok || b.known >= maxRoutes {
		return nil
	}
	b.known++
	r := &route{at: at, pool: pool, partition: n, since: time.Now()}
	b.routes.Store(at, r)
	return r
}

// Send hands e to the owner if there is one, and has it wait otherwise. Other addresses are the inner bus's.
func (b *Bus) Send(lane string, to bus.Address, e *wire.Envelope) error {
	r := b.route(to)
	if r == nil {
		if routed(to) {
			return fmt.Errorf("send to %s: %w", to, bus.ErrNobody)
		}
		err := b.cfg.Bus.Send(lane, to, e)
		if err != nil {
			b.notTaken(to)
		}
		return err
	}
	if err := b.pass(r, parked{lane: lane, env: e}); err != nil {
		return fmt.Errorf("send to %s: %w", to, err)
	}
	return nil
}

// pass delivers an envelope, or has it wait behind others.
func (b *Bus) pass(r *route, p parked) error {
	var tried *destination
	for {
		d := r.open.Load()
		if d == nil || d == tried {
			var err error
			if d, err = b.park(r, p, tried); d == nil {
				return err
			}
		}
		if err := b.deliver(d, &p); !errors.Is(err, bus.ErrNobody) {
			return err
		}
		tried = d // it does not listen yet, or not any more
	}
}

// deliver hands an envelope to an owner.
func (b *Bus) deliver(d *destination, p *parked) error {
	switch {
	case d.local != nil:
		if !d.local.Take(p.env) {
			return bus.ErrNobody
		}
		return nil
	case p.hops == 0:
		return b.cfg.Bus.Send(p.lane, d.first, p.env)
	case p.hops == 1:
		b.count.forwarded.Add(1)
		return b.cfg.Bus.Send(b.cfg.Lane, d.last, p.env)
	}
	b.count.dropped.Add(1)
	return nil
}

// park has an envelope wait for an owner other than the one that was tried, or returns the one that has come meanwhile.
func (b *Bus) park(r *route, p parked, tried *destination) (*destination, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, bus.ErrClosed
	}
	if d := r.open.Load(); d != nil && d != tried {
		return d, nil
	}
	now := time.Now()
	if tried != nil && r.open.CompareAndSwap(tried, nil) {
		r.retryAt = now.Add(retryEvery)
	}
	size := p.bytes()
	if !r.here && (now.Sub(r.since) > b.cfg.ParkFor || !b.cfg.Reaches(r.pool, r.partition)) || b.parked >= b.cfg.ParkEnvelopes || b.bytes+size > b.cfg.ParkBytes {
		b.count.refused.Add(1)
		return nil, bus.ErrNobody
	}
	p.until = now.Add(b.cfg.ParkFor)
	r.parked = append(r.parked, p)
	b.parked++
	b.bytes += size
	b.await(r)
	return nil, nil
}

// await has Run look at the route. The caller holds b.mu.
func (b *Bus) await(r *route) {
	b.waiting[r] = true
	b.wake()
}

func (b *Bus) wake() {
	select {
	case b.woken <- struct{}{}:
	default: // it is
	}
}

// arrive takes what has come to a partition's address at this node; hops says which.
func (b *Bus) arrive(r *route, e *wire.Envelope, hops int) {
	if d := r.open.Load(); d != nil && d.local != nil && d.local.Take(e) {
		return
	}
	if err := b.pass(r, parked{lane: b.cfg.Lane, env: e, hops: hops}); err != nil {
		b.count.dropped.Add(1)
	}
}

// Listen begins an ownership of a partition, of which all nodes are told. Other addresses are the inner bus's.
func (b *Bus) Listen(at bus.Address, take func(*wire.Envelope)) (func(), error) {
	r := b.route(at)
	if r == nil {
		if routed(at) {
			return nil, fmt.Errorf("listen at %s: no address of an owner, or too many", at)
		}
		return b.cfg.Bus.Listen(at, take)
	}
	l := listener.New(take)
	attended, err := b.reserve(r, l)
	if err == nil && !attended {
		err = b.attend(r)
	}
	if err != nil {
		b.release(r, l)
		return nil, fmt.Errorf("listen at %s: %w", at, err)
	}
	term := b.cfg.Term(r.pool, r.partition)
	b.claim(r, l, term)
	return sync.OnceFunc(func() {
		b.release(r, l)
		l.Stop()
	}), nil
}

// reserve makes l the listener of the partition at this node, if there is none. It reports whether the node listens
// at the partition's addresses already.
func (b *Bus) reserve(r *route, l *listener.Listener) (attended bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return false, bus.ErrClosed
	case r.mine != nil:
		return false, errors.New("somebody listens there already")
	}
	r.mine, r.claimed = l, claim{}
	return r.attended, nil
}

// attend has what comes to the partition's addresses at this node taken, as long as the bus is there: what
// comes when the node does not own the partition any more is passed on.
func (b *Bus) attend(r *route) error {
	stop, err := b.cfg.Bus.Listen(physical(r.at, b.cfg.Node), func(e *wire.Envelope) { b.arrive(r, e, 1) })
	if err != nil {
		return err
	}
	if _, err := b.cfg.Bus.Listen(last(r.at, b.cfg.Node), func(e *wire.Envelope) { b.arrive(r, e, 2) }); err != nil {
		stop()
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r.attended = true
	return nil
}

// claim begins the ownership.
func (b *Bus) claim(r *route, l *listener.Listener, term uint64) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.began = max(b.began+1, now.UnixNano())
	r.claimed = claim{term, b.began, b.cfg.Node}
	b.mine[r] = true
	b.tell = true
	if r.learn(r.claimed, now) {
		b.count.moves.Add(1)
	} else {
		b.cfg.Logger.Warn("another node owns the partition since", "partition", string(r.at), "node", r.newest.node, "term", term)
	}
	b.await(r)
}

// release ends what l had of the partition.
func (b *Bus) release(r *route, l *listener.Listener) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.mine != l {
		return
	}
	if r.newest == r.claimed {
		r.lose(time.Now(), true)
	}
	r.mine = nil
	delete(b.mine, r)
	b.tell = true
	b.wake()
}

// Close ends Run and the inner bus. What waits is lost.
func (b *Bus) Close() error {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.ended)
	}
	for r := range b.waiting {
		r.parked = nil
	}
	b.routes.Range(func(_, v any) bool {
		v.(*route).open.Store(nil)
		return true
	})
	clear(b.waiting)
	b.parked, b.bytes = 0, 0
	b.mu.Unlock()
	return b.cfg.Bus.Close()
}

// Broadcast is the inner bus's.
func (b *Bus) Broadcast(lane string, to bus.Address, e *wire.Envelope) error {
	return b.cfg.Bus.Broadcast(lane, to, e)
}

// Join is the inner bus's.
func (b *Bus) Join(at bus.Address, take func(*wire.Envelope)) (stop func(), err error) {
	return b.cfg.Bus.Join(at, take)
}
