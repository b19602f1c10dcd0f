// Package node assembles a running node, or several in one process, and gives applications their
// command line.
package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/internal/platform"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/state"
)

// drainWait is how long links have to take their farewell. With what requests and the state
// node may take at the end, it keeps the whole below 10 s.
const drainWait = 3 * time.Second

// Node is one running process's worth of the platform, or one of several in a process.
type Node struct {
	c           Config
	verifier    *auth.Verifier
	certificate *certificate // nil: no TLS
	edge        *edge.Edge
	elsewhere   func() bool                                          // nil: there are no other edges
	mirror      func(pool string, partition int) (bus.Address, bool) // nil: there are none
	online      *directory                                           // nil: nobody asks who is online
	metrics     *prometheus.Registry

	started atomic.Bool
	serving atomic.Bool
	ready   chan struct{}
	addr    net.Addr // of the clients' listener; written before ready is closed
	admin   net.Addr // of the operator's, nil without one; the same
}

// New returns a node that Run runs. It reads the files with keys and certificates and reports every
// mistake in the configuration at once. ErrNoKeys is one of them.
func New(c Config) (*Node, error) {
	c, err := c.withDefaults()
	errs := []error{err}
	n := &Node{c: c, ready: make(chan struct{}), metrics: prometheus.NewRegistry()}
	if len(c.Auth.Keys) > 0 {
		n.verifier, err = auth.New(c.Auth)
		errs = append(errs, err)
	}
	if c.CertFile != "" && c.KeyFile != "" {
		n.certificate, err = loadCertificate(c)
		errs = append(errs, err)
	}
	if err := n.checkState(); err != nil {
		errs = append(errs, err)
	} else {
		errs = append(errs, n.makeParts())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	n.metrics.MustRegister(collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsScheduler)), collectors.NewBuildInfoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return n, nil
}

// makeParts makes the edge, and what it needs on the bus as it is. A node of a cluster does so to find mistakes, and
// again once it has joined.
func (n *Node) makeParts() error {
	return errors.Join(n.makeDirectory(), n.makeEdge())
}

// register adds metrics.
func (n *Node) register(all ...prometheus.Collector) error {
	for _, c := range all {
		if err := n.metrics.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}

// checkState finds the mistakes that the state node refuses, before a journal is opened.
func (n *Node) checkState() error {
	c := n.stateConfig(memjournal.New())
	c.Placed = false
	_, err := state.New(c)
	return err
}

func (n *Node) stateConfig(log journal.Journal) state.Config {
	return state.Config{
		Categories: n.ownCategories(), Journal: log, Placed: n.c.Cluster != nil, Bus: n.c.Bus, Name: n.c.Name,
		Partitions: n.c.Partitions, MemoryBudget: n.c.Memory, Logger: n.c.Logger, Clock: n.c.Clock,
	}
}

// ownCategories returns the application's categories and the platform's.
func (n *Node) ownCategories() []*tutti.Category {
	categories := n.c.Categories
	if len(categories) > 0 {
		categories = append(slices.Clip(categories), platform.Tickets, platform.Revocations)
	}
	if n.c.Cluster != nil {
		categories = append(slices.Clip(categories), cluster.Members)
	}
	return categories
}

// partitions returns how many each pool has.
func (n *Node) partitions() int {
	if n.c.Partitions == 0 {
		return state.DefaultPartitions
	}
	return n.c.Partitions
}

func (n *Node) makeEdge() (err error) {
	n.edge, err = edge.New(edge.Config{
		Name: n.c.Name, Bus: n.c.Bus, Verifier: n.verifier, Categories: addresses(n.c.Categories),
		Partitions: n.c.Partitions, Origins: n.c.Origins, Limits: n.c.Limits,
		Timing: edge.Timing{Spread: n.c.DrainSpread, Drain: drainWait, Heartbeat: n.c.Heartbeat}, Logger: n.c.Logger,
		Clock: n.c.Clock, Online: n.online.forEdge(), Mirror: n.mirror, Elsewhere: n.elsewhere,
	})
	return err
}

// addresses says where the entities of the categories are.
func addresses(categories []*tutti.Category) []edge.Category {
	all := make([]edge.Category, 0, len(categories))
	for _, c := range categories {
		if c == nil {
			continue // which the state node refuses
		}
		o := c.Untyped().Options.WithDefaults()
		all = append(all, edge.Category{Name: c.Name(), Pool: o.Pool, Lane: o.Lane})
	}
	return all
}

// Ready is closed once the node serves clients.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Addr returns the address that clients reach, once the node is ready.
func (n *Node) Addr() net.Addr { return n.addr }

// AdminAddr returns the address for the operator, once the node is ready; nil without one.
func (n *Node) AdminAddr() net.Addr { return n.admin }

// Run serves until ctx is done, then tells clients to come back, stores what is under way, and
// returns nil: within 10 s, and with nothing of the node left running. It returns an error when the
// node cannot start or one of its parts fails. A node runs once.
func (n *Node) Run(ctx context.Context) (err error) {
	if !n.started.CompareAndSwap(false, true) {
		return errors.New("node: has been run before")
	}
	if n.c.Listener != nil {
		defer n.c.Listener.Close() // whatever comes before it is served
	}
	if n.c.Cluster != nil {
		return n.runJoined(ctx)
	}
	log, closeLog, err := n.journal()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	p := &parts{Node: n}
	if err := p.own(log); err != nil {
		return err
	}
	n.edge.Share(n.shared(log.ID()))
	return p.run(ctx)
}

// shared returns what the edges of a cluster have in common: those that use the same journal, and have the same
// secret for tickets if there is one.
func (n *Node) shared(journalID string) edge.Shared {
	secret := n.c.TicketSecret
	if len(secret) == 0 {
		secret = []byte(journalID)
	}
	return edge.Shared{Tickets: auth.NewTickets(secret), Member: state.Members(journalID)}
}

// journal returns the journal and what closes it if it is the node's own.
func (n *Node) journal() (journal.Journal, func() error, error) {
	var log journal.Journal
	switch {
	case n.c.Journal != nil:
		return n.c.Journal, func() error { return nil }, nil
	case n.c.Data == "":
		log = memjournal.New()
	default:
		var err error
		c := n.c.Disk
		c.Logger = n.c.Logger
		log, err = diskjournal.Open(n.c.Data, c)
		if err != nil {
			return nil, nil, err
		}
	}
	return log, func() error {
		if err := log.Close(); err != nil {
			return fmt.Errorf("close journal: %w", err)
		}
		return nil
	}, nil
}

// handler is what clients reach: the platform below /v1/, and the application's pages.
func (n *Node) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/v1/", n.edge)
	if n.c.Handler != nil {
		mux.Handle("/", n.c.Handler)
	}
	return mux
}
