package node

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// A node that ends hands its partitions over for yieldTime before its clients go, and tries once more for leaveTime afterwards. Others
// take over what is left when it has gone.
const (
	yieldTime = 2 * time.Second
	leaveTime = time.Second
)

// runJoined is Run for a node of a cluster.
func (n *Node) runJoined(ctx context.Context) (err error) {
	j, err := n.join(ctx)
	defer func() { err = errors.Join(err, j.close()) }()
	if err != nil {
		if ctx.Err() != nil {
			return nil // it was told to end before it had begun
		}
		return err
	}
	p := &parts{Node: n, joined: j}
	journalID := j.registry.Journal
	if n.c.Replicas == nil {
		n.c.Replicas = j.operators
	}
	if j.journal == nil {
		err = p.follow(nil)
	} else if err = p.own(j.journal); err == nil {
		j.state, journalID = p.state, j.journal.ID()
		n.mirror = p.state.Mirror
	}
	if err != nil {
		return err
	}
	n.elsewhere = j.elsewhere
	if err := n.makeParts(); err != nil {
		return err
	}
	n.edge.Share(n.shared(journalID))
	if err := n.register(j.metrics()...); err != nil {
		return err
	}
	return p.run(ctx)
}

// begin begins what state node and edge need. The caller stops what it returns.
func (j *joined) begin(n *Node, begin func(string, func(context.Context) error)) *firstOwners {
	owners := j.firstOwners(n) // before the search: of each owner it is told once
	begin("search for owners", j.router.Run)
	if j.follower != nil {
		begin("search for members", j.follower.Run)
		return owners
	}
	begin("connections between nodes", j.mesh.Run)
	begin("replicas", j.journal.Run)
	begin("memory of what was promised", j.remember)
	s := &silence{
		nodes: j.nodes, heard: j.router.Heard, log: j.log,
		up: func(id journal.NodeID) bool { return id != j.journal.Node() && j.mesh.Up(id) },
	}
	begin("silence on the bus", s.run)
	return owners
}

// takeOver takes part in the cluster, and waits until every partition has an owner somewhere.
func (j *joined) takeOver(ctx context.Context, owners *firstOwners, begin func(string, func(context.Context) error)) error {
	if j.member != nil {
		begin("membership", j.member.Run)
		begin("hand-over", j.handOver)
	}
	return owners.wait(ctx, j.log)
}

// handOver waits for the node's end and then has others own what it owns still, or again.
func (j *joined) handOver(ctx context.Context) error {
	<-ctx.Done()
	j.yield(context.WithoutCancel(ctx), leaveTime)
	return nil
}

// yield has others own what this node owns. The links of its edge stay where they are, and follow.
func (j *joined) yield(ctx context.Context, limit time.Duration) {
	if j.state == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	if err := j.state.Drain(ctx); err != nil {
		j.log.Warn("not everything was handed over", "err", err)
		return
	}
	j.log.Info("partitions handed over", "took", time.Since(began))
}

// elsewhere reports whether clients can go to another edge. Where this node is an edge alone there are others like it.
func (j *joined) elsewhere() bool { return j.member == nil || j.member.Elsewhere() }

// first is the partition whose owner does what one node of the cluster does.
func (n *Node) first() journal.Partition {
	pool := cluster.Members.Untyped().Options.WithDefaults().Pool
	return journal.Partition{Pool: pool, Number: wire.Partition(cluster.Members.Name(), cluster.MembersID, n.partitions())}
}

// whileFirst returns what runs f whenever this node leads the first partition, for as long as it does.
func (j *joined) whileFirst(first journal.Partition, f func(context.Context) error) func(context.Context) error {
	if j.journal == nil {
		return func(ctx context.Context) error { <-ctx.Done(); return nil }
	}
	return func(ctx context.Context) error {
		news := make(chan struct{}, 1)
		defer j.journal.Watch(func(p journal.Partition) {
			if p != first {
				return
			}
			select {
			case news <- struct{}{}:
			default: // it will look anyway
			}
		})()
		for {
			if s, err := j.journal.Status(first); err == nil && s.Leader == j.journal.Node() {
				if err := j.during(ctx, first, news, f); err != nil || ctx.Err() != nil {
					return err
				}
			}
			select {
			case <-news:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// during runs f until this node does not lead the partition any more.
func (j *joined) during(ctx context.Context, first journal.Partition, news <-chan struct{}, f func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	for {
		select {
		case err := <-ended:
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("node: %w", err)
		case <-news:
			if s, err := j.journal.Status(first); err != nil || s.Leader != j.journal.Node() {
				cancel()
				<-ended
				return nil
			}
		}
	}
}

// learn takes what is new about the cluster.
func (j *joined) learn(r cluster.Registry) {
	j.learned.Store(&r)
	if j.journal != nil {
		j.journal.SetBulkBytes(int(min(r.Layout.BytesPerSecond(), math.MaxInt)))
	}
	if j.server == nil {
		return
	}
	var routes []string
	for i := range r.Nodes {
		if n := &r.Nodes[i]; n.Routes != "" && n.Name != j.c.Node {
			routes = append(routes, n.Routes)
		}
	}
	if err := j.server.SetRoutes(routes); err != nil {
		j.log.Warn("routes of the bus not changed", "err", err)
	}
}

// nodes returns what is known of the cluster.
func (j *joined) nodes() cluster.Registry {
	if j.identity != nil {
		r, _ := j.identity.Registry()
		return r
	}
	if r := j.learned.Load(); r != nil {
		return *r
	}
	return j.registry
}

// maxHints bounds how many nodes are named to a consumer.
const maxHints = 16

// operators returns where the operators reach the nodes that hold a partition, or are to, and then others that may.
func (j *joined) operators(p journal.Partition) []string {
	r := j.nodes()
	places, _ := r.Place(nil) // an error means that it has no place
	var urls []string
	add := func(n *cluster.Node) {
		if n != nil && n.State && n.Operator != "" && n.Name != j.c.Node && len(urls) < maxHints {
			if url := "http://" + n.Operator; !slices.Contains(urls, url) {
				urls = append(urls, url)
			}
		}
	}
	for _, id := range places[p] {
		add(r.Node(id))
	}
	for i := range r.Nodes {
		add(&r.Nodes[i])
	}
	return urls
}

// reaches reports whether this node reaches a majority of those who hold a partition, or of all nodes if it does not know them. While
// a node starts, it does.
func (j *joined) reaches(pool string, number int) bool {
	if j.mesh == nil {
		return true
	}
	var voters []journal.NodeID
	if s, err := j.journal.Status(journal.Partition{Pool: pool, Number: number}); err == nil {
		voters = s.Voters
	} else {
		r, _ := j.identity.Registry()
		for i := range r.Nodes {
			if r.Nodes[i].State {
				voters = append(voters, r.Nodes[i].ID)
			}
		}
	}
	up := 0
	for _, id := range voters {
		if id == j.journal.Node() || j.mesh.Up(id) {
			up++
		}
	}
	if 2*up > len(voters) {
		j.majority.Store(true)
		return true
	}
	return !j.majority.Load()
}
