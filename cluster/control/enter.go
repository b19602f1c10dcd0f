package control

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/tutti-rt/tutti/cluster"
)

// Names of what members do for others.
const (
	serviceJoin     = "cluster.join"
	serviceRegistry = "cluster.registry"
)

const (
	firstRetry = 200 * time.Millisecond
	lastRetry  = 5 * time.Second
	callTime   = 5 * time.Second
	lookTime   = 2 * time.Second // for others, by a node that starts and knows whom to ask
)

// Entry is how a node comes into its cluster.
type Entry struct {
	// Dir is the data directory; what else is in it is the journal's.
	Dir string
	// Cluster is its name, Node how this node is to be; ID and Draining do not count.
	Cluster string
	Node    cluster.Node
	// Seeds are the addresses of nodes to join. A node without them founds a cluster, unless it is of one already. They do not count then.
	Seeds []string
	// Call asks the node at an address, whoever it is. The node that asks is no member yet, or may be none any more.
	Call   func(ctx context.Context, address, service string, request []byte) ([]byte, error)
	Logger *slog.Logger // nil discards
}

// Enter returns who the node is: as its directory says; or the first of a new cluster; or one that has joined now, for which it waits as
// long as ctx allows. The error is ErrForeign, ErrStale, ErrOutdated, ErrTwice, ErrDamaged, a *Refusal of the cluster, or of ctx.
func Enter(ctx context.Context, e Entry) (*Identity, error) {
	if e.Logger == nil {
		e.Logger = slog.New(slog.DiscardHandler)
	}
	e.Node.ID, e.Node.Draining, e.Node.Starts, e.Node.Instance = 0, false, 0, ""
	if err := e.Node.Check(); err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	if !cluster.ValidName(e.Cluster) {
		return nil, fmt.Errorf("name of the cluster is %q, allowed are 1 to 32 of a-z 0-9 -, not - first", e.Cluster)
	}
	id, err := readIdentity(e.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		id, err = e.begin()
	case err == nil:
		err = e.belongs(id)
	}
	if err != nil {
		return nil, err
	}
	if id.Node() == 0 {
		if err := id.start(); err != nil {
			return nil, err
		}
		return id, e.join(ctx, id)
	}
	if err := e.look(ctx, id); err != nil {
		return nil, err
	}
	return id, id.start()
}

// start counts one more start. A copy of the directory that is refused counts none, lest it catches up.
func (i *Identity) start() error { return i.change(func(d *identityData) { d.Starts++ }) }

// belongs says whether the directory is this node's.
func (e *Entry) belongs(id *Identity) error {
	switch {
	case id.Cluster() != e.Cluster:
		return fmt.Errorf("%w: %s is of cluster %q, not %q", ErrForeign, e.Dir, id.Cluster(), e.Cluster)
	case id.Name() != e.Node.Name:
		return fmt.Errorf("%w: %s is of node %q, not %q", ErrForeign, e.Dir, id.Name(), e.Node.Name)
	}
	return id.outdated()
}

// begin returns the identity of a node that has none.
func (e *Entry) begin() (*Identity, error) {
	id := &Identity{path: filepath.Join(e.Dir, identityFile), instance: rand.Text()}
	if len(e.Seeds) == 0 {
		return id, id.change(func(d *identityData) { *d = identityData{Cluster: e.Cluster, Name: e.Node.Name, Node: 1} })
	}
	there, err := os.ReadDir(e.Dir)
	if ignoreAbsent(err) != nil {
		return nil, fmt.Errorf("read data directory: %w", err)
	}
	if len(there) > 0 {
		return nil, fmt.Errorf("%w: %s holds data of a node alone, which cannot join another cluster: take an empty directory", ErrForeign, e.Dir)
	}
	// The key is stored before it is used: a node that ends before it has the answer asks again with the same.
	return id, id.change(func(d *identityData) { *d = identityData{Cluster: e.Cluster, Name: e.Node.Name, Key: rand.Text()} })
}

// joining is what a node that joins asks for, and joined the answer.
type (
	joining = cluster.Join
	joined  struct {
		Welcome  cluster.Welcome `json:"welcome"`
		Revision uint64          `json:"revision"`
	}
)

// join asks one seed after the other until one has let the node in.
func (e *Entry) join(ctx context.Context, id *Identity) error {
	if len(e.Seeds) == 0 {
		return fmt.Errorf("node %s has not finished joining cluster %s: it needs addresses of nodes to join", id.Name(), id.Cluster())
	}
	request := joining{Cluster: e.Cluster, Key: id.read().Key, Node: id.started(e.Node)}
	var last error // why the last one that answered has not let it in, or else the last
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		for _, seed := range e.Seeds {
			var got joined
			err := ask(ctx, e.at(seed, callTime), serviceJoin, request, &got)
			if err == nil {
				return e.welcome(id, got)
			}
			if hasCode(err, cluster.CodeOtherCluster, cluster.CodeNameTaken, cluster.CodeInvalid, cluster.CodeClusterIsFull, cluster.CodeCannotPlace, cluster.CodeOldDisk, CodeBadRequest) {
				return fmt.Errorf("join cluster %s at %s: %w", e.Cluster, seed, err)
			}
			if last == nil || ctx.Err() == nil && (!timedOut(err) || timedOut(last)) {
				last = fmt.Errorf("%s: %w", seed, err)
			}
			e.Logger.Warn("not joined yet", "seed", seed, "err", err)
		}
		if err := pause(ctx, wait); err != nil {
			return fmt.Errorf("join cluster %s: %w: %w", e.Cluster, err, last)
		}
	}
}

func (e *Entry) welcome(id *Identity, got joined) error {
	node, registry := got.Welcome.Node, got.Welcome.Registry
	if node.ID == 0 || node.Name != e.Node.Name || registry.Cluster != e.Cluster || registry.Journal == "" {
		return errors.New("join: the answer names another node or cluster")
	}
	return id.change(func(d *identityData) {
		d.Starts++ // a copy that has not joined yet is behind
		d.Node, d.Journal, d.Registry, d.Revision = node.ID, registry.Journal, registry, got.Revision
	})
}

// at returns what calls the services of the node at an address.
func (e *Entry) at(address string, patience time.Duration) caller {
	return func(ctx context.Context, service string, request []byte) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return e.Call(ctx, address, service, request)
	}
}

// Found gives the cluster of a node that founds one the ID of the node's journal. It does nothing for one that joined.
func (i *Identity) Found(journalID string) error {
	switch now := i.Journal(); {
	case now == journalID:
		return nil
	case now != "":
		return fmt.Errorf("%w: the journal is %s, that of the cluster %s", ErrForeign, journalID, now)
	}
	return i.change(func(d *identityData) { d.Journal = journalID })
}

// timedOut reports whether an error says no more than that nobody has answered in time.
func timedOut(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && t.Timeout()
}

// pause waits for d, or until ctx is done.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
