package node

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tutti-rt/tutti/bus/natsbus"
	"github.com/tutti-rt/tutti/bus/ownerbus"
	"github.com/tutti-rt/tutti/journal/diskjournal"
	"github.com/tutti-rt/tutti/peer"
)

// metrics returns what a node of a cluster tells more than one alone.
func (j *joined) metrics() []prometheus.Collector {
	all := []prometheus.Collector{newLaneMetrics(j.nats), newRouterMetrics(j.router)}
	if j.mesh != nil {
		all = append(all, newPeerMetrics(j.mesh))
	}
	return all
}

// channelNames say what is sent on the channels of the mesh.
var channelNames = map[int]string{channelLog: "log", channelRegistry: "registry"}

func newPeerMetrics(m *peer.Mesh) *collector[peer.Stats] {
	c := newCollector("tutti_peer_", m.Stats, []metric[peer.Stats]{
		{"refused_total", "Connections that came and were refused.", counter, func(s peer.Stats) float64 { return float64(s.Refused) }},
		{"streams", "Streams and calls of other nodes that are served.", gauge, func(s peer.Stats) float64 { return float64(s.Streams) }},
	})
	each := func(name, help string, kind prometheus.ValueType, value func(p *peer.PeerStats) float64) {
		c.many("tutti_peer_"+name, help, kind, []string{"peer", "name"}, func(s peer.Stats, is func(float64, ...string)) {
			for i := range s.Peers {
				p := &s.Peers[i]
				is(value(p), strconv.FormatUint(uint64(p.ID), 10), p.Name)
			}
		})
	}
	each("up", "Whether there is a connection with the node.", gauge, func(p *peer.PeerStats) float64 { return yes(p.Up) })
	each("connects_total", "Connections that stood.", counter, func(p *peer.PeerStats) float64 { return float64(p.Connects) })
	each("dropped_frames_total", "Frames that found no room, or were lost with a connection.", counter, func(p *peer.PeerStats) float64 { return float64(p.Dropped) })
	each("queued_bytes", "Bytes that wait to be sent.", gauge, func(p *peer.PeerStats) float64 { return float64(p.Queued) })
	each("round_trip_seconds", "Time of the last ping.", gauge, func(p *peer.PeerStats) float64 { return p.RoundTrip.Seconds() })
	each("writes_total", "Writes to the connection, each with many frames.", counter, func(p *peer.PeerStats) float64 { return float64(p.Writes) })
	each("wire_sent_bytes_total", "Bytes sent on the connection, with TLS.", counter, func(p *peer.PeerStats) float64 { return float64(p.WireSent) })
	each("wire_received_bytes_total", "Bytes received on the connection, with TLS.", counter, func(p *peer.PeerStats) float64 { return float64(p.WireReceived) })

	by := func(name, help string, value func(c *peer.ChannelStats) uint64) {
		c.many("tutti_peer_"+name, help, counter, []string{"peer", "name", "channel"}, func(s peer.Stats, is func(float64, ...string)) {
			for i := range s.Peers {
				p := &s.Peers[i]
				for n, channel := range channelNames {
					is(float64(value(&p.Channels[n])), strconv.FormatUint(uint64(p.ID), 10), p.Name, channel)
				}
			}
		})
	}
	by("frames_sent_total", "Frames sent.", func(c *peer.ChannelStats) uint64 { return c.FramesSent })
	by("frames_received_total", "Frames received.", func(c *peer.ChannelStats) uint64 { return c.FramesReceived })
	by("bytes_sent_total", "Bytes of frames sent, before encryption.", func(c *peer.ChannelStats) uint64 { return c.BytesSent })
	by("bytes_received_total", "Bytes of frames received, before encryption.", func(c *peer.ChannelStats) uint64 { return c.BytesReceived })
	return c
}

