package node

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/bus"
)

// waitsFor is how long a node waits for owners before it says so, and again.
const waitsFor = 10 * time.Second

// firstOwners are those of the partitions of a node's pools, until each has had one.
type firstOwners struct {
	all  chan struct{} // closed then
	stop func()

	mu      sync.Mutex
	missing map[bus.Address]bool
}

// firstOwners begins to look for them. It is not told of owners that the router has told of before.
func (j *joined) firstOwners(n *Node) *firstOwners {
	f := &firstOwners{all: make(chan struct{}), missing: make(map[bus.Address]bool)}
	for pool := range n.pools() {
		for i := range n.partitions() {
			f.missing[bus.Owner(pool, i)] = true
		}
	}
	f.stop = j.router.Owners(f.came)
	return f
}

func (f *firstOwners) came(at bus.Address) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.missing[at] {
		return
	}
	if delete(f.missing, at); len(f.missing) == 0 {
		close(f.all)
	}
}

// wait returns once all have come. While some do not, it says which.
func (f *firstOwners) wait(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(waitsFor)
	defer tick.Stop()
	for {
		select {
		case <-f.all:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			f.mu.Lock()
			some := slices.Sorted(maps.Keys(f.missing))
			f.mu.Unlock()
			log.Warn("the node does not serve yet: partitions have no owner", "partitions", len(some), "first", some[:min(len(some), 4)])
		}
	}
}
