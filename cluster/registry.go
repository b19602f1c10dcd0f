package cluster

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/journal"
)

// Members is the entity that knows the nodes of a cluster: one of the platform's own, durable and owned like any other, which
// clients cannot address. Its only ID is MembersID, its state a Registry.
var Members = tutti.NewCategory("tutti-cluster",
	tutti.OnCommand(found, tutti.Name("found")),
	tutti.OnCommand(join, tutti.Name("join")),
	tutti.OnCommand(report, tutti.Name("report")),
	tutti.OnCommand(drain, tutti.Name("drain")),
	tutti.OnCommand(remove, tutti.Name("remove")),
	tutti.OnCommand(apply, tutti.Name("apply")),
	tutti.OnCommand(lay, tutti.Name("lay")),
	tutti.OnCommand(finish, tutti.Name("finish")),
	tutti.OnEvent(func(r *Registry, e Founded) { *r = Registry{Cluster: e.Cluster, Journal: e.Journal} }, tutti.Name("founded")),
	tutti.OnEvent((*Registry).put, tutti.Name("joined")),
	tutti.OnEvent((*Registry).drop, tutti.Name("removed")),
	tutti.OnEvent(func(r *Registry, e Applied) { r.Layout = e.Layout }, tutti.Name("applied")),
	tutti.OnEvent((*Registry).putPool, tutti.Name("laid")),
	tutti.OnEvent((*Registry).finishPool, tutti.Name("finished")),
)

// MembersID is the ID of the only entity of Members.
const MembersID = "all"

// Codes with which its commands are rejected.
const (
	CodeNoCluster     = "no_cluster"      // it has not been founded
	CodeOtherCluster  = "other_cluster"   // it has another name, or another journal
	CodeNameTaken     = "name_taken"      // another node has that name
	CodeUnknownNode   = "unknown_node"    // no node of that ID or name, or no more
	CodeOldDisk       = "old_disk"        // the node has started since from another copy of its disk
	CodeCannotPlace   = "cannot_place"    // the layout cannot be satisfied then
	CodeOtherLayout   = "other_layout"    // the pool was made with another number of partitions
	CodeInvalid       = "invalid"         // a mistake in what was said
	CodeClusterIsFull = "cluster_is_full" // as many nodes as may
)

// MaxNodes bounds a cluster.
const MaxNodes = 1000

// Registry is what is known of a cluster: its nodes, its pools and how they are laid out.
type Registry struct {
	Cluster string         `json:"cluster"`
	Journal string         `json:"journal"` // the ID that the journals of all nodes have
	Nodes   []Node         `json:"nodes"`   // by ID
	Last    journal.NodeID `json:"last"`    // the highest ID that was given; none is given twice
	Layout  Layout         `json:"layout"`
	Pools   []Pool         `json:"pools"` // by name
	// Keys are those with which nodes have joined, by ID, so that one whose answer was lost joins once.
	Keys map[journal.NodeID]string `json:"keys,omitempty"`
}

// Found begins a cluster with its first node, whose journal names it. A cluster that was founded so stays as it is. The reply
// is the Node.
type Found struct {
	Cluster, Journal string
	Node             Node
}

// Join brings a new node, and gives it an ID; with the same Key and name again, the same. The reply is Welcome.
type Join struct {
	Cluster string
	Key     string // made at random by the node, 16 bytes at least
	Node    Node
}

// Welcome is what a node that joins is told.
type Welcome struct {
	Node     Node     `json:"node"`
	Registry Registry `json:"registry"`
}

// Report says how a node that has joined is now: addresses, labels, weight, roles, start. Name and Draining stay. It is refused once the node
// has started since, from another copy of its disk: what this one has promised to others since is not known here.
type Report struct{ Node Node }

// Drain has a node hold nothing, or take part again.
type Drain struct {
	Name string
	On   bool
}

// Remove takes a node out of the cluster, whether it runs or not. Its ID is never given again.
type Remove struct{ Name string }

// Apply puts another layout in place of the present one.
type Apply struct{ Layout Layout }

// Founded is what Found stored.
type Founded struct{ Cluster, Journal string }

