package control_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"time"

	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/cluster/control"
	"github.com/tutti-rt/tutti/journal"
)

// simNode is one node and, while it runs, its member.
type simNode struct {
	w       *world
	node    cluster.Node
	dir     string
	seeds   []string
	apart   bool // the others let it in nowhere
	journal *simJournal
	cancel  context.CancelFunc
	ended   chan struct{}
	err     error // of Run

	// The world's mutex guards what follows.
	id      *control.Identity
	member  *control.Member // of the process that runs, or ran last
	up      bool
	downAt  time.Time
	peers   map[journal.NodeID]string
	changed int // registries seen
}

// node declares a node, which start begins.
func (w *world) node(name, region string, seeds ...string) *simNode {
	n := &simNode{
		w: w, dir: filepath.Join(w.dir, name), seeds: seeds,
		node: cluster.Node{Name: name, Address: name + ":1", Edge: true, State: true, Labels: map[string]string{"region": region}},
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nodes[name] = n
	return n
}

// start runs the node, and returns once it knows who it is.
func (n *simNode) start() error {
	ctx, cancel := context.WithCancel(n.w.t.Context())
	id, err := control.Enter(ctx, control.Entry{
		Dir: n.dir, Cluster: "prod", Node: n.node, Seeds: n.seeds, Logger: n.w.log, Call: n.CallAt,
	})
	if err != nil {
		cancel()
		return err
	}
	n.journal = &simJournal{w: n.w, n: n, id: id.Node()}
	its := n.w.bus
	if n.apart {
		its = localbus.New()
	}
	member, err := control.New(control.Config{
		Identity: id, Node: n.node, Journal: n.journal, Bus: its, Mesh: n, Pools: n.w.pools, Logger: n.w.log.With("on", n.node.Name),
		Changed: func(cluster.Registry) {
			n.w.mu.Lock()
			defer n.w.mu.Unlock()
			n.changed++
		},
	})
	if err != nil {
		cancel()
		return err
	}
	n.w.mu.Lock()
	n.id, n.member, n.peers, n.up = id, member, make(map[journal.NodeID]string), true
	n.cancel, n.ended = cancel, make(chan struct{})
	n.w.mu.Unlock()
	go func() {
		defer close(n.ended)
		n.err = member.Run(ctx)
		n.w.down(n)
	}()
	return nil
}

// kill ends the node.
func (n *simNode) kill() {
	if n.cancel == nil {
		return
	}
	n.w.down(n)
	n.cancel()
	<-n.ended
}

// down has the others lose their connections with a node.
func (w *world) down(n *simNode) {
	w.mu.Lock()
	was, id := n.up, n.id.Node()
	n.up, n.downAt = false, time.Now()
	var others []*control.Member
	for _, o := range w.nodes {
		if o != n && o.up && !n.apart && o.peers[id] != "" {
			others = append(others, o.member)
		}
	}
	for _, g := range w.groups {
		if g.leader == id && !n.apart {
			g.leader = 0
		}
	}
	w.mu.Unlock()
	if was {
		for _, o := range others {
			o.Reached(id, false)
		}
	}
}

// at returns the node of an ID that runs. The caller holds w.mu.
func (w *world) at(id journal.NodeID) *simNode {
	for _, n := range w.nodes {
		if n.up && !n.apart && n.id.Node() == id {
			return n
		}
	}
	return nil
}

func (w *world) isUp(id journal.NodeID) bool { return w.at(id) != nil }

// SetPeer connects two nodes once both know each other.
func (n *simNode) SetPeer(id journal.NodeID, address string) {
	n.w.mu.Lock()
	known := n.peers[id] != ""
	n.peers[id] = address
	o := n.w.at(id)
	if !known && o != nil && !n.apart && o.peers[n.id.Node()] != "" {
		n.tell(o, id, true)
	}
	n.w.mu.Unlock()
}

// RemovePeer ends a connection.
func (n *simNode) RemovePeer(id journal.NodeID) {
	n.w.mu.Lock()
	o := n.w.at(id)
	delete(n.peers, id)
	n.tell(o, id, false)
	n.w.mu.Unlock()
}

// tell says to both ends of a connection whether it stands: n, and o, which has the ID, or is nil. The caller holds w.mu.
func (n *simNode) tell(o *simNode, id journal.NodeID, up bool) {
	here, its := n.member, n.id.Node()
	var there *control.Member
	if o != nil {
		there = o.member
	}
	go func() {
		here.Reached(id, up)
		if there != nil {
			there.Reached(its, up)
		}
	}()
}

// linked returns who is at the other end of a connection, or nil, and the ID of this end.
func (n *simNode) linked(id journal.NodeID) (there *control.Member, its journal.NodeID) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	its = n.id.Node()
	o := n.w.at(id)
	if o == nil || !n.up || n.apart || n.peers[id] == "" || o.peers[its] == "" {
		return nil, its
	}
	return o.member, its
}

func (n *simNode) Send(to journal.NodeID, _ uint8, data []byte) bool {
	there, its := n.linked(to)
	if there == nil {
		return false
	}
	go func() { time.Sleep(time.Millisecond); there.Hear(its, data) }()
	return true
}

func (n *simNode) Call(ctx context.Context, to journal.NodeID, service string, request []byte) ([]byte, error) {
	there, its := n.linked(to)
	return call(ctx, there, its, service, request)
}

func (n *simNode) CallAt(ctx context.Context, address, service string, request []byte) ([]byte, error) {
	n.w.mu.Lock()
	var there *control.Member
	for _, other := range n.w.nodes {
		if other.up && other.node.Address == address {
			there = other.member
		}
	}
	n.w.mu.Unlock()
	return call(ctx, there, 0, service, request)
}

func call(ctx context.Context, there *control.Member, from journal.NodeID, service string, request []byte) ([]byte, error) {
	time.Sleep(time.Millisecond)
	if there == nil {
		return nil, errors.New("no connection")
	}
	members, anyone := there.Services()
	serve := anyone[service]
	if serve == nil && from != 0 {
		serve = members[service]
	}
	if serve == nil {
		return nil, errors.New("no such service")
	}
	var out buffer
	if err := serve(ctx, from, request, &out); err != nil {
		return nil, err
	}
	return out.data, nil
}

type buffer struct{ data []byte }

func (b *buffer) Write(p []byte) (int, error) {
	b.data = append(b.data, p...)
	return len(p), nil
}

var _ io.Writer = (*buffer)(nil)
