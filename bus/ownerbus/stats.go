package ownerbus

import "sync/atomic"

// counters are what a router counts.
type counters struct {
	moves, forwarded, refused, expired, dropped, garbage, told, heard, losses atomic.Int64
}

// Stats is what a router knows, and what it has done since it was made.
type Stats struct {
	Nodes       int   // others that have been heard of
	Partitions  int   // with an owner
	Mine        int   // of which this node thinks that it owns them
	Parked      int   // envelopes that wait for an owner
	ParkedBytes int   // of them
	Moves       int64 // owners that have come
	Forwarded   int64 // envelopes that came for a partition which this node did not own any more, and were passed on
	Refused     int64 // envelopes for which there was no owner, or no room to wait for one
	Expired     int64 // envelopes that have waited for too long
	Dropped     int64 // envelopes that had been passed on before, or were not taken
	Told        int64 // announcements of what this node owns
	Heard       int64 // announcements of others
	Losses      int64 // times at which the bus below has lost something of another node
	Garbage     int64 // what others told and could not be understood
}

// Stats returns figures as of now.
func (b *Bus) Stats() Stats {
	c := &b.count
	s := Stats{
		Moves: c.moves.Load(), Forwarded: c.forwarded.Load(), Refused: c.refused.Load(),
		Expired: c.expired.Load(), Dropped: c.dropped.Load(), Garbage: c.garbage.Load(),
		Told: c.told.Load(), Heard: c.heard.Load(), Losses: c.losses.Load(),
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s.Nodes, s.Mine, s.Parked, s.ParkedBytes = len(b.heard), len(b.mine), b.parked, b.bytes
	b.routes.Range(func(_, v any) bool {
		if v.(*route).here {
			s.Partitions++
		}
		return true
	})
	return s
}
