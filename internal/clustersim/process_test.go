package clustersim_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus/ownerbus"
	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
	"github.com/tutti-rt/tutti/state"
)

const (
	partitions = 3
	journalID  = "simulated-cluster"
	directory  = "data"
)

// process is one run of a node, put together as package node does it.
type process struct {
	*machine
	disk    *disk
	journal *diskjournal.Journal
	bus     *nodeBus
	router  *ownerbus.Bus
	state   *state.Node
	edge    *edge.Edge

	ending atomic.Bool // it was told to, or has crashed
	parts  []*part     // as they were begun
	mu     sync.Mutex  // of serving
}

// part is something that runs until it is stopped.
type part struct {
	stop  context.CancelFunc
	ended chan struct{}
}

func (p *part) end() { p.stop(); <-p.ended }

// tokens takes a token for the name of who has it.
type tokens struct{}

func (tokens) Verify(_ context.Context, token string) (tutti.Claims, error) {
	return tutti.Claims{Subject: token}, nil
}

// start starts the node with what its disk has.
func (m *machine) start() (*process, error) {
	p := &process{machine: m, disk: &disk{FS: m.fs, lying: m.world.lying}}
	log := m.world.log.With("node", m.name)
	var err error
	p.journal, err = diskjournal.Open(directory, diskjournal.Config{
		Logger: log, FS: p.disk, BeforeWrite: p.disk.wait, ID: journalID, CacheBytes: 1 << 20, MemTableBytes: m.world.memTable, IndexBytes: 4 << 10,
		Cluster: &diskjournal.Cluster{
			Node:  journal.NodeID(m.number),
			Peers: &peers{net: m.world.net, self: p, streams: make(map[journal.NodeID]*stream)},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("open the journal of %s: %w", m.name, err)
	}
	p.bus = newNodeBus(m.world.net, p)
	if m.world.lies != nil {
		p.bus.lies = m.world.lies(p)
	}
	p.router, err = ownerbus.New(ownerbus.Config{Bus: p.bus, Node: m.name, Term: p.term, Logger: log})
	if err != nil {
		return nil, err
	}
	p.state, err = state.New(state.Config{
		Categories: categories(), Journal: p.journal, Placed: true, Bus: p.router, Name: m.name, Identity: journalID, Partitions: partitions,
		Logger: log, Clock: m.now,
	})
	if err != nil {
		return nil, err
	}
	p.edge, err = edge.New(edge.Config{
		Name: m.name, Bus: p.router, Verifier: tokens{}, Categories: addresses(), Partitions: partitions, Mirror: p.state.Mirror, Logger: log,
		Clock: m.now, Timing: edge.Timing{Spread: time.Second}, Workers: 1,
	})
	if err != nil {
		return nil, err
	}
	m.world.net.enter(m.number, p)
	p.begin("router", p.router.Run)
	p.begin("journal", p.journal.Run)
	p.begin("state node", p.state.Run)
	return p, nil
}

// term returns the term in which this node leads a partition.
func (p *process) term(pool string, number int) uint64 {
	s, err := p.journal.Status(journal.Partition{Pool: pool, Number: number})
	if err != nil || s.Leader != p.journal.Node() {
		return 0
	}
	return s.Term
}

// begin begins something that may not end before it is told to.
func (p *process) begin(name string, run func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	t := &part{stop: stop, ended: make(chan struct{})}
	p.parts = append(p.parts, t)
	go func() {
		defer close(t.ended)
		err := run(ctx)
		if ctx.Err() == nil && !p.ending.Load() {
			p.world.trouble(p.name, "a node goes on until it is told to end", fmt.Sprintf("%s: %v", name, err))
		}
	}()
}

// serve waits until the node may serve clients, and has it do so.
func (p *process) serve(stop <-chan struct{}) {
	select {
	case <-p.state.Ready():
	case <-stop:
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ending.Load() {
		return
	}
	l := p.world.clients.Listen(p.name)
	s := &http.Server{Handler: p.edge, ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	p.begin("listener", func(ctx context.Context) error {
		closed := context.AfterFunc(ctx, func() { _ = s.Close() })
		defer closed()
		return s.Serve(l)
	})
	p.begin("edge", p.edge.Run)
}

// down tells the process that its connection to another node is broken.
func (p *process) down(other int) {
	p.journal.Down(journal.NodeID(other))
	p.router.Gone(p.world.machines[other-1].name)
}

// drain ends the node as one that is asked to: clients go, others own what it owned.
func (p *process) drain() {
	p.shut(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if err := p.state.Drain(ctx); err != nil {
			p.world.tell("%s has not handed over everything: %v", p.name, err)
		}
	})
	p.world.net.leave(p.number, p)
	p.close()
}

// crash ends the process for all others. What it does from now on happens nowhere.
func (p *process) crash() {
	p.ending.Store(true)
	p.world.net.leave(p.number, p)
	p.world.clients.Break(p.name)
	p.disk.delay.Store(0)
	p.disk.letGo()
	p.world.ghosts.Go(func() { // nobody hears of it any more
		p.shut(func() {})
		p.close()
	})
}

// shut ends the parts, those for clients first.
func (p *process) shut(before func()) {
	p.ending.Store(true)
	p.mu.Lock()
	parts := p.parts
	p.mu.Unlock()
	for i := len(parts) - 1; i >= 0; i-- {
		if i == 2 { // the state node
			before()
		}
		parts[i].end()
	}
}

func (p *process) close() {
	if err := errors.Join(p.router.Close(), p.journal.Close()); err != nil {
		p.world.trouble(p.name, "a node can be closed", err.Error())
	}
}
