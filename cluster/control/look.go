package control

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
)

const (
	// lookAgain is the pause before others are asked once more, and how soon whoever is not there says so.
	lookAgain = 100 * time.Millisecond
	// enoughLooks is how many looks in a row have to find nobody who is this node. Connections are lost for a moment where a machine has stood still.
	enoughLooks = 3
	// restTime is how long the others have left in one look once one has answered.
	restTime = lookTime / 3
)

// look asks the others whether this node is still one of the cluster, whether its directory is the newest, and whether no other process is
// the node: one that has just ended may not be missed yet. Where nobody answers, all is believed to be well.
func (e *Entry) look(ctx context.Context, id *Identity) error {
	ctx, sleep := awake(ctx, lookTime)
	defer sleep()
	was := journal.NodeID(0) // who was connected with another process
	calm := 0
	for calm < enoughLooks {
		seen, err := e.lookOnce(ctx, id)
		if err == nil {
			err = id.stale()
		}
		switch {
		case err != nil:
			return err
		case seen.up != 0:
			was, calm = seen.up, 0
		case !seen.late || was != 0 && slices.Contains(seen.heard, was):
			calm++
		}
		if calm < enoughLooks && pause(ctx, lookAgain) != nil {
			break
		}
	}
	if was != 0 && calm < enoughLooks {
		return fmt.Errorf("%w: node %d is connected with node %d %q", ErrTwice, was, id.Node(), id.Name())
	}
	return nil
}

// awake returns a context that ends once this process has run for so long. While it stands still, as its machine may, others cannot answer it:
// that time does not count. The function ends it at once.
func awake(ctx context.Context, d time.Duration) (context.Context, func()) {
	const ticks = 20
	ctx, cancel := context.WithCancel(ctx)
	var counting sync.WaitGroup
	counting.Go(func() {
		defer cancel()
		tick := time.NewTicker(d / ticks)
		defer tick.Stop()
		for range ticks { // one alone comes of all that were due meanwhile
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return ctx, func() {
		cancel()
		counting.Wait()
	}
}

// glance is what others have said.
type glance struct {
	up    journal.NodeID   // is connected with a process that is this node
	heard []journal.NodeID // have answered
	late  bool             // some had no time to say anything, and too few have answered
}

// lookOnce learns what the others know of the cluster. Once one has answered the others have restTime left.
func (e *Entry) lookOnce(ctx context.Context, id *Identity) (glance, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	registry, revision := id.Registry()
	type told struct {
		by journal.NodeID
		news
		took time.Duration
		err  error
	}
	answers := make(chan told, len(registry.Nodes))
	asked := 0
	for _, n := range registry.Nodes {
		if n.ID == id.Node() || asked == 16 {
			continue
		}
		asked++
		go func() {
			began, got := time.Now(), told{by: n.ID}
			got.err = ask(ctx, e.at(n.Address, lookTime), serviceRegistry, wanted{Have: revision, Node: id.Node()}, &got.news)
			got.took = time.Since(began)
			answers <- got
		}()
	}
	var seen glance
	for ; asked > 0; asked-- {
		got := <-answers // each comes before ctx ends, or soon after
		if got.err != nil {
			seen.late = seen.late || got.took >= lookAgain || ctx.Err() != nil
			continue
		}
		if seen.heard = append(seen.heard, got.by); len(seen.heard) == 1 {
			defer time.AfterFunc(restTime, cancel).Stop()
		}
		if got.Up {
			seen.up = got.by
		}
		if _, known := id.Registry(); got.Revision > known && id.accepts(&got.Registry) == nil {
			if err := id.learn(got.Registry, got.Revision); err != nil {
				return glance{}, err
			}
		}
		if 2*len(seen.heard) > len(registry.Nodes) {
			seen.late = false
			break
		}
	}
	return seen, nil
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
