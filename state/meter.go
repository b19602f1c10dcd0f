package state

import (
	"sync/atomic"
	"time"
)

// TimingBounds are the upper bounds of the buckets of a Timing, ascending. Beyond the last there is one bucket more.
var TimingBounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 5 * time.Second,
}

// Timing is how long something took since the node was made.
type Timing struct {
	Count    uint64
	Sum, Max time.Duration
	// Buckets counts those above the bound before and not above their own.
	Buckets [len(TimingBounds) + 1]uint64
}

// meter gathers a Timing from many goroutines.
type meter struct {
	sum, max atomic.Int64
	buckets  [len(TimingBounds) + 1]atomic.Uint64
}

func (m *meter) add(d time.Duration) {
	i := 0
	for i < len(TimingBounds) && d > TimingBounds[i] {
		i++
	}
	m.buckets[i].Add(1)
	m.sum.Add(int64(d))
	for {
		most := m.max.Load()
		if int64(d) <= most || m.max.CompareAndSwap(most, int64(d)) {
			return
		}
	}
}

// since adds the time since then.
func (m *meter) since(then time.Time) { m.add(time.Since(then)) }

func (m *meter) timing() Timing {
	t := Timing{Sum: time.Duration(m.sum.Load()), Max: time.Duration(m.max.Load())}
	for i := range m.buckets {
		t.Buckets[i] = m.buckets[i].Load()
		t.Count += t.Buckets[i]
	}
	return t
}

// meters are what a node measures of activations, snapshots and views.
type meters struct {
	activations   meter
	passivations  atomic.Int64
	saving        atomic.Int64 // snapshots under way
	snapshotBytes atomic.Int64
	snapshots     meter
	snapshotTurns meter
	viewTurns     meter
}