// Joined is a node as it is from then on.
type Joined struct {
	Node Node
	Key  string
}

// Removed is a node that is none any more.
type Removed struct{ ID journal.NodeID }

// Applied is the layout from then on.
type Applied struct{ Layout Layout }

func found(t *tutti.Turn[Registry], c Found) error {
	r := t.State()
	c.Node.ID, c.Node.Draining = 1, false
	switch err := c.Node.Check(); {
	case err != nil:
		return tutti.Reject(CodeInvalid, err.Error())
	case r.Cluster == "" && (c.Cluster == "" || c.Journal == ""):
		return tutti.Reject(CodeInvalid, "a cluster has a name and a journal")
	case r.Cluster == "":
		t.Emit(Founded{c.Cluster, c.Journal})
		t.Emit(Joined{Node: c.Node})
		t.Reply(c.Node)
	case r.Cluster != c.Cluster || r.Journal != c.Journal:
		return otherCluster(r)
	default:
		n := r.Node(1)
		if n == nil {
			return tutti.Reject(CodeUnknownNode, "the node that founded the cluster was removed from it")
		}
		t.Reply(*n)
	}
	return nil
}

func otherCluster(r *Registry) error {
	return tutti.Reject(CodeOtherCluster, "this is cluster "+r.Cluster)
}

func join(t *tutti.Turn[Registry], c Join) error {
	r := t.State()
	c.Node.Draining = false
	err := c.Node.Check()
	switch {
	case r.Cluster == "":
		return tutti.Reject(CodeNoCluster, "the cluster has not been founded")
	case r.Cluster != c.Cluster:
		return otherCluster(r)
	case err != nil:
		return tutti.Reject(CodeInvalid, err.Error())
	case len(c.Key) < 16 || len(c.Key) > 64:
		return tutti.Reject(CodeInvalid, "key has to be 16 to 64 bytes")
	}
	if n := r.Named(c.Node.Name); n != nil {
		if r.Keys[n.ID] != c.Key {
			return tutti.Reject(CodeNameTaken, "there is a node "+n.Name+" already: remove it first, or take another name")
		}
		if !c.Node.follows(n) {
			return oldDisk(&c.Node, n)
		}
		t.Reply(Welcome{*n, r.Public()})
		return nil
	}
	if len(r.Nodes) >= MaxNodes {
		return tutti.Reject(CodeClusterIsFull, "as many nodes as may have joined")
	}
	c.Node.ID = r.Last + 1
	t.Emit(Joined{c.Node, c.Key})
	t.ReplyWith(func(r *Registry) any { return Welcome{c.Node, r.Public()} })
	return nil
}

func report(t *tutti.Turn[Registry], c Report) error {
	r := t.State()
	n := r.Node(c.Node.ID)
	if n == nil || n.Name != c.Node.Name {
		return tutti.Reject(CodeUnknownNode, "the cluster has no such node: it was removed, or its disk is of another one")
	}
	if err := c.Node.Check(); err != nil {
		return tutti.Reject(CodeInvalid, err.Error())
	}
	if !c.Node.follows(n) {
		return oldDisk(&c.Node, n)
	}
	c.Node.Draining = n.Draining
	if !n.equal(&c.Node) {
		t.Emit(Joined{c.Node, r.Keys[n.ID]})
	}
	return nil
}

func oldDisk(n, before *Node) error {
	return tutti.Reject(CodeOldDisk, fmt.Sprintf("node %s has started %d times, and this is start %d by its disk: the disk is a copy, and another one was started since",
		n.Name, before.Starts, n.Starts))
}

func drain(t *tutti.Turn[Registry], c Drain) error {
	r := t.State()
	n := r.Named(c.Name)
	if n == nil {
		return tutti.Reject(CodeUnknownNode, "the cluster has no node "+c.Name)
	}
	if n.Draining == c.On {
		return nil
	}
	changed := *n
	changed.Draining = c.On
	if err := r.without(n.ID, &changed).placeable(); err != nil {
		return tutti.Reject(CodeCannotPlace, err.Error())
	}
	t.Emit(Joined{changed, r.Keys[n.ID]})
	return nil
}

