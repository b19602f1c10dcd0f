package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
)

// Mesh is the connections with other nodes: a [github.com/tutti-rt/tutti/peer.Mesh].
type Mesh interface {
	SetPeer(id journal.NodeID, address string)
	RemovePeer(id journal.NodeID)
	Send(to journal.NodeID, channel uint8, data []byte) bool
	Call(ctx context.Context, to journal.NodeID, service string, request []byte) ([]byte, error)
	CallAt(ctx context.Context, address, service string, request []byte) ([]byte, error)
}

// Config is what a Member needs. Identity, Journal, Bus, Mesh and Pools are required.
type Config struct {
	Identity *Identity
	// Node is how this node is: its addresses, roles, labels and weight. The cluster is told so. All else in it does not count.
	Node    cluster.Node
	Journal journal.Replicated
	// Bus reaches the entity that knows the nodes, wherever it is owned.
	Bus     bus.Bus
	Mesh    Mesh
	Channel uint8 // of Mesh, whose frames go to Hear
	// Pools are the application's pools and how many partitions each has. The platform's own entities are in one of them.
	Pools map[string]int

	// HandOver has another node lead a partition that is led here; nil: the journal does.
	HandOver func(ctx context.Context, p journal.Partition, to journal.NodeID) error
	// Changed is called with each registry that the node learns, first with the one it remembers; one call at a time, and in order.
	Changed func(r cluster.Registry)
	// Size returns how many bytes the node's journal takes; nil: unknown.
	Size    func() int64
	Version string       // of the program
	Logger  *slog.Logger // nil discards

	Tick   time.Duration // how often the driver looks while there is something to do, 1 s
	Idle   time.Duration // how often otherwise, 5 s
	Settle time.Duration // how long a leader stays before it is moved for balance's sake, and a node is up before it is to lead, 10 s
}

