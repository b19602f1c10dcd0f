package soak

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// place is one entity of the load, with what its clients were told.
type place struct {
	category, id string
	peers        []string // ids of all entities of the category
	notes        *notebook

	// floor is the highest revision that anybody was told of: what is asked from now on is answered with at
	// least that.
	floor atomic.Uint64
	busy  atomic.Bool // what was last answered about it says that something is under way

	mu    sync.Mutex
	epoch string
}

func (p *place) name() string { return p.category + "/" + p.id }

// reveal notes that a client has been told of the revision.
func (p *place) reveal(revision uint64) {
	for {
		old := p.floor.Load()
		if revision <= old || p.floor.CompareAndSwap(old, revision) {
			return
		}
	}
}

// sameEpoch checks that the entity's stream never changes its name.
func (p *place) sameEpoch(epoch string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.epoch == "" {
		p.epoch = epoch
	}
	if p.epoch != epoch {
		return fmt.Errorf("epoch %q after %q", epoch, p.epoch)
	}
	return nil
}
