package soak

import (
	"github.com/tutti-rt/tutti/internal/latency"
	"github.com/tutti-rt/tutti/internal/relay"
)

// Result is what a run has shown.
type Result struct {
	Seed      uint64  `json:"seed"`
	Seconds   float64 `json:"seconds"` // of load
	Rate      float64 `json:"rate"`    // asked for
	KillEvery float64 `json:"kill_every_seconds"`
	Places    int     `json:"entities"`

	Kills     int           `json:"kills"`
	KillAgain int           `json:"kills_while_starting"`
	Drains    int           `json:"drains"`
	Pause     latency.Spans `json:"kill_to_first_ack"`
	Start     latency.Spans `json:"kill_to_listening"`
	Stop      latency.Spans `json:"drain"`

	Acked    int64            `json:"acknowledged"`
	Refused  int64            `json:"rejected"`
	Refusals map[string]int64 `json:"rejected_by_code"`
	Unknown  int64            `json:"unknown"` // without an answer when their connection went for good
	Resent   int64            `json:"resent"`
	Held     int64            `json:"not_sent"` // due while the connection had no room
	Asked    int64            `json:"queries"`
	Answered int64            `json:"queries_answered"`

	Connections int64 `json:"connections"`
	Links       int64 `json:"links"`
	Dropped     int64 `json:"links_dropped"`
	Replaced    int64 `json:"links_replaced"`
	Ended       int64 `json:"links_ended_by_node"`
	Resumed     int64 `json:"links_resumed"`
	Anew        int64 `json:"links_too_far_behind"` // got a fresh state for their cursor
	Conflated   int64 `json:"conflated"`            // got a fresh state in their stream
	Dozed       int64 `json:"slow_reader_pauses"`
	Joined      int64 `json:"joined"`
	Left        int64 `json:"left"`

	Streams int64        `json:"event_streams,omitempty"` // of the links
	Polls   int64        `json:"polls,omitempty"`
	Posts   int64        `json:"posts,omitempty"`
	Tickets int64        `json:"tickets,omitempty"`
	Views   int64        `json:"views,omitempty"`
	Called  int64        `json:"called,omitempty"` // commands with a key that were acknowledged
	Twice   int64        `json:"called_twice,omitempty"`
	Network relay.Counts `json:"network,omitzero"`

	Events    int64 `json:"events_seen"`
	States    int64 `json:"states_seen"`
	Messages  int64 `json:"messages_seen"`
	Presences int64 `json:"presence_frames_seen"`
	Signals   int64 `json:"signals"`

	Verified  Verified `json:"verified"`
	Verifying float64  `json:"verifying_seconds"`

	ServerCPU     float64 `json:"server_cpu_seconds"`
	CPUPerMillion float64 `json:"server_cpu_seconds_per_million"` // commands answered, with all that was seen of them
	Memory        Memory  `json:"memory"`
	Disk          Disk    `json:"disk"`
	Full          Held    `json:"with_links"`
	Rest          Held    `json:"without_links"`

	Failures int       `json:"failures"`
	First    []Failure `json:"first_failures,omitempty"`
}

// Held is what the node has open.
type Held struct {
	Links      int `json:"links"`
	Goroutines int `json:"goroutines"`
	Files      int `json:"files"`
	Sockets    int `json:"sockets"` // of the files
}

// finish fills the result in.
func (r *run) finish() {
	s, n := &r.result, &r.counts
	s.Seed, s.Rate, s.KillEvery, s.Places = r.config.Seed, r.config.Rate, r.config.KillEvery.Seconds(), len(r.cast.places)
	s.Kills, s.KillAgain, s.Drains = int(r.supervisor.kills.Load()), r.supervisor.again, r.supervisor.drains
	s.Pause, s.Start, s.Stop = latency.SpansOf(r.pauses.all()), latency.SpansOf(r.supervisor.starts), latency.SpansOf(r.supervisor.stops)
	s.Acked, s.Refused, s.Refusals, s.Unknown = n.acked.Load(), n.refused.Load(), r.refusals.byCode, n.unknown.Load()
	s.Resent, s.Held, s.Asked, s.Answered = n.resent.Load(), n.held.Load(), n.asked.Load(), n.answered.Load()
	s.Connections, s.Links, s.Dropped, s.Replaced = int64(r.numbers.Load()), n.links.Load(), n.dropped.Load(), n.replaced.Load()
	s.Ended, s.Resumed, s.Anew, s.Conflated, s.Dozed = n.ended.Load(), n.resumed.Load(), n.anew.Load(), n.conflated.Load(), n.slow.Load()
	s.Joined, s.Left, s.Events, s.States = n.joined.Load(), n.left.Load(), n.events.Load(), n.states.Load()
	s.Messages, s.Presences, s.Signals = n.messages.Load(), n.presences.Load(), n.signals.Load()
	s.Streams, s.Polls, s.Posts = n.streams.Load(), n.polls.Load(), n.posts.Load()
	s.Tickets = n.tickets.Load()
	s.Views, s.Called, s.Twice = n.views.Load(), n.called[acked].Load(), n.calledTwice.Load()
	for _, one := range r.network {
		s.Network.Add(one.Counts())
	}
	s.ServerCPU = r.meter.seconds()
	if answered := s.Acked + s.Refused; answered > 0 {
		s.CPUPerMillion = s.ServerCPU / float64(answered) * 1e6
	}
	r.compareCounts()
	s.Failures, s.First = r.failures.All()
}

// compareCounts sees that what was counted while it happened is what was held against the journal.
func (r *run) compareCounts() {
	if n, _ := r.failures.All(); n > 0 {
		return // of which this would be one more effect
	}
	v := &r.result.Verified
	for _, c := range []struct {
		what            string
		counted, proven int64
	}{
		{"acknowledged commands", r.result.Acked, int64(v.Acked)},
		{"rejected commands", r.result.Refused, int64(v.Rejected)},
		{"commands of unknown fate", r.result.Unknown, int64(v.Unknown)},
		{"events seen", r.result.Events, int64(v.Deliveries)},
		{"commands with a key", r.result.Called, int64(v.Called)},
		{"states seen", r.result.States, int64(v.States)},
	} {
		if c.counted != c.proven {
			r.failures.add(Failure{Entity: "the record", Broken: c.what + " are all verified", Told: itoa(c.counted), Journal: itoa(c.proven)})
		}
	}
}
