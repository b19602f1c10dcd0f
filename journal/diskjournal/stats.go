package diskjournal

import (
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/internal/latency"
)

// Stats is what a journal has stored since it was opened.
type Stats struct {
	Syncs   int64 // writes, each with one sync
	Batches int64 // in those writes; also what else is an entry of a log, as the changes of owner
	Bytes   int64 // of those, as encoded
	Frames  int64 // to other nodes
	Sent    int64 // bytes in those
	// SyncTimes is how long those writes took, with their syncs.
	SyncTimes latency.Distribution
}

type counters struct {
	syncs, batches, bytes, frames, sent atomic.Int64
	took                                latency.Meter
}

func (c *counters) wrote(entries, bytes int, took time.Duration) {
	c.took.Add(took)
	c.syncs.Add(1)
	c.batches.Add(int64(entries))
	c.bytes.Add(int64(bytes))
}

// Stats returns figures as of now.
func (j *Journal) Stats() Stats {
	return Stats{
		Syncs: j.count.syncs.Load(), Batches: j.count.batches.Load(), Bytes: j.count.bytes.Load(),
		Frames: j.count.frames.Load(), Sent: j.count.sent.Load(),
		SyncTimes: j.count.took.Distribution(),
	}
}
