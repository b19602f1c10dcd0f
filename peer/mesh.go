package peer

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/internal/pace"
	"github.com/tutti-rt/tutti/journal"
)

// Config is what a Mesh needs to know. Cluster, Name and Credentials are required; a Node that is 0 is no member yet, which can
// call services that anybody may call and has no use for Run.
type Config struct {
	Cluster     string // both: [a-z0-9][a-z0-9-]{0,31}
	Name        string
	Node        journal.NodeID
	Instance    Instance     // of this start of the process; zero: random
	Listener    net.Listener // Run closes it; nil: others cannot reach this node
	Credentials *Credentials
	Logger      *slog.Logger // nil discards

	// Dial connects to the address of another node; nil dials TCP.
	Dial func(ctx context.Context, address string) (net.Conn, error)

	Keepalive time.Duration // how often the other side hears something at least, 100 ms
	Silence   time.Duration // how long nothing may be heard, 800 ms
	Handshake time.Duration // how long a connection may take to be one, 3 s
	Retry     time.Duration // the longest pause between two attempts to connect, 1 s

	QueueFrames int // that may wait in one channel for one node, 4,096
	QueueBytes  int // the same in bytes, 32 MiB; a single frame may be longer
	Unproved    int // connections that have not proved to be a node's yet, 64; beyond, the oldest makes room
	Streams     int // streams and calls that are served at a time, 64; beyond, they are refused as busy
	Bandwidth   int // of all streams served, not calls, in bytes a second; 0: no bound
}

// Mesh is the connections of one node with the others.
type Mesh struct {
	config    Config
	log       *slog.Logger
	complain  complaints
	stranger  map[string]bool // services that are for anybody
	services  map[string]Service
	handlers  [Channels]func(from journal.NodeID, data []byte)
	watchers  []func(id journal.NodeID, up bool)
	streams   chan struct{} // holds one for each that is served
	bandwidth *pace.Pacer
	unproved  unproved
	refused   atomic.Uint64

	remotes sync.Map // journal.NodeID → *remote, for Send

	mu      sync.Mutex                       // guards what follows, and changes of remotes
	floors  map[journal.NodeID]chan struct{} // of every node there has been, for one that comes back
	running context.Context
	stopped bool
	tasks   sync.WaitGroup
}

// New returns a mesh that reaches nobody until Run is called.
func New(c Config) (*Mesh, error) {
	var wrong []error
	if !nameRule.MatchString(c.Cluster) {
		wrong = append(wrong, fmt.Errorf("cluster name %q: want %s", c.Cluster, nameRule))
	}
	if !nameRule.MatchString(c.Name) {
		wrong = append(wrong, fmt.Errorf("node name %q: want %s", c.Name, nameRule))
	}
	if c.Credentials == nil {
		wrong = append(wrong, errors.New("no credentials"))
	}
	for name, n := range map[string]int{
		"Keepalive": int(c.Keepalive), "Silence": int(c.Silence), "Handshake": int(c.Handshake), "Retry": int(c.Retry), "QueueFrames": c.QueueFrames,
		"QueueBytes": c.QueueBytes, "Unproved": c.Unproved, "Streams": c.Streams, "Bandwidth": c.Bandwidth,
	} {
		if n < 0 {
			wrong = append(wrong, fmt.Errorf("%s is below zero", name))
		}
	}
	c.Keepalive = cmp.Or(c.Keepalive, 100*time.Millisecond)
	c.Silence = cmp.Or(c.Silence, 800*time.Millisecond)
	c.Handshake = cmp.Or(c.Handshake, 3*time.Second)
	c.Retry = cmp.Or(c.Retry, time.Second)
	c.QueueFrames = cmp.Or(c.QueueFrames, 4096)
	c.QueueBytes = cmp.Or(c.QueueBytes, 32<<20)
	c.Unproved = cmp.Or(c.Unproved, 64)
	c.Streams = cmp.Or(c.Streams, 64)
	if c.Silence < 2*c.Keepalive {
		wrong = append(wrong, fmt.Errorf("silence %v: want twice the keepalive %v at least", c.Silence, c.Keepalive))
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Dial == nil {
		dialer := &net.Dialer{Timeout: min(c.Retry, c.Handshake)}
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", address)
		}
	}
	if c.Instance == (Instance{}) {
		_, _ = rand.Read(c.Instance[:]) // never fails
	}
	return &Mesh{
		config:    c,
		log:       c.Logger,
		stranger:  make(map[string]bool),
		services:  make(map[string]Service),
		streams:   make(chan struct{}, c.Streams),
		bandwidth: pace.New(c.Bandwidth),
		floors:    make(map[journal.NodeID]chan struct{}),
		unproved:  unproved{most: c.Unproved},
	}, nil
}

