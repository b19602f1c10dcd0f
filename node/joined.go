package node

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/bus/natsbus"
	"github.com/tutti-rt/tutti/bus/ownerbus"
	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/cluster/control"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
	"github.com/tutti-rt/tutti/online"
	"github.com/tutti-rt/tutti/peer"
	"github.com/tutti-rt/tutti/state"
)

// Channels of the mesh.
const (
	channelLog      = 0 // the journals of nodes
	channelRegistry = 1 // who has learned what of the cluster
)

// serviceBulk is what a mesh calls the journal's answers of any size.
const serviceBulk = "journal"

// joined is what a node of a cluster has that one alone has not.
type joined struct {
	c     *Cluster
	dir   string // of the journal and of who the node is
	admin string // the operator's address
	log   *slog.Logger

	self     cluster.Node
	listener net.Listener
	identity *control.Identity
	mesh     *peer.Mesh
	server   *natsbus.Server // nil: the bus is an external one
	nats     *natsbus.Bus
	router   *ownerbus.Bus
	follower *control.Follower // of an edge alone; else nil, and there are
	journal  *diskjournal.Journal
	member   *control.Member
	registry cluster.Registry                 // as it was known when the node started
	learned  atomic.Pointer[cluster.Registry] // what has been learned since
	state    *state.Node
	lost     chan string // holds one word of what the journal lacks that it has acknowledged

	majority atomic.Bool // it has been reached
	closers  []func() error
}

// join brings the node into its cluster, or founds one, and opens what the parts need. The caller calls close, also after an error.
func (n *Node) join(ctx context.Context) (*joined, error) {
	j := &joined{c: n.c.Cluster, dir: n.c.Data, admin: n.c.Admin, log: n.c.Logger, lost: make(chan string, 1)}
	ctx, cancel := context.WithTimeout(ctx, j.c.JoinTime)
	defer cancel()
	steps := []func(context.Context) error{j.listen, j.enter, n.openReplicas(j), n.openBus(j), n.takePart(j)}
	if !j.c.State {
		steps = []func(context.Context) error{j.find, n.openBus(j)}
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return j, err
		}
	}
	return j, nil
}

func (j *joined) closes(f func() error) { j.closers = append(j.closers, f) }

// close releases what join has opened, the last first.
func (j *joined) close() error {
	var errs []error
	for i := len(j.closers) - 1; i >= 0; i-- {
		errs = append(errs, j.closers[i]())
	}
	return errors.Join(errs...)
}

