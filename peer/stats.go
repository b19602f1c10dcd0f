package peer

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/journal"
)

// Stats is what a mesh has done since it was made.
type Stats struct {
	Peers    []PeerStats // by ID
	Refused  uint64      // connections that came and were refused, or were none
	Unproved int         // connections that have not proved to be a node's yet
	Streams  int         // streams and calls that are served now
}

// PeerStats is what there was with one other node.
type PeerStats struct {
	ID      journal.NodeID
	Name    string // as it said when it was last connected
	Address string
	Up      bool
	// Connects counts connections that stood. All counts but this begin with the mesh, not with a connection.
	Connects                   uint64
	FramesSent, FramesReceived uint64
	BytesSent, BytesReceived   uint64                 // of frames, before encryption
	Channels                   [Channels]ChannelStats // the same, by channel
	// Writes is how often the connections were written to, and WireSent and WireReceived are the bytes on them: frames, what
	// keeps connections alive, and TLS. Streams and calls have connections of their own.
	Writes, WireSent, WireReceived uint64
	Dropped                        uint64        // frames that Send refused, or that waited when a connection broke
	Queued                         int           // bytes that wait
	RoundTrip                      time.Duration // of the last ping
	Refusal                        string        // why the last attempt was refused, while there is no connection
}

// ChannelStats is what there was on one channel with one other node.
type ChannelStats struct {
	FramesSent, FramesReceived uint64
	BytesSent, BytesReceived   uint64
}

// channelCount counts what ChannelStats says.
type channelCount struct {
	framesSent, framesReceived atomic.Uint64
	bytesSent, bytesReceived   atomic.Uint64
}

func (c *channelCount) stats() ChannelStats {
	return ChannelStats{
		FramesSent: c.framesSent.Load(), FramesReceived: c.framesReceived.Load(),
		BytesSent: c.bytesSent.Load(), BytesReceived: c.bytesReceived.Load(),
	}
}

// traffic counts what connections carry.
type traffic struct{ writes, sent, received atomic.Uint64 }

// Up reports whether there is a connection with the node.
func (m *Mesh) Up(id journal.NodeID) bool {
	r := m.remote(id)
	return r != nil && r.out.isOpen()
}

// Stats returns what was counted so far.
func (m *Mesh) Stats() Stats {
	s := Stats{Refused: m.refused.Load(), Unproved: m.unproved.count(), Streams: len(m.streams)}
	m.remotes.Range(func(_, v any) bool {
		s.Peers = append(s.Peers, v.(*remote).stats())
		return true
	})
	slices.SortFunc(s.Peers, func(a, b PeerStats) int { return cmp.Compare(a.ID, b.ID) })
	return s
}

func (r *remote) stats() PeerStats {
	s := PeerStats{
		ID: r.id, Connects: r.connects.Load(), Dropped: r.dropped.Load(), Queued: r.out.queued(),
		Writes: r.traffic.writes.Load(), WireSent: r.traffic.sent.Load(), WireReceived: r.traffic.received.Load(),
		RoundTrip: time.Duration(r.roundTrip.Load()),
	}
	for i := range r.channels {
		c := r.channels[i].stats()
		s.Channels[i] = c
		s.FramesSent += c.FramesSent
		s.FramesReceived += c.FramesReceived
		s.BytesSent += c.BytesSent
		s.BytesReceived += c.BytesReceived
	}
	s.Name, _ = r.name.Load().(string)
	s.Up = r.out.isOpen()
	if !s.Up {
		s.Refusal, _ = r.lastRefusal.Load().(string)
	}
	r.mu.Lock()
	s.Address = r.address
	r.mu.Unlock()
	return s
}
