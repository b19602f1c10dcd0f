package control

import (
	"context"
	"fmt"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
)

// lookAgain is the pause before others are asked once more whether a process that was this node has gone.
const lookAgain = 100 * time.Millisecond

// look asks the others whether this node is still one of the cluster, whether its directory is the newest, and whether no other process is
// the node: one that has just ended may not be missed yet. Where nobody answers, all is believed to be well.
func (e *Entry) look(ctx context.Context, id *Identity) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	was := journal.NodeID(0)
	for {
		up, err := e.lookOnce(ctx, id)
		if err == nil {
			err = id.stale()
		}
		if up == 0 && ctx.Err() != nil {
			up = was // there was no time left for answers
		}
		if err != nil || up == 0 {
			return err
		}
		was = up
		if pause(ctx, lookAgain) != nil {
			return fmt.Errorf("%w: node %d is connected with node %d %q", ErrTwice, up, id.Node(), id.Name())
		}
	}
}

// lookOnce learns what the others know of the cluster, and returns one that is connected with a process that is this node.
func (e *Entry) lookOnce(ctx context.Context, id *Identity) (up journal.NodeID, err error) {
	registry, revision := id.Registry()
	type told struct {
		by journal.NodeID
		news
		err error
	}
	answers := make(chan told, len(registry.Nodes))
	asked := 0
	for _, n := range registry.Nodes {
		if n.ID == id.Node() || asked == 16 {
			continue
		}
		asked++
		go func() {
			got := told{by: n.ID}
			got.err = ask(ctx, e.at(n.Address, lookTime), serviceRegistry, wanted{Have: revision, Node: id.Node()}, &got.news)
			answers <- got
		}()
	}
	for heard := 0; asked > 0 && 2*heard <= len(registry.Nodes); asked-- {
		got := <-answers // each comes before ctx ends, or soon after
		if got.err != nil {
			continue
		}
		heard++
		if got.Up {
			up = got.by
		}
		if _, known := id.Registry(); got.Revision > known && id.accepts(&got.Registry) == nil {
			if err := id.learn(got.Registry, got.Revision); err != nil {
				return 0, err
			}
		}
	}
	return up, nil
}

// accepts returns why a registry cannot be that of the node's cluster.
func (i *Identity) accepts(r *cluster.Registry) error {
	d := i.read()
	if r.Cluster != d.Cluster || d.Journal != "" && r.Journal != d.Journal {
		return fmt.Errorf("%w: the registry is of cluster %q", ErrForeign, r.Cluster)
	}
	return r.Check()
}

// learn stores a newer registry.
func (i *Identity) learn(r cluster.Registry, revision uint64) error {
	return i.change(func(d *identityData) { d.Registry, d.Revision = r, revision })
}

// stale returns ErrStale when the node is none of the registry that it knows, and ErrOutdated when that knows of starts that the
// directory does not.
func (i *Identity) stale() error {
	d := i.read()
	if d.Revision == 0 || d.Node == 0 || d.Registry.Last < d.Node {
		return nil // the registry is of a time before the node
	}
	if n := d.Registry.Node(d.Node); n == nil || n.Name != d.Name {
		return fmt.Errorf("%w: node %d %q of cluster %s: to join again, start it with an empty directory", ErrStale, d.Node, d.Name, d.Cluster)
	} else if n.Starts > d.Starts {
		return i.Condemn(fmt.Sprintf("node %q has started %d times, the directory knows of %d", d.Name, n.Starts, d.Starts))
	}
	return nil
}

// news is a registry that somebody lacks, and wanted asks for it.
type (
	news struct {
		Revision uint64           `json:"revision"`
		Registry cluster.Registry `json:"registry,omitzero"` // empty if whoever asks has it
		Up       bool             `json:"up,omitempty"`      // a process is connected that is the node that asks
	}
	wanted struct {
		Have uint64 `json:"have"`
		// Node is who is about to start, as its directory says.
		Node journal.NodeID `json:"node,omitempty"`
		Edge *Edge          `json:"edge,omitempty"` // of a node that is no member: who it is
	}
)

// Edge is a node that holds nothing and is no member: edges come and go, and the registry does not know them.
type Edge struct {
	Name     string         `json:"name"`
	Instance string         `json:"instance"` // another one each time it starts
	Version  string         `json:"version,omitempty"`
	Started  time.Time      `json:"started,omitzero"`
	Heard    time.Time      `json:"heard,omitzero"` // when the node that tells heard from it last
	By       journal.NodeID `json:"by,omitempty"`   // that node
}