// listen opens the listener for other nodes, and says how they reach this one.
func (j *joined) listen(ctx context.Context) (err error) {
	if j.listener = j.c.Listener; j.listener == nil {
		if j.listener, err = listen(ctx, j.c.Listen); err != nil {
			return err
		}
	}
	j.closes(func() error {
		if err := j.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	address, err := reached(j.c.Advertise, j.listener.Addr())
	if err != nil {
		return err
	}
	host, _, _ := net.SplitHostPort(address)
	routes := j.c.RouteAdvertise
	if routes == "" {
		_, port, err := net.SplitHostPort(j.c.RouteListen)
		if err != nil {
			return fmt.Errorf("node: --nats-listen: %w", err)
		}
		routes = net.JoinHostPort(host, port)
	}
	j.self = j.c.member(address, routes)
	j.self.Operator, err = j.c.operatorAt(j.admin, host)
	return err
}

// credentials returns what the node shows to others, id 0 while it is no member.
func (j *joined) credentials(id journal.NodeID) (*peer.Credentials, error) {
	if j.c.Files != nil {
		files := *j.c.Files
		files.Logger = cmp.Or(files.Logger, j.log)
		return peer.FromFiles(files)
	}
	return peer.FromSecret(j.c.Secret, peer.Identity{Node: id, Name: j.c.Node})
}

// stranger returns a mesh of a node that is no member (yet), which can only ask.
func (j *joined) stranger() (*peer.Mesh, error) {
	credentials, err := j.credentials(0)
	if err != nil {
		return nil, err
	}
	return peer.New(peer.Config{Cluster: j.c.Name, Name: j.c.Node, Credentials: credentials, Logger: j.log})
}

// asks returns what calls the node at an address. That it is of another cluster is a refusal for good.
func asks(mesh *peer.Mesh) func(ctx context.Context, address, service string, request []byte) ([]byte, error) {
	return func(ctx context.Context, address, service string, request []byte) ([]byte, error) {
		answer, err := mesh.CallAt(ctx, address, service, request)
		if refused, ok := errors.AsType[*peer.Refusal](err); ok && refused.Reason == peer.ReasonCluster {
			return nil, &control.Refusal{Code: cluster.CodeOtherCluster, Message: refused.Text}
		}
		return answer, err
	}
}

// enter finds out who the node is.
func (j *joined) enter(ctx context.Context) error {
	mesh, err := j.stranger()
	if err != nil {
		return err
	}
	j.identity, err = control.Enter(ctx, control.Entry{
		Dir: j.dir, Cluster: j.c.Name, Node: j.self, Seeds: j.c.Join, Call: asks(mesh), Logger: j.log,
	})
	if err != nil {
		return err
	}
	j.registry, _ = j.identity.Registry()
	return nil
}

// find finds the cluster of an edge alone.
func (j *joined) find(ctx context.Context) (err error) {
	mesh, err := j.stranger()
	if err != nil {
		return err
	}
	j.follower = &control.Follower{
		Cluster: j.c.Name, Name: j.c.Node, Version: Version(), Seeds: j.c.Join, Call: asks(mesh), Changed: j.learn, Logger: j.log,
	}
	j.registry, err = j.follower.Find(ctx)
	return err
}

// peers are the other nodes, as the journal needs them.
type peers struct{ mesh *peer.Mesh }

var _ diskjournal.Peers = peers{}

func (p peers) Send(to journal.NodeID, frame []byte) bool { return p.mesh.Send(to, channelLog, frame) }

func (p peers) Fetch(ctx context.Context, from journal.NodeID, request []byte) (io.ReadCloser, error) {
	return p.mesh.Open(ctx, from, serviceBulk, request)
}

// openReplicas opens the journal, and the mesh that joins it to those of other nodes.
func (n *Node) openReplicas(j *joined) func(context.Context) error {
	return func(context.Context) error {
		credentials, err := j.credentials(j.identity.Node())
		if err != nil {
			return err
		}
		j.mesh, err = peer.New(peer.Config{
			Cluster: j.c.Name, Name: j.c.Node, Node: j.identity.Node(), Listener: j.listener, Credentials: credentials, Logger: j.log,
		})
		if err != nil {
			return err
		}
		c := n.c.Disk
		c.Logger, c.ID, c.Cluster = j.log, j.identity.Journal(), &diskjournal.Cluster{
			Node: j.identity.Node(), Peers: peers{j.mesh}, Lost: j.lacks,
		}
		if j.journal, err = diskjournal.Open(n.c.Data, c); err != nil {
			return err
		}
		j.closes(func() error {
			if err := j.journal.Close(); err != nil {
				return fmt.Errorf("close journal: %w", err)
			}
			return nil
		})
		j.mesh.Handle(channelLog, j.journal.Deliver)
		j.mesh.Serve(serviceBulk, func(ctx context.Context, _ journal.NodeID, request []byte, w io.Writer) error {
			return j.journal.ServeBulk(ctx, w, request)
		})
		return nil
	}
}

// lacks takes word that the journal does not have what this node has acknowledged.
func (j *joined) lacks(p journal.Partition, has, had journal.Offset) {
	select {
	case j.lost <- fmt.Sprintf("node %q has acknowledged offset %d of %s, the directory ends at %d", j.c.Node, had, p, has):
	default: // one word is enough
	}
}

// remember ends the node once its directory turns out to be an old copy.
func (j *joined) remember(ctx context.Context) error {
	select {
	case why := <-j.lost:
		return j.identity.Condemn(why)
	case <-ctx.Done():
		return nil
	}
}

// openBus opens the bus between nodes and, around it, the one that knows owners.
func (n *Node) openBus(j *joined) func(context.Context) error {
	return func(context.Context) (err error) {
		lanes := lanesOf(n.c.Categories)
		c := natsbus.Config{URL: j.c.NATS, Cluster: j.busName(), Lanes: lanes, Secret: j.c.Secret, Logger: j.log}
		if j.c.NATS == "" {
			credentials, err := j.credentials(j.id())
			if err != nil {
				return err
			}
			j.server, err = natsbus.Serve(natsbus.ServerConfig{
				Cluster: c.Cluster, Name: j.c.Node, Lanes: lanes, Secret: j.c.Secret, RouteListen: j.c.RouteListen, RouteAdvertise: j.self.Routes,
				Routes: j.routes(), TLS: credentials.TLS(), Logger: j.log,
			})
			if err != nil {
				return err
			}
			j.closes(func() error { j.server.Close(); return nil })
			c = natsbus.Config{Server: j.server, Logger: j.log}
		}
		if j.nats, err = natsbus.Open(c); err != nil {
			return err
		}
		j.router, err = ownerbus.New(ownerbus.Config{
			Bus: j.nats, Node: j.c.Node, Term: j.term, Knows: j.mayOwn, Reaches: j.reaches, Logger: j.log,
		})
		if err != nil {
			return errors.Join(err, j.nats.Close())
		}
		j.closes(j.router.Close) // closes the bus below as well
		n.c.Bus, n.c.Name = j.router, j.c.Node
		return nil
	}
}

// busName returns what the cluster is called on the bus. It tells the cluster from another one of that name: a founder that has lost its disk
// and starts with nobody to join would found one, and announce what it owns there.
func (j *joined) busName() string {
	id := j.registry.Journal
	if j.journal != nil {
		id = j.journal.ID()
	}
	sum := sha256.Sum256([]byte(j.c.Name + "/" + id))
	return fmt.Sprintf("%.15s-%x", j.c.Name, sum[:8])
}

// id returns the node's ID, 0 for an edge alone.
func (j *joined) id() journal.NodeID {
	if j.identity == nil {
		return 0
	}
	return j.identity.Node()
}

// mayOwn reports whether a node may own partitions, as far as is known. An edge alone hears of new nodes too late to tell.
func (j *joined) mayOwn(node string) bool {
	if j.identity == nil {
		return true
	}
	r, _ := j.identity.Registry()
	n := r.Named(node)
	return n != nil && n.State
}

// term returns the term in which this node leads a partition, 0 where it does not any more: a claim in the term of another leader would last.
func (j *joined) term(pool string, number int) uint64 {
	if j.journal == nil {
		return 0
	}
	s, err := j.journal.Status(journal.Partition{Pool: pool, Number: number})
	if err != nil || s.Leader != j.journal.Node() {
		return 0
	}
	return s.Term
}

// takePart makes the node a member.
func (n *Node) takePart(j *joined) func(context.Context) error {
	return func(context.Context) (err error) {
		j.member, err = control.New(control.Config{
			Identity: j.identity, Node: j.self, Journal: j.journal, Bus: j.router, Mesh: j.mesh, Channel: channelRegistry, Pools: n.pools(),
			Changed: j.learn, HandOver: func(ctx context.Context, p journal.Partition, to journal.NodeID) error {
				return j.state.HandOver(ctx, p, to)
			},
			Version: Version(), Logger: j.log,
		})
		if err != nil {
			return err
		}
		j.mesh.Handle(channelRegistry, j.member.Hear)
		j.mesh.Watch(func(id journal.NodeID, up bool) {
			if !up {
				j.journal.Down(id)
				if r, _ := j.identity.Registry(); r.Node(id) != nil {
					j.router.Gone(r.Node(id).Name)
				}
			}
			j.member.Reached(id, up)
		})
		members, anyone := j.member.Services()
		for name, s := range members {
			j.mesh.Serve(name, peer.Service(s))
		}
		for name, s := range anyone {
			j.mesh.ServeAnyone(name, peer.Service(s))
		}
		return nil
	}
}

// pools returns those of the node's categories, and how many partitions each has.
func (n *Node) pools() map[string]int {
	pools := make(map[string]int)
	for _, c := range n.ownCategories() {
		pools[c.Untyped().Options.WithDefaults().Pool] = n.partitions()
	}
	return pools
}

// lanesOf returns the lanes that categories are on.
func lanesOf(categories []*tutti.Category) []string {
	seen := map[string]bool{"default": true, online.Lane: true}
	lanes := []string{"default", online.Lane}
	for _, c := range categories {
		if lane := c.Untyped().Options.WithDefaults().Lane; !seen[lane] {
			seen[lane] = true
			lanes = append(lanes, lane)
		}
	}
	return lanes
}

// routes returns where the buses of the other nodes are reached.
func (j *joined) routes() []string {
	var all []string
	for i := range j.registry.Nodes {
		if n := &j.registry.Nodes[i]; n.Routes != "" && n.Name != j.c.Node {
			all = append(all, n.Routes)
		}
	}
	return all
}
