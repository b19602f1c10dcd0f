package peer

import (
	"cmp"
	"slices"
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
	BytesSent, BytesReceived   uint64        // of frames, before encryption
	Dropped                    uint64        // frames that Send refused, or that waited when a connection broke
	Queued                     int           // bytes that wait
	RoundTrip                  time.Duration // of the last ping
	Refusal                    string        // why the last attempt was refused, while there is no connection
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
		FramesSent: r.framesSent.Load(), FramesReceived: r.framesReceived.Load(),
		BytesSent: r.bytesSent.Load(), BytesReceived: r.bytesReceived.Load(),
		RoundTrip: time.Duration(r.roundTrip.Load()),
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
