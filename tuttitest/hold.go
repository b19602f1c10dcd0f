package tuttitest

import (
	"context"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
)

// HoldAppends makes the journal's disk stand still: nothing becomes durable until release is called.
// Whatever waits for it when the node crashes is never stored. It takes the place of [Platform.Inject].
func (p *Platform) HoldAppends() (release func()) {
	p.mu.Lock()
	if p.held == nil {
		p.held = make(chan struct{})
	}
	held := p.held
	p.mu.Unlock()
	p.Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault {
		<-held
		return memjournal.Fault{}
	}})
	return p.release
}

// release ends HoldAppends.
func (p *Platform) release() {
	p.mu.Lock()
	held := p.held
	p.held = nil
	p.mu.Unlock()
	if held != nil {
		p.Inject(memjournal.Faults{})
		close(held)
	}
}
