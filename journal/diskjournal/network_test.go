package diskjournal_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// network joins journals in one process. Each way from one node to another has its own queue, in order.
type network struct {
	t      testing.TB
	config diskjournal.Config
	tick   time.Duration
	disk   string // a directory for those that are on the machine's disk; empty: they are in memory

	mu    sync.Mutex
	nodes map[journal.NodeID]*member
	cut   map[[2]journal.NodeID]bool
	late  map[[2]journal.NodeID]time.Duration // of each frame
	loss  float64                             // of frames
	delay time.Duration                       // at most, of each frame
	rng   *rand.Rand
}

// member is one node.
type member struct {
	net   *network
	id    journal.NodeID
	fs    *vfs.MemFS
	lost  func(p journal.Partition, has, had journal.Offset)
	j     *diskjournal.Journal
	end   context.CancelFunc
	ended chan struct{}
	ways  map[journal.NodeID]chan sent
	carry *sync.WaitGroup // those who carry frames from this node
	held  chan struct{}   // while it is not nil, whoever sends from this node waits for it to be closed
}

// sent is a frame on its way.
type sent struct {
	frame []byte
	at    time.Time
}

func newNetwork(t testing.TB, nodes int, tick time.Duration, c diskjournal.Config) *network {
	return newNetworkOn(t, "", nodes, tick, c)
}

func newNetworkOn(t testing.TB, disk string, nodes int, tick time.Duration, c diskjournal.Config) *network {
	n := &network{
		t: t, config: c, tick: tick, disk: disk, rng: rand.New(rand.NewPCG(1, 2)),
		nodes: make(map[journal.NodeID]*member), cut: make(map[[2]journal.NodeID]bool),
		late: make(map[[2]journal.NodeID]time.Duration),
	}
	for i := range nodes {
		n.add(journal.NodeID(i + 1))
	}
	return n
}

func (n *network) add(id journal.NodeID) *member {
	m := &member{net: n, id: id, fs: vfs.NewCrashableMem()}
	n.mu.Lock()
	n.nodes[id] = m
	n.mu.Unlock()
	m.open()
	return m
}

func (n *network) node(id journal.NodeID) *member {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.nodes[id]
}

// open opens the node's journal and runs it.
func (m *member) open() {
	m.net.t.Helper()
	c := m.net.config
	c.Logger = slog.New(slog.NewTextHandler(m.net.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})).With("node", uint64(m.id))
	c.Cluster = &diskjournal.Cluster{Node: m.id, Peers: m, Tick: m.net.tick, Lost: m.lost}
	var j *diskjournal.Journal
	var err error
	if m.net.disk == "" {
		j, err = diskjournal.OpenFS(m.fs, dir, c)
	} else {
		j, err = diskjournal.Open(filepath.Join(m.net.disk, fmt.Sprint(m.id)), c)
	}
	if err != nil {
		m.net.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.net.mu.Lock()
	m.j, m.end, m.ended, m.ways = j, cancel, make(chan struct{}), make(map[journal.NodeID]chan sent)
	m.carry = new(sync.WaitGroup)
	m.net.mu.Unlock()
	go func() {
		defer close(m.ended)
		_ = j.Run(ctx)
	}()
}

// close closes the node's journal, as it is after a crash if it crashes, and tells the others that it is gone.
func (m *member) close(crash bool) {
	m.net.t.Helper()
	m.net.mu.Lock()
	j, ways := m.j, m.ways
	m.j, m.ways = nil, nil
	for _, w := range ways {
		close(w)
	}
	m.net.mu.Unlock()
	if j == nil {
		return
	}
	left := m.fs
	if crash && m.net.disk == "" {
		left = m.fs.CrashClone(vfs.CrashCloneCfg{})
	}
	m.end()
	<-m.ended
	if err := j.Close(); err != nil {
		m.net.t.Errorf("node %d: Close = %v", m.id, err)
	}
	m.fs = left
	m.carry.Wait()
	for _, o := range m.net.all() {
		o.down(m.id)
	}
}

