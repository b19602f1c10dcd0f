package peer

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// maxWaiting bounds the connections of one node that wait to know whether another process with its number lives.
const maxWaiting = 8

// remote is another node as this one sees it. Of a pair of nodes the one with the lower number decides which
// connection is used, whoever dialed it; the other uses what it is told.
type remote struct {
	mesh *Mesh
	id   journal.NodeID
	out  *outbox
	// floor holds one while a connection is told of and read: the next one waits until the one before is told to be down.
	floor chan struct{}
	// changed holds one when there is something new for keep: no connection any more, another address.
	changed chan struct{}

	dropped, connects atomic.Uint64
	channels          [Channels]channelCount
	traffic           traffic
	roundTrip         atomic.Int64
	stood             atomic.Int64 // for how long the last connection did; a while when there was none yet
	name, lastRefusal atomic.Value // string

	mu      sync.Mutex
	address string
	missed  time.Time // since when there is no connection though there should be one; zero: nobody has missed it
	conn    *conn     // that is used, or about to be
	removed bool
	waiting int // connections of a new instance that wait for an old one's end
}

func newRemote(m *Mesh, id journal.NodeID, address string, floor chan struct{}) *remote {
	r := &remote{
		mesh: m, id: id, address: address,
		out:     newOutbox(m.config.QueueFrames, m.config.QueueBytes),
		floor:   floor,
		changed: make(chan struct{}, 1),
	}
	r.stood.Store(int64(m.config.Retry))
	return r
}

// leads says whether this node decides which connection is used.
func (r *remote) leads() bool { return r.mesh.config.Node < r.id }

// adopt makes c the connection that is used. Where there is one already, c takes its place or is refused.
func (r *remote) adopt(c *conn, replace bool) *Refusal {
	r.mu.Lock()
	old := r.conn
	switch {
	case r.removed:
		r.mu.Unlock()
		return refusal(ReasonStranger, "node %d was removed", r.id)
	case old != nil && !replace:
		r.mu.Unlock()
		return refusal(ReasonStanding, "there is a connection already")
	}
	r.conn, r.missed = c, time.Time{}
	r.mu.Unlock()
	if old != nil {
		old.end(errReplaced)
	}
	return nil
}

// release says that c is not used any more.
func (r *remote) release(c *conn) {
	r.mu.Lock()
	if r.conn == c {
		r.conn = nil
	}
	r.mu.Unlock()
	r.poke()
}

func (r *remote) poke() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

func (r *remote) move(address string) {
	r.mu.Lock()
	same := r.address == address
	r.address = address
	r.mu.Unlock()
	if !same {
		r.stood.Store(int64(r.mesh.config.Retry))
		r.poke()
	}
}

func (r *remote) remove() {
	r.mu.Lock()
	r.removed = true
	c := r.conn
	r.mu.Unlock()
	if c != nil {
		c.end(errRemoved)
	}
	r.poke()
}

// want returns the address to dial; "" when there is nothing to do now.
func (r *remote) want() (address string, removed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn != nil {
		return "", r.removed
	}
	return r.address, r.removed
}

// alone waits until no other living instance of the node is connected, for as long as it takes to know that one lives.
func (r *remote) alone(ctx context.Context, instance Instance) *Refusal {
	r.mu.Lock()
	old := r.conn
	if old == nil || old.instance == instance {
		r.mu.Unlock()
		return nil
	}
	duplicate := refusal(ReasonDuplicate, "node %d is connected already, from another process", r.id)
	if r.waiting == maxWaiting {
		r.mu.Unlock()
		return duplicate
	}
	r.waiting++
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.waiting--
		r.mu.Unlock()
	}()
	timer := time.NewTimer(r.mesh.config.Silence + 2*stallGrace)
	defer timer.Stop()
	select {
	case <-old.done:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return duplicate
}

// soon is the first pause between two attempts to connect.
const soon = 25 * time.Millisecond

// keep dials the node whenever there is no connection, until ctx is done or the node is removed. It begins at once when a connection has
// stood for a while, and pauses ever longer when none does.
func (r *remote) keep(ctx context.Context) {
	longest := r.mesh.config.Retry
	pause := min(soon, longest)
	for ctx.Err() == nil {
		address, removed := r.want()
		if removed {
			return
		}
		if address == "" {
			select {
			case <-ctx.Done():
			case <-r.changed:
			}
			continue
		}
		if time.Duration(r.stood.Swap(0)) >= longest {
			pause = min(soon, longest)
		} else if !r.rest(ctx, pause/2+rand.N(pause)) {
			continue
		} else {
			pause = min(2*pause, longest)
		}
		if err := r.mesh.connect(ctx, r, address); err != nil && ctx.Err() == nil {
			r.failed(address, err)
		}
	}
}

// rest says whether nothing has changed for that long.
func (r *remote) rest(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-r.changed:
	case <-timer.C:
		return true
	}
	return false
}

// failed reports that an attempt to connect came to nothing.
func (r *remote) failed(address string, err error) {
	if refused, ok := errors.AsType[*Refusal](err); ok {
		if refused.Reason == ReasonStanding {
			return // the connection is there, or its end is about to be noticed
		}
		r.lastRefusal.Store(refused.Text)
	}
	if r.missing(time.Now()) < patience {
		r.mesh.log.Debug("no connection with a node yet", "node", uint64(r.id), "address", address, "error", err)
		return
	}
	r.mesh.report(slog.Uint64("node", uint64(r.id)), address, "no connection with a node", err)
}

// patience is for how long a node may be away without a warning: nodes start at different times, and are replaced.
const patience = 2 * time.Second

// missing returns for how long attempts to connect have failed.
func (r *remote) missing(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.missed.IsZero() {
		r.missed = now
	}
	return now.Sub(r.missed)
}

// tell brings the news to whoever watches.
func (r *remote) tell(up bool) {
	for _, f := range r.mesh.watchers {
		f(r.id, up)
	}
}