// Handle has f called for each frame that comes on the channel. It is called before Run. For one node calls come one at a time and
// in order, and only between the news that it is up and that it is down; data is f's to keep. f must not block: while it runs, nothing more is read
// from that node.
func (m *Mesh) Handle(channel uint8, f func(from journal.NodeID, data []byte)) {
	m.handlers[channel] = f
}

// Watch has f called as soon as a connection with another node stands or is lost; up and down take turns for each. It is called before Run. f must
// not block.
func (m *Mesh) Watch(f func(id journal.NodeID, up bool)) { m.watchers = append(m.watchers, f) }

// Service answers a stream or a call: it writes the answer to w, and its error goes to the node that asks. ctx ends
// when that node goes.
type Service func(ctx context.Context, from journal.NodeID, request []byte, w io.Writer) error

// Serve has f answer streams and calls of nodes that this one knows, under that name. It is called before Run.
func (m *Mesh) Serve(service string, f Service) { m.services[service] = f }

// ServeAnyone is Serve for every node with the right credentials and cluster; from is 0 for one that this node does not know.
func (m *Mesh) ServeAnyone(service string, f Service) {
	m.services[service] = f
	m.stranger[service] = true
}

// Instance returns what tells this start of the process from others.
func (m *Mesh) Instance() Instance { return m.config.Instance }

// SetPeer has the mesh keep a connection with a node, at that address from now on. Connections of nodes that are not set are refused.
// The node itself is ignored.
func (m *Mesh) SetPeer(id journal.NodeID, address string) {
	if id == 0 || id == m.config.Node {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return
	}
	if r := m.remote(id); r != nil {
		r.move(address)
		return
	}
	if m.floors[id] == nil {
		m.floors[id] = make(chan struct{}, 1)
	}
	r := newRemote(m, id, address, m.floors[id])
	m.remotes.Store(id, r)
	if m.running != nil {
		m.tasks.Go(func() { r.keep(m.running) })
	}
}

// RemovePeer ends the connection with a node and refuses new ones.
func (m *Mesh) RemovePeer(id journal.NodeID) {
	m.mu.Lock()
	r := m.remote(id)
	m.remotes.Delete(id)
	m.mu.Unlock()
	if r != nil {
		r.remove()
	}
}

func (m *Mesh) remote(id journal.NodeID) *remote {
	r, ok := m.remotes.Load(id)
	if !ok {
		return nil
	}
	return r.(*remote)
}

// Send queues a frame for a node and never waits. It returns false when the frame is dropped: there is no connection, the channel's queue is full,
// or data is longer than MaxFrame. True promises nothing. data is not the caller's any more.
func (m *Mesh) Send(to journal.NodeID, channel uint8, data []byte) bool {
	r := m.remote(to)
	if r == nil || channel >= Channels || len(data) > MaxFrame {
		return false
	}
	if !r.out.put(channel, data) {
		r.dropped.Add(1)
		return false
	}
	return true
}

// Run keeps the connections until ctx is done, and returns when all of them have ended and no handler runs.
func (m *Mesh) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	m.mu.Lock()
	m.running = ctx
	m.remotes.Range(func(_, r any) bool {
		m.tasks.Go(func() { r.(*remote).keep(ctx) })
		return true
	})
	m.tasks.Go(func() { m.config.Credentials.watch(ctx) })
	m.mu.Unlock()
	err := m.accept(ctx)
	cancel()
	m.mu.Lock()
	m.stopped = true
	m.mu.Unlock()
	m.unproved.closeAll()
	m.tasks.Wait()
	return err
}
