package diskjournal

import (
	"sync/atomic"
	"time"
)

// SyncBounds are the upper bounds of the buckets of SyncTimes, ascending. Beyond the last there is one bucket more.
var SyncBounds = [...]time.Duration{
	100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 35 * time.Millisecond,
	50 * time.Millisecond, 75 * time.Millisecond, 100 * time.Millisecond, 150 * time.Millisecond, 200 * time.Millisecond, 300 * time.Millisecond,
	500 * time.Millisecond, 750 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second,
}

// SyncTimes is how long synced writes took since the journal was opened.
type SyncTimes struct {
	Sum, Max time.Duration
	// Buckets counts those above the bound before and not above their own.
	Buckets [len(SyncBounds) + 1]uint64
}

// syncMeter gathers SyncTimes. Only the committer adds to it.
type syncMeter struct {
	sum, max atomic.Int64
	buckets  [len(SyncBounds) + 1]atomic.Uint64
}

func (m *syncMeter) add(d time.Duration) {
	i := 0
	for i < len(SyncBounds) && d > SyncBounds[i] {
		i++
	}
	m.buckets[i].Add(1)
	m.sum.Add(int64(d))
	m.max.Store(max(m.max.Load(), int64(d)))
}

func (m *syncMeter) times() SyncTimes {
	t := SyncTimes{Sum: time.Duration(m.sum.Load()), Max: time.Duration(m.max.Load())}
	for i := range m.buckets {
		t.Buckets[i] = m.buckets[i].Load()
	}
	return t
}
