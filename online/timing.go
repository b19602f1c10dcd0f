package online

import "time"

// DefaultShards is how many shards a directory has unless told otherwise.
const DefaultShards = 16

// Lane is the lane on the bus for what agents and shards say to each other.
const Lane = "online"

// Timing says how long agents and shards wait. Zero fields mean the defaults named there; all agents and shards of a
// cluster have the same.
type Timing struct {
	Linger time.Duration // from the last link of a subject until it is not online any more (default 5 s)
	Gather time.Duration // for changes before they are sent (default 50 ms)
	Beat   time.Duration // between two signs of life of an agent (default 10 s)
	TTL    time.Duration // without one, until an edge's subjects are not online any more (default 30 s)
}

func (t Timing) withDefaults() Timing {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{{&t.Linger, 5 * time.Second}, {&t.Gather, 50 * time.Millisecond}, {&t.Beat, 10 * time.Second}, {&t.TTL, 30 * time.Second}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return t
}
