package edge

import (
	"sync/atomic"

	"github.com/tutti-rt/tutti/internal/latency"
)

// Stats is what an edge has done since it was made, and what it holds.
type Stats struct {
	Links         int   // open links
	Entities      int   // with a link here
	Rings         int   // that hold anything
	RingBytes     int64 // of all rings
	PrivateBytes  int64 // of frames that wait for one link alone
	Unfinished    int64 // bytes of messages that have come in part
	Unanswered    int64 // bytes of commands and queries that are kept for another owner
	Questions     int   // requests that wait for an entity's answer
	Accepted      int64 // handshakes that were accepted
	Refused       int64 // handshakes that were refused
	FramesIn      int64 // frames of clients
	FramesOut     int64 // frames made: for a ring once, whatever the number of its links
	Sweeps        int64 // of a worker over its share of a ring
	Writes        int64 // to sockets
	BytesOut      int64 // to sockets
	Blocked       int64 // times that a socket took no more bytes
	Conflations   int64 // fresh states asked for links that were behind
	Backlogs      int64 // catch-ups from the journal
	SlowConsumers int64 // links ended because they did not drain
	Reattached    int64 // times that a link was attached to another owner of its entity
	RateLimited   int64 // frames refused and links ended because there were too many

	Hops      Hops
	RoundTrip latency.Distribution // of the heartbeats: from a ping to its pong
}

// counters are the parts of Stats that are counted as they happen.
type counters struct {
	links, entities                        atomic.Int64
	private, unfinished, unanswered        atomic.Int64
	questions                              atomic.Int64
	accepted, refused                      atomic.Int64
	framesIn, framesOut                    atomic.Int64
	sweeps, writes, bytesOut, blocked      atomic.Int64
	conflations, backlogs, slow, rateLimit atomic.Int64
	reattached                             atomic.Int64
}

// Stats returns a snapshot.
func (e *Edge) Stats() Stats {
	bytes, rings := e.budget.Used()
	c := &e.count
	return Stats{
		Links: int(c.links.Load()), Entities: int(c.entities.Load()),
		Rings: rings, RingBytes: bytes,
		PrivateBytes: c.private.Load(), Unfinished: c.unfinished.Load(), Unanswered: c.unanswered.Load(),
		Questions: int(c.questions.Load()),
		Accepted:  c.accepted.Load(), Refused: c.refused.Load(),
		FramesIn: c.framesIn.Load(), FramesOut: c.framesOut.Load(),
		Sweeps: c.sweeps.Load(), Writes: c.writes.Load(), BytesOut: c.bytesOut.Load(),
		Blocked: c.blocked.Load(), Conflations: c.conflations.Load(), Backlogs: c.backlogs.Load(),
		SlowConsumers: c.slow.Load(), RateLimited: c.rateLimit.Load(), Reattached: c.reattached.Load(),
		Hops: e.hops.distributions(), RoundTrip: e.hops.roundTrip.Distribution(),
	}
}
