package control

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"
	"time"

	"github.com/tutti-rt/tutti/cluster"
)

// followEvery is how often a follower asks for the registry.
const followEvery = 10 * time.Second

// ErrReplaced means that another edge of the same name has started since.
var ErrReplaced = errors.New("control: another edge has this name")

// Follower is a node that holds no data: an edge alone. It is no member and leaves nothing behind; it asks members who is one, and they
// remember for half a minute that it is there. Of two with one name, that which started first ends.
type Follower struct {
	Cluster, Name, Version string
	// Seeds are addresses of members to ask first.
	Seeds []string
	// Call asks the node at an address.
	Call func(ctx context.Context, address, service string, request []byte) ([]byte, error)
	// Changed is called with each registry that it learns, one call at a time and in order.
	Changed func(r cluster.Registry)
	Logger  *slog.Logger // nil discards

	self     Edge
	registry cluster.Registry
	revision uint64
}

// Find returns the registry once a member has told it, for which it waits as long as ctx allows.
func (f *Follower) Find(ctx context.Context) (cluster.Registry, error) {
	if !cluster.ValidName(f.Cluster) || !cluster.ValidName(f.Name) || len(f.Seeds) == 0 {
		return cluster.Registry{}, errors.New("control: an edge alone needs the name of its cluster, one of its own, and addresses of members")
	}
	if f.Logger == nil {
		f.Logger = slog.New(slog.DiscardHandler)
	}
	f.self = Edge{Name: f.Name, Instance: rand.Text(), Version: f.Version, Started: time.Now()}
	for wait := firstRetry; f.revision == 0; wait = min(2*wait, lastRetry) {
		err := f.look(ctx)
		if err == nil {
			break
		}
		if errors.Is(err, ErrForeign) || errors.Is(err, ErrReplaced) || hasCode(err, cluster.CodeOtherCluster) {
			return cluster.Registry{}, fmt.Errorf("find cluster %s: %w", f.Cluster, err)
		}
		f.Logger.Warn("no member found yet", "err", err)
		if late := pause(ctx, wait); late != nil {
			return cluster.Registry{}, fmt.Errorf("find cluster %s: %w: %w", f.Cluster, late, err)
		}
	}
	return f.registry, nil
}

// Run asks again and again, after Find, until ctx is done. It returns ErrReplaced when another edge has the name.
func (f *Follower) Run(ctx context.Context) error {
	for {
		if err := pause(ctx, followEvery); err != nil {
			return nil
		}
		before := f.revision
		switch err := f.look(ctx); {
		case errors.Is(err, ErrReplaced):
			return err
		case err != nil && ctx.Err() == nil:
			f.Logger.Warn("no member answers", "err", err)
		case f.revision > before && f.Changed != nil:
			f.Changed(f.registry)
		}
	}
}

// look asks one member after the other, until one answers: first the one that the name leads to, so that two of one name meet.
func (f *Follower) look(ctx context.Context) error {
	err := errors.New("no member is known")
	for _, address := range f.addresses() {
		var got news
		err = f.ask(ctx, address, &got)
		switch {
		case hasCode(err, cluster.CodeNameTaken):
			return fmt.Errorf("%w: %s", ErrReplaced, f.Name)
		case err != nil:
			continue
		case got.Revision <= f.revision:
			return nil
		case got.Registry.Cluster != f.Cluster:
			return fmt.Errorf("%w: %s is of cluster %q", ErrForeign, address, got.Registry.Cluster)
		}
		if err = got.Registry.Check(); err != nil {
			continue
		}
		f.registry, f.revision = got.Registry, got.Revision
		return nil
	}
	return err
}

func (f *Follower) ask(ctx context.Context, address string, got *news) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	return ask(ctx, func(ctx context.Context, service string, request []byte) ([]byte, error) {
		return f.Call(ctx, address, service, request)
	}, serviceRegistry, wanted{Have: f.revision, Edge: &f.self}, got)
}

// addresses returns those to ask, in order.
func (f *Follower) addresses() []string {
	all := make([]string, 0, len(f.registry.Nodes)+len(f.Seeds))
	for i := range f.registry.Nodes {
		all = append(all, f.registry.Nodes[i].Address)
	}
	distance := func(address string) uint64 {
		h := fnv.New64a()
		h.Write([]byte(f.Name + " " + address))
		return h.Sum64()
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Compare(distance(a), distance(b)) })
	for _, seed := range f.Seeds {
		if !slices.Contains(all, seed) {
			all = append(all, seed)
		}
	}
	return all
}