func remove(t *tutti.Turn[Registry], c Remove) error {
	r := t.State()
	n := r.Named(c.Name)
	if n == nil {
		return tutti.Reject(CodeUnknownNode, "the cluster has no node "+c.Name)
	}
	if err := r.without(n.ID, nil).placeable(); err != nil {
		return tutti.Reject(CodeCannotPlace, err.Error())
	}
	t.Emit(Removed{n.ID})
	return nil
}

func apply(t *tutti.Turn[Registry], c Apply) error {
	if err := c.Layout.Check(); err != nil {
		return tutti.Reject(CodeInvalid, err.Error())
	}
	then := *t.State()
	then.Layout = c.Layout
	if err := then.placeable(); err != nil {
		return tutti.Reject(CodeCannotPlace, err.Error())
	}
	t.Emit(Applied(c))
	return nil
}

// Node returns the node of that ID, or nil.
func (r *Registry) Node(id journal.NodeID) *Node {
	if i, ok := r.find(id); ok {
		return &r.Nodes[i]
	}
	return nil
}

func (r *Registry) find(id journal.NodeID) (int, bool) {
	return slices.BinarySearchFunc(r.Nodes, id, func(n Node, id journal.NodeID) int { return cmp.Compare(n.ID, id) })
}

// Named returns the node of that name, or nil.
func (r *Registry) Named(name string) *Node {
	for i := range r.Nodes {
		if r.Nodes[i].Name == name {
			return &r.Nodes[i]
		}
	}
	return nil
}

// Place returns where all partitions belong that these voters have now: see Layout.PlaceFrom.
func (r *Registry) Place(voters map[journal.Partition][]journal.NodeID) (map[journal.Partition][]journal.NodeID, error) {
	return r.Layout.PlaceFrom(r.Nodes, r.Partitions(), voters)
}

// ReplicasWithout returns how many replicas each partition of a pool is to have without a node.
func (r *Registry) ReplicasWithout(id journal.NodeID, pool string) int {
	c, err := r.Layout.candidates(r.without(id, nil).Nodes, pool)
	if err != nil {
		return 0
	}
	return c.replicas
}

// Public returns r without what nobody needs to know besides the entity.
func (r *Registry) Public() Registry {
	p := *r
	p.Keys = nil
	return p
}

// placeable returns why the pools cannot be placed.
func (r *Registry) placeable() error {
	var firsts []journal.Partition
	for _, pool := range r.Pools {
		firsts = append(firsts, journal.Partition{Pool: pool.Name})
	}
	_, err := r.Layout.Place(r.Nodes, firsts)
	return err
}

// without returns r without a node, or with another one in its place.
func (r *Registry) without(id journal.NodeID, instead *Node) *Registry {
	then := *r
	then.Nodes = slices.DeleteFunc(slices.Clone(r.Nodes), func(n Node) bool { return n.ID == id })
	if instead != nil {
		then.Nodes = append(then.Nodes, *instead)
	}
	return &then
}

func (r *Registry) put(e Joined) {
	i, there := r.find(e.Node.ID)
	if there {
		r.Nodes[i] = e.Node
	} else {
		r.Nodes = slices.Insert(r.Nodes, i, e.Node)
	}
	r.Last = max(r.Last, e.Node.ID)
	if e.Key != "" {
		if r.Keys == nil {
			r.Keys = make(map[journal.NodeID]string)
		}
		r.Keys[e.Node.ID] = e.Key
	}
}

func (r *Registry) drop(e Removed) {
	r.Nodes = slices.DeleteFunc(r.Nodes, func(n Node) bool { return n.ID == e.ID })
	delete(r.Keys, e.ID)
}

func (n *Node) equal(o *Node) bool {
	a, b := *n, *o
	a.Labels, b.Labels = nil, nil
	return a.ID == b.ID && a.Name == b.Name && a.Address == b.Address && a.Routes == b.Routes && a.Operator == b.Operator && a.Edge == b.Edge && a.State == b.State &&
		a.weight() == b.weight() && a.Draining == b.Draining && maps.Equal(n.Labels, o.Labels) &&
		a.Starts == b.Starts && a.Instance == b.Instance
}
