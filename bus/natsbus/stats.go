package natsbus

// Stats is what a bus has done since it was opened.
type Stats struct {
	Lanes map[string]LaneStats
	// Garbage counts messages that were none of a bus, and envelopes that could not be decoded.
	Garbage int64
	// Dropped counts times at which what arrived was not taken in time, and envelopes of which a piece was lost.
	Dropped int64
	// Missing counts messages of other buses that have not come. Those sent to an address before it was listened at are among them.
	Missing int64
}

// LaneStats is what a lane has done.
type LaneStats struct {
	Connected bool
	Waiting   int   // bytes that are to be sent
	Envelopes int64 // sent over NATS
	Messages  int64 // that they were sent in; a large envelope leaves in several
	Bytes     int64 // of those messages, without what NATS adds
	Full      int64 // envelopes that were refused, since too much was waiting
	Lost      int64 // envelopes that could not be sent any more, since the connection broke
	// Received and ReceivedBytes are of messages from other buses.
	Received, ReceivedBytes int64
}

// Stats returns figures as of now.
func (b *Bus) Stats() Stats {
	s := Stats{Lanes: make(map[string]LaneStats, len(b.lanes)), Garbage: b.garbage.count.Load(), Dropped: b.dropped.count.Load(), Missing: b.missing.Load()}
	for name, l := range b.lanes {
		s.Lanes[name] = LaneStats{
			Connected: !l.down.Load(), Waiting: l.queue.waitingBytes(),
			Envelopes: l.envelopes.Load(), Messages: l.messages.Load(), Bytes: l.bytes.Load(),
			Full: l.full.Load(), Lost: l.lost.Load(), Received: l.came.messages.Load(), ReceivedBytes: l.came.bytes.Load(),
		}
	}
	return s
}
