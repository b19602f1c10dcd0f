// Package latency counts how long things take.
package latency

import (
	"sync/atomic"
	"time"
)

// Bounds are the upper bounds of the buckets of a Distribution, ascending. Beyond the last there is one bucket more.
var Bounds = [...]time.Duration{
	50 * time.Microsecond, 100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 15 * time.Millisecond,
	20 * time.Millisecond, 30 * time.Millisecond, 40 * time.Millisecond, 50 * time.Millisecond, 75 * time.Millisecond,
	100 * time.Millisecond, 150 * time.Millisecond, 200 * time.Millisecond, 300 * time.Millisecond,
	500 * time.Millisecond, 750 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second,
}

// Distribution is how often something took how long.
type Distribution struct {
	Count    uint64
	Sum, Max time.Duration
	// Buckets counts those above the bound before and not above their own.
	Buckets [len(Bounds) + 1]uint64
}

// add adds what d counted, at a moment at which it may be counting on.
func (d *Distribution) add(m *Meter) {
	d.Sum += time.Duration(m.sum.Load())
	d.Max = max(d.Max, time.Duration(m.max.Load()))
	for i := range m.buckets {
		n := m.buckets[i].Load()
		d.Buckets[i] += n
		d.Count += n
	}
}

// Meter gathers a Distribution from many goroutines, which wait for nothing. The zero value is ready for use.
type Meter struct {
	sum, max atomic.Int64
	buckets  [len(Bounds) + 1]atomic.Uint64
}

// Add counts something that took d. What a clock that was set makes negative counts as 0.
func (m *Meter) Add(d time.Duration) { m.AddMany(d, 1) }

// AddMany counts n things that took d each.
func (m *Meter) AddMany(d time.Duration, n int) {
	d = max(d, 0)
	m.buckets[bucket(d)].Add(uint64(n))
	m.sum.Add(int64(d) * int64(n))
	for {
		most := m.max.Load()
		if int64(d) <= most || m.max.CompareAndSwap(most, int64(d)) {
			return
		}
	}
}

// Since counts something that began then and ends now.
func (m *Meter) Since(then time.Time) { m.Add(time.Since(then)) }

// Distribution returns what was counted so far.
func (m *Meter) Distribution() Distribution {
	var d Distribution
	d.add(m)
	return d
}

// bucket returns the index of the first bound that is not below d.
func bucket(d time.Duration) int {
	low, high := 0, len(Bounds)
	for low < high {
		if middle := (low + high) / 2; d > Bounds[middle] {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// shards is how many goroutines count at the same time without getting into each other's way.
const shards = 8

// Sharded is a Meter for what many cores count all the time: each has one of its own. The zero value is ready for use.
type Sharded struct {
	shards [shards]struct {
		Meter
		_ [64]byte // what is counted next door is in another line of the cache
	}
}

// Shard returns the meter for whoever has that number.
func (s *Sharded) Shard(i int) *Meter { return &s.shards[uint(i)%shards].Meter }

// Distribution returns what was counted so far.
func (s *Sharded) Distribution() Distribution {
	var d Distribution
	for i := range s.shards {
		d.add(&s.shards[i].Meter)
	}
	return d
}
