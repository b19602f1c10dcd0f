package latency_test

import (
	"sync"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/internal/latency"
	"pgregory.net/rapid"
)

// TestMeter counts durations at random and holds the result against a plain count.
func TestMeter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m latency.Meter
		var want latency.Distribution
		for range rapid.IntRange(0, 50).Draw(t, "additions") {
			d := time.Duration(rapid.Int64Range(-5, 15e9).Draw(t, "duration"))
			if rapid.Bool().Draw(t, "bound") {
				d = latency.Bounds[rapid.IntRange(0, len(latency.Bounds)-1).Draw(t, "which")]
			}
			n := rapid.IntRange(1, 1000).Draw(t, "times")
			m.AddMany(d, n)
			d = max(d, 0)
			i := 0
			for i < len(latency.Bounds) && d > latency.Bounds[i] {
				i++
			}
			want.Buckets[i] += uint64(n)
			want.Count += uint64(n)
			want.Sum += d * time.Duration(n)
			want.Max = max(want.Max, d)
		}
		if got := m.Distribution(); got != want {
			t.Errorf("Distribution() = %+v, want %+v", got, want)
		}
	})
}

func TestShardedLosesNothing(t *testing.T) {
	var s latency.Sharded
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for range 1000 {
				s.Shard(i - 3).Add(time.Duration(i) * time.Millisecond)
			}
		})
	}
	wg.Wait()
	d := s.Distribution()
	if d.Count != 20_000 || d.Sum != 190*time.Second || d.Max != 19*time.Millisecond {
		t.Errorf("Distribution() = %d, %v and at most %v, want 20000, 190s and 19ms", d.Count, d.Sum, d.Max)
	}
}

func BenchmarkAdd(b *testing.B) {
	b.Run("meter=one", func(b *testing.B) {
		var m latency.Meter
		d := time.Duration(0)
		b.ReportAllocs()
		for b.Loop() {
			d = (d + 37*time.Microsecond) % time.Second
			m.Add(d)
		}
	})
	b.Run("meter=sharded/parallel", func(b *testing.B) {
		var s latency.Sharded
		var next sync.Mutex
		shard := 0
		b.RunParallel(func(pb *testing.PB) {
			next.Lock()
			m := s.Shard(shard)
			shard++
			next.Unlock()
			d := time.Duration(0)
			for pb.Next() {
				d = (d + 37*time.Microsecond) % time.Second
				m.Add(d)
			}
		})
	})
	b.Run("clock", func(b *testing.B) {
		for b.Loop() {
			_ = time.Now()
		}
	})
}
