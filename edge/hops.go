package edge

import (
	"time"

	"github.com/tutti-rt/tutti/edge/internal/ring"
	"github.com/tutti-rt/tutti/internal/latency"
	"github.com/tutti-rt/tutti/wire"
)

// Hops is where the time of messages went before and after an edge had them.
type Hops struct {
	ClientEdge latency.Distribution // from clients to the edge, as they report it with their pings
	Edge       latency.Distribution // from the socket to the bus
	// Fanout is from when an effect left its owner until the write that took it to the socket: one for each write, of the
	// oldest byte in it. What a link catches up on does not count.
	Fanout     latency.Distribution
	EdgeClient latency.Distribution // from the edge to clients, as they report it
}

// hops gather Hops. Each worker's links have meters of their own.
type hops struct{ clientEdge, edge, fanout, edgeClient, roundTrip latency.Sharded }

func (h *hops) distributions() Hops {
	return Hops{
		ClientEdge: h.clientEdge.Distribution(), Edge: h.edge.Distribution(),
		Fanout: h.fanout.Distribution(), EdgeClient: h.edgeClient.Distribution(),
	}
}

// wall returns the time of day at a moment that is now.
func (e *Edge) wall(now time.Time) time.Time {
	if e.ownClock {
		return e.clock()
	}
	return now
}

// stamp returns the stamp of now.
func (e *Edge) stamp() ring.Stamp { return ring.StampOf(e.wall(time.Now()).UnixMicro()) }

// completeHops adds the edge's last hop to those of a traced command, as far as it goes when the frame is made.
func (e *Edge) completeHops(env *wire.Envelope) *wire.Hops {
	if env.Hops == nil {
		return nil
	}
	hops := *env.Hops
	if env.Sent > 0 {
		hops.Fanout += max(e.wall(time.Now()).UnixMicro()-env.Sent, 0)
	}
	return &hops
}

// pong says what the edge knows of a ping. Its number is when it came, in µs since the edge was made.
func (e *Edge) pong(env *wire.Envelope) wire.FrameOptions {
	now := time.Now()
	whole := now.Sub(e.start).Microseconds() - int64(env.Command)
	return wire.FrameOptions{EdgeUS: max(whole-env.Spent, 0), At: e.wall(now).UnixMicro() - whole}
}

// leaves counts how long the frame took that leaves for the bus now, and returns that.
func (in *inbound) leaves(now time.Time) time.Duration {
	spent := now.Sub(in.edge.start) - time.Duration(in.arrived)
	in.edge.hops.edge.Shard(in.worker.index).Add(spent)
	return spent
}

// leaves counts how long a frame took that leaves for the bus now, since its body was there.
func (q *question) leaves(env *wire.Envelope) {
	spent := time.Since(q.arrived)
	q.edge.hops.edge.Shard(len(q.id)).Add(spent) // any will do
	if env.Has(wire.Trace) {
		env.Spent = max(spent.Microseconds(), 0)
	}
}

// report counts what the client measured.
func (in *inbound) report(f *wire.ClientFrame) {
	h := &in.edge.hops
	if f.HasUp {
		h.clientEdge.Shard(in.worker.index).Add(time.Duration(f.Up) * time.Microsecond)
	}
	if f.HasDown {
		h.edgeClient.Shard(in.worker.index).Add(time.Duration(f.Down) * time.Microsecond)
	}
}

// writes are those of a worker whose time is not known yet: a few share one reading of the clock.
type writes struct {
	n    int
	list [writesAtOnce]struct {
		oldest ring.Stamp
		count  int
	}
	total int
}

const (
	// writesAtOnce is how many writes of different stamps share a reading of the clock, and sweptAtOnce how many in all:
	// some ten µs and half a millisecond of writing.
	writesAtOnce = 8
	sweptAtOnce  = 64
)

// wrote counts a write in which the oldest byte has that stamp.
func (w *worker) wrote(oldest ring.Stamp) {
	if oldest == 0 {
		return
	}
	p := &w.writes
	if p.n == 0 || p.list[p.n-1].oldest != oldest {
		if p.n == writesAtOnce {
			w.countWrites()
		}
		p.list[p.n].oldest, p.list[p.n].count = oldest, 0
		p.n++
	}
	p.list[p.n-1].count++
	if p.total++; p.total == sweptAtOnce {
		w.countWrites()
	}
}

// countWrites says that the writes so far have happened by now.
func (w *worker) countWrites() {
	p := &w.writes
	if p.n == 0 {
		return
	}
	now := w.edge.stamp()
	for _, x := range p.list[:p.n] {
		w.edge.hops.fanout.Shard(w.index).AddMany(x.oldest.Age(now), x.count)
	}
	p.n, p.total = 0, 0
}

// delivered says that the socket has everything that was gathered.
func (l *link) delivered() {
	if l.oldest != 0 {
		l.edge.hops.fanout.Shard(l.worker.index).Add(l.oldest.Age(l.edge.stamp()))
		l.oldest = 0
	}
}