func (m *member) down(node journal.NodeID) {
	m.net.mu.Lock()
	j := m.j
	m.net.mu.Unlock()
	if j != nil {
		j.Down(node)
	}
}

func (n *network) all() []*member {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []*member
	for _, m := range n.nodes {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *member) int { return int(a.id) - int(b.id) })
	return all
}

func (n *network) close() {
	for _, m := range n.all() {
		m.close(false)
	}
}

// isolate cuts a node off from all others, or joins it again.
func (n *network) isolate(id journal.NodeID, off bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for o := range n.nodes {
		n.cut[[2]journal.NodeID{id, o}] = off
		n.cut[[2]journal.NodeID{o, id}] = off
	}
}

// Send puts a frame into the queue of its way.
func (m *member) Send(to journal.NodeID, frame []byte) bool {
	n := m.net
	n.mu.Lock()
	held := m.held
	n.mu.Unlock()
	if held != nil {
		<-held
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if m.ways == nil || n.cut[[2]journal.NodeID{m.id, to}] || n.loss > 0 && n.rng.Float64() < n.loss {
		return true // lost on its way
	}
	w := m.ways[to]
	if w == nil {
		w = make(chan sent, 1024)
		m.ways[to] = w
		m.carry.Go(func() { n.carry(m.id, to, w) })
	}
	select {
	case w <- sent{frame, time.Now()}:
		return true
	default:
		return false
	}
}

func (n *network) carry(from, to journal.NodeID, frames <-chan sent) {
	for f := range frames {
		n.mu.Lock()
		late := n.late[[2]journal.NodeID{from, to}]
		n.mu.Unlock()
		time.Sleep(time.Until(f.at.Add(late)))
		n.mu.Lock()
		var j *diskjournal.Journal
		if m := n.nodes[to]; m != nil && !n.cut[[2]journal.NodeID{from, to}] {
			j = m.j
		}
		delay := time.Duration(0)
		if n.delay > 0 {
			delay = time.Duration(n.rng.Int64N(int64(n.delay)))
		}
		n.mu.Unlock()
		time.Sleep(delay)
		if j != nil {
			j.Deliver(from, f.frame)
		}
	}
}

// Fetch has another node serve a request.
func (m *member) Fetch(ctx context.Context, from journal.NodeID, request []byte) (io.ReadCloser, error) {
	n := m.net
	n.mu.Lock()
	defer n.mu.Unlock()
	o := n.nodes[from]
	if o == nil || o.j == nil || n.cut[[2]journal.NodeID{m.id, from}] {
		return nil, errors.New("no way to the node")
	}
	r, w := io.Pipe()
	j := o.j
	go func() { _ = w.CloseWithError(j.ServeBulk(ctx, w, request)) }()
	return r, nil
}

// create makes a partition with replicas on the nodes given, of which the first one leads it.
func (n *network) create(p journal.Partition, nodes ...journal.NodeID) {
	n.t.Helper()
	j := n.node(nodes[0]).j
	if err := j.Create(n.t.Context(), p); err != nil {
		n.t.Fatal(err)
	}
	if err := j.Reconfigure(n.t.Context(), p, nodes); err != nil {
		n.t.Fatal(err)
	}
}

// leader waits until one of the nodes is known to all of them to lead p, and returns it.
func (n *network) leader(p journal.Partition, nodes ...journal.NodeID) *member {
	n.t.Helper()
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(time.Millisecond) {
		var leader journal.NodeID
		agree := true
		for _, id := range nodes {
			s, err := n.node(id).j.Status(p)
			agree = agree && err == nil && s.Leader != 0 && (leader == 0 || leader == s.Leader)
			leader = s.Leader
		}
		if agree && slices.Contains(nodes, leader) {
			return n.node(leader)
		}
	}
	n.t.Fatalf("nodes %v do not agree on a leader of %s", nodes, p)
	return nil
}
