package edge

import (
	"slices"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/wire"
)

// What tells an owner that a link has gone may be lost like anything on the bus. The owner would keep the link, and with it a member, for
// as long as the edge is there. So it is told again when something may have been lost on the way to it, and when it could not be told.

const (
	// departedFor is how long it is remembered that a link has gone: for much longer than it takes until a loss is noticed.
	departedFor = 30 * time.Second
	// maxDeparted bounds how many links are remembered. Beyond, those that went first are forgotten: with 4,000 that go in a second, four
	// seconds remain.
	maxDeparted = 1 << 14
)

// departed are links that have gone lately, the oldest first.
type departed struct {
	mu  sync.Mutex
	all []*departure
}

type departure struct {
	lane  string
	owner bus.Address
	env   *wire.Envelope // what says so
	until int64          // ns since the edge was made
	told  bool           // the bus has taken it; guarded by departed.mu
}

// depart tells the owner of an entity that a link has gone: now, or with the next look where nobody may be there.
func (r *recovery) depart(lane string, owner bus.Address, env *wire.Envelope, now bool) {
	one := &departure{lane: lane, owner: owner, env: env, until: r.edge.now() + int64(departedFor)}
	one.told = now && r.router.Send(lane, owner, env) == nil
	d := &r.departed
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.all) >= maxDeparted {
		d.all = slices.Delete(d.all, 0, maxDeparted/8)
	}
	d.all = append(d.all, one)
}

// departAgain tells the owners at these addresses once more, and those that could not be told before. It belongs to the goroutine of run.
func (r *recovery) departAgain(owners map[bus.Address]bool) {
	sent := r.edge.wall(time.Now()).UnixMicro()
	gone := make(map[bus.Address]bool)
	for _, one := range r.departed.take(r.edge.now(), owners) {
		env := *one.env // which an owner may have
		env.Sent = sent
		if gone[one.owner] || r.router.Send(one.lane, one.owner, &env) != nil {
			gone[one.owner] = true
			r.departed.keep(one)
		}
	}
}

// take returns those that are to be told, as told, and forgets what is over.
func (d *departed) take(now int64, owners map[bus.Address]bool) (again []*departure) {
	d.mu.Lock()
	defer d.mu.Unlock()
	over := 0
	for over < len(d.all) && d.all[over].until <= now {
		over++
	}
	if d.all = slices.Delete(d.all, 0, over); len(d.all) == 0 {
		d.all = nil
	}
	for _, one := range d.all {
		if !one.told || owners[one.owner] {
			one.told = true
			again = append(again, one)
		}
	}
	return again
}

// keep notes that one could not be told.
func (d *departed) keep(one *departure) {
	d.mu.Lock()
	defer d.mu.Unlock()
	one.told = false
}
