package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/feed"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
	"github.com/tutti-rt/tutti/state"
)

// parts are a node's components while it runs.
type parts struct {
	*Node
	state  *state.Node   // nil: the node is an edge alone
	feed   *feed.Handler // nil: the journal cannot be followed
	joined *joined       // nil: the node is alone
}

// own makes the parts that have to do with the journal.
func (p *parts) own(log journal.Journal) (err error) {
	if p.state, err = state.New(p.stateConfig(log)); err != nil {
		return err
	}
	metrics := []prometheus.Collector{newStateMetrics(p.state)}
	if disk, ok := log.(*diskjournal.Journal); ok {
		metrics = append(metrics, newJournalMetrics(disk))
	}
	return errors.Join(p.register(metrics...), p.follow(log))
}

// follow makes the part that serves the events of a journal, nil on an edge alone.
func (p *parts) follow(log journal.Journal) error {
	if p.feed = p.makeFeed(log); p.feed == nil {
		return nil
	}
	return p.register(newFeedMetrics(p.feed))
}

// run starts the parts one after the other, and ends them the other way round.
func (p *parts) run(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	// Each part ends when it is stopped, not when ctx is done: the last ones serve the first ones.
	lasting := context.WithoutCancel(ctx)
	failed := func(err error) { fail(&partError{err}) }

	metrics := []prometheus.Collector{newEdgeMetrics(p.edge)}
	if p.online != nil {
		metrics = append(metrics, newOnlineMetrics(p.online))
	}
	if err := p.register(metrics...); err != nil {
		return err
	}
	var started []*task
	begin := func(name string, run func(context.Context) error) {
		started = append(started, launch(lasting, name, run, failed))
	}
	begin("keys", p.verifier.Run)
	if p.certificate != nil {
		begin("certificate", p.certificate.run)
	}
	err := p.start(ctx, begin)
	if err == nil {
		p.c.Logger.Info("node serves", "address", p.addr.String())
		p.serving.Store(true)
		close(p.ready)
		<-ctx.Done()
		p.serving.Store(false)
		p.c.Logger.Info("node drains", "spread", p.c.DrainSpread)
		if p.joined != nil && cause(ctx) == nil {
			p.joined.yield(lasting, yieldTime)
		}
	} else if ctx.Err() != nil {
		err = nil // what ended ctx is the reason
	}
	errs := []error{err, cause(ctx)}
	for i := len(started) - 1; i >= 0; i-- {
		errs = append(errs, started[i].stop())
	}
	p.c.Logger.Info("node ended")
	return errors.Join(errs...)
}

// start begins the parts whose order counts: the operator sees a node that recovers, clients reach
// one that has recovered; the edge comes last and so drains first, while the listener still tells
// newcomers to go elsewhere.
func (p *parts) start(ctx context.Context, begin func(string, func(context.Context) error)) error {
	if p.c.Admin != "" {
		operator, err := listen(ctx, p.c.Admin)
		if err != nil {
			return err
		}
		p.admin = operator.Addr()
		p.c.Logger.Info("operator's listener is open", "address", p.admin.String())
		s := server{
			handler: adminHandler(p.c.AdminToken, p.adminNames(), p.healthy, p.metrics, p.operations()),
			log:     p.c.Logger, connections: 64, writing: 2 * time.Minute, // profiles take their time
		}
		begin("operator's listener", func(ctx context.Context) error { return s.serve(ctx, operator) })
		if p.feed != nil {
			begin("feed", p.feed.Run) // ends after the state node, whose last events it still sends
		}
	}
	var owners *firstOwners
	if p.joined != nil {
		owners = p.joined.begin(p.Node, begin)
		defer owners.stop()
	}
	if p.state != nil {
		begin("state node", p.state.Run)
	}
	if p.joined != nil {
		if err := p.joined.takeOver(ctx, owners, begin); err != nil {
			return err
		}
	}
	if p.state != nil {
		select {
		case <-p.state.Ready():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	clients := p.c.Listener
	if clients == nil {
		var err error
		if clients, err = listen(ctx, p.c.Listen); err != nil {
			return err
		}
	}
	p.addr = clients.Addr()
	s := server{
		handler: p.handler(), certificate: p.certificate,
		connections: p.c.Connections, writing: time.Minute, log: p.c.Logger,
	}
	begin("listener", func(ctx context.Context) error { return s.serve(ctx, clients) })
	if p.online != nil {
		begin("directory", p.directory())
		begin("reports of who is online", p.online.agent.Run)
	}
	begin("edge", p.edge.Run)
	return nil
}

// adminNames are the host names that the operator's listener is called by.
func (p *parts) adminNames() []string {
	names := append([]string{hostname(p.c.Admin)}, p.c.AdminHosts...)
	if p.joined != nil {
		names = append(names, hostname(p.joined.self.Operator))
	}
	return names
}

func (p *parts) operations() *operations {
	serves := func(category string) bool {
		return slices.ContainsFunc(p.c.Categories, func(c *tutti.Category) bool { return c.Name() == category })
	}
	o := &operations{edge: p.edge, feed: p.feed, serves: serves, clock: p.clock(), log: p.c.Logger}
	if p.joined != nil {
		o.member, o.members = p.joined.member, func() []string { return p.joined.operators(journal.Partition{}) }
	}
	return o
}

// clock returns what tells the time of day.
func (n *Node) clock() func() time.Time {
	if n.c.Clock != nil {
		return n.c.Clock
	}
	return time.Now
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}

// healthy reports whether clients are served: not before the start is over, not while the node
// drains, and not before there are keys to check their tokens with.
func (p *parts) healthy() bool { return p.serving.Load() && p.verifier.Ready() }

// partError is why a node ends that nobody stopped.
type partError struct{ error }

func (e *partError) Unwrap() error { return e.error }

// cause returns the failure that ended ctx, nil where the caller did.
func cause(ctx context.Context) error {
	if e, ok := errors.AsType[*partError](context.Cause(ctx)); ok {
		return e.error
	}
	return nil
}