func (c Config) withDefaults() (Config, error) {
	var errs []error
	if c.Identity == nil || c.Journal == nil || c.Bus == nil || c.Mesh == nil {
		return c, errors.New("control: identity, journal, bus or mesh is missing")
	}
	if c.Identity.Node() == 0 || c.Journal.Node() != c.Identity.Node() {
		errs = append(errs, fmt.Errorf("control: the journal is node %d's, the identity node %d's", c.Journal.Node(), c.Identity.Node()))
	}
	if err := c.Node.Check(); err != nil {
		errs = append(errs, fmt.Errorf("control: node: %w", err))
	}
	if home := cluster.Members.Untyped().Options.WithDefaults().Pool; c.Pools[home] == 0 {
		errs = append(errs, fmt.Errorf("control: no pool %q, in which the registry is", home))
	}
	if c.HandOver == nil {
		c.HandOver = c.Journal.HandOver
	}
	if c.Changed == nil {
		c.Changed = func(cluster.Registry) {}
	}
	if c.Size == nil {
		c.Size = func() int64 { return 0 }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Tick = cmp.Or(c.Tick, time.Second)
	c.Idle = cmp.Or(c.Idle, 5*time.Second)
	c.Settle = cmp.Or(c.Settle, 10*time.Second)
	c.Node = c.Identity.started(c.Node)
	c.Node.ID, c.Node.Draining = c.Identity.Node(), false
	return c, errors.Join(errs...)
}

// Member is a node that holds data, as one of its cluster.
type Member struct {
	Config
	id     journal.NodeID
	log    *slog.Logger
	entity *entity
	began  time.Time
	agent  *agent
	edges  edges
	driver *driver
	joins  chan struct{} // holds one for each node that is being let in
	offers chan offer
	heard  heard
	poke   chan struct{} // holds one when the driver is to look
	unmade chan struct{} // holds one when a pool may have to be made here
	looked int           // where the next node to ask stands; keep's, as is
	twice  int           // how often in a row others were connected with another process that is this node

	mu    sync.Mutex
	up    map[journal.NodeID]time.Time // since when a connection stands
	peers map[journal.NodeID]string    // addresses that the mesh knows
}

// offer is a registry that somebody has learned.
type offer struct {
	registry cluster.Registry
	revision uint64
	tell     bool // the others may not know it
	done     chan<- struct{}
}

// New returns a member that Run runs. For a node that founds a cluster it notes the journal's ID. Before the mesh runs, Hear is to be
// its handler of frames, Reached its watcher, and Services what it serves.
func New(c Config) (*Member, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := c.Identity.Found(c.Journal.ID()); err != nil {
		return nil, err
	}
	m := &Member{
		Config: c, id: c.Identity.Node(), log: c.Logger, began: time.Now(),
		entity: newEntity(c.Bus, c.Identity.Name(), c.Pools[cluster.Members.Untyped().Options.WithDefaults().Pool]),
		joins:  make(chan struct{}, 8), offers: make(chan offer), poke: make(chan struct{}, 1), unmade: make(chan struct{}, 1),
		up: make(map[journal.NodeID]time.Time), peers: make(map[journal.NodeID]string),
	}
	m.heard.news = make(chan struct{}, 1)
	m.agent = &agent{member: m, changes: make(map[journal.Partition]*change)}
	m.driver = newDriver(m)
	return m, nil
}

// Service answers what another node asks, as the mesh serves it. from is 0 for a node that is no member.
type Service = func(ctx context.Context, from journal.NodeID, request []byte, w io.Writer) error

// Services returns what the mesh is to serve, by name: for members, and for anyone with the right credentials.
func (m *Member) Services() (members, anyone map[string]Service) {
	members, anyone = make(map[string]Service), make(map[string]Service)
	for name, s := range m.agent.services() {
		members[name] = m.membersOnly(s).answer
	}
	for name, s := range map[string]service{serviceJoin: m.letIn, serviceRegistry: m.tellRegistry} {
		anyone[name] = s.answer
	}
	return members, anyone
}

// maxRequest bounds what others ask.
const maxRequest = 256 << 10

// service answers what another node asks.
type service func(ctx context.Context, from journal.NodeID, request []byte) (any, error)

func (s service) answer(ctx context.Context, from journal.NodeID, request []byte, w io.Writer) error {
	var reply any
	err := error(refuse(CodeBadRequest, "the request has %d bytes", len(request)))
	if len(request) <= maxRequest {
		reply, err = s(ctx, from, request)
	}
	text, err := answered(reply, err)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// membersOnly refuses nodes that are not of the registry.
func (m *Member) membersOnly(s service) service {
	return func(ctx context.Context, from journal.NodeID, request []byte) (any, error) {
		if r, _ := m.Identity.Registry(); r.Node(from) == nil {
			return nil, refuse(CodeStranger, "node %d is no member", from)
		}
		return s(ctx, from, request)
	}
}

// Run takes part in the cluster until ctx is done. It returns ErrStale once the cluster has removed the node, ErrOutdated once
// it has started from another copy of its directory, ErrTwice when another process is the node, and a *Refusal when it
// does not take the node as it is. The bus has to carry envelopes, and the mesh to run, at the same time; so has the state node,
// which owns nothing before Run has founded the cluster.
func (m *Member) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop, err := m.entity.listen()
	if err != nil {
		return fmt.Errorf("listen for the registry's answers: %w", err)
	}
	defer stop()
	known, _ := m.Identity.Registry()
	m.apply(known)
	defer m.Journal.Watch(func(journal.Partition) { m.wake() })()
	var parts sync.WaitGroup
	for _, part := range []func(context.Context) error{m.keep, m.establish, m.driver.run, m.agent.run} {
		parts.Go(func() {
			if err := part(ctx); err != nil && ctx.Err() == nil {
				cancel(err)
			}
		})
	}
	parts.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// wake has the driver look, if it runs here.
func (m *Member) wake() {
	select {
	case m.poke <- struct{}{}:
	default:
	}
}

// Reached takes the news that the connection with a node stands, or is lost. It does not block.
func (m *Member) Reached(id journal.NodeID, up bool) {
	m.mu.Lock()
	if up {
		m.up[id] = time.Now()
	} else {
		delete(m.up, id)
	}
	m.mu.Unlock()
	if up {
		m.tellOne(id)
	}
	m.wake()
}

// upSince returns when the node was reached, and false if it is not.
func (m *Member) upSince(id journal.NodeID) (time.Time, bool) {
	if id == m.id {
		return m.began, true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	since, ok := m.up[id]
	return since, ok
}

// Elsewhere reports whether clients of this node can go to an edge of another one.
func (m *Member) Elsewhere() bool {
	r, _ := m.Identity.Registry()
	for i := range r.Nodes {
		n := &r.Nodes[i]
		if _, up := m.upSince(n.ID); up && n.Edge && n.ID != m.id {
			return true
		}
	}
	return len(m.edges.list()) > 0
}

// drives reports whether this node leads the partition of the registry, and so decides.
func (m *Member) drives() bool {
	s, err := m.Journal.Status(m.entity.partition)
	return err == nil && s.Leader == m.id
}