func newLaneMetrics(b *natsbus.Bus) *collector[natsbus.Stats] {
	c := newCollector("tutti_bus_", b.Stats, []metric[natsbus.Stats]{
		{"garbage_total", "Messages that were none of a bus.", counter, func(s natsbus.Stats) float64 { return float64(s.Garbage) }},
		{"dropped_total", "Times that what arrived was not taken in time.", counter, func(s natsbus.Stats) float64 { return float64(s.Dropped) }},
	})
	each := func(name, help string, kind prometheus.ValueType, value func(l natsbus.LaneStats) float64) {
		c.many("tutti_bus_lane_"+name, help, kind, []string{"lane"}, func(s natsbus.Stats, is func(float64, ...string)) {
			keyed(s.Lanes, value, is)
		})
	}
	each("up", "Whether the lane is connected.", gauge, func(l natsbus.LaneStats) float64 { return yes(l.Connected) })
	each("waiting_bytes", "Bytes that wait to be sent.", gauge, func(l natsbus.LaneStats) float64 { return float64(l.Waiting) })
	each("envelopes_sent_total", "Envelopes sent to other nodes.", counter, func(l natsbus.LaneStats) float64 { return float64(l.Envelopes) })
	each("messages_sent_total", "Messages that they were sent in.", counter, func(l natsbus.LaneStats) float64 { return float64(l.Messages) })
	each("bytes_sent_total", "Bytes of those messages.", counter, func(l natsbus.LaneStats) float64 { return float64(l.Bytes) })
	each("messages_received_total", "Messages received.", counter, func(l natsbus.LaneStats) float64 { return float64(l.Received) })
	each("bytes_received_total", "Bytes of messages received.", counter, func(l natsbus.LaneStats) float64 { return float64(l.ReceivedBytes) })
	each("full_total", "Envelopes refused since too much waited.", counter, func(l natsbus.LaneStats) float64 { return float64(l.Full) })
	each("lost_total", "Envelopes lost with the connection.", counter, func(l natsbus.LaneStats) float64 { return float64(l.Lost) })
	return c
}

func newRouterMetrics(b *ownerbus.Bus) *collector[ownerbus.Stats] {
	return newCollector("tutti_router_", b.Stats, []metric[ownerbus.Stats]{
		{"nodes", "Other nodes that have told what they own.", gauge, func(s ownerbus.Stats) float64 { return float64(s.Nodes) }},
		{"owners", "Partitions with an owner that is known.", gauge, func(s ownerbus.Stats) float64 { return float64(s.Partitions) }},
		{"owned", "Partitions that this node owns.", gauge, func(s ownerbus.Stats) float64 { return float64(s.Mine) }},
		{"parked", "Envelopes that wait for an owner.", gauge, func(s ownerbus.Stats) float64 { return float64(s.Parked) }},
		{"parked_bytes", "Bytes of those envelopes.", gauge, func(s ownerbus.Stats) float64 { return float64(s.ParkedBytes) }},
		{"moves_total", "Owners that came.", counter, func(s ownerbus.Stats) float64 { return float64(s.Moves) }},
		{"forwarded_total", "Envelopes passed on to the next owner.", counter, func(s ownerbus.Stats) float64 { return float64(s.Forwarded) }},
		{"refused_total", "Envelopes with no owner, or no room to wait for one.", counter, func(s ownerbus.Stats) float64 { return float64(s.Refused) }},
		{"expired_total", "Envelopes that waited for too long.", counter, func(s ownerbus.Stats) float64 { return float64(s.Expired) }},
		{"dropped_total", "Envelopes passed on before, or not taken.", counter, func(s ownerbus.Stats) float64 { return float64(s.Dropped) }},
		{"announced_total", "Announcements of what this node owns.", counter, func(s ownerbus.Stats) float64 { return float64(s.Told) }},
		{"heard_total", "Announcements of other nodes.", counter, func(s ownerbus.Stats) float64 { return float64(s.Heard) }},
		{"garbage_total", "Announcements that could not be understood.", counter, func(s ownerbus.Stats) float64 { return float64(s.Garbage) }},
	})
}

// behind reports how far other nodes are behind this one.
func behind(s diskjournal.Stats, is func(float64, ...string)) {
	for id, n := range s.Behind {
		is(float64(n), strconv.FormatUint(uint64(id), 10))
	}
}
