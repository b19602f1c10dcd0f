package state

import (
	"sync/atomic"

	"github.com/tutti-rt/tutti/internal/latency"
)

// meters are what a node measures of its entities.
type meters struct {
	activations   latency.Meter
	passivations  atomic.Int64
	saving        atomic.Int64 // snapshots under way
	snapshotBytes atomic.Int64
	snapshots     latency.Meter
	snapshotTurns latency.Meter
	viewTurns     latency.Meter
	handOvers     latency.Meter
	pauses        latency.Meter
	warm          atomic.Int64
	mirrored      atomic.Int64 // bytes of copies
	answered      atomic.Int64 // by mirrors
	passed        atomic.Int64 // on by mirrors
	mismatches    atomic.Int64
	hops          hops
}

// hops are where the time of messages goes in a node.
type hops struct{ bus, mailbox, handler, journal latency.Sharded }

// hopMeters are those that one partition counts with.
type hopMeters struct{ bus, mailbox, handler, journal *latency.Meter }

func (h *hops) of(partition int) hopMeters {
	return hopMeters{h.bus.Shard(partition), h.mailbox.Shard(partition), h.handler.Shard(partition), h.journal.Shard(partition)}
}

// Hops is where the time of messages went, those of all kinds together.
type Hops struct {
	Bus     latency.Distribution // from whoever sent it to the node
	Mailbox latency.Distribution // from there until the entity turned to it; with its activation, where it was not in memory
	Handler latency.Distribution // in the turn: deciding, applying events, encoding what leaves
	Journal latency.Distribution // from the end of the turn until it was durable; not of ephemeral entities
}
